"""Passwords, sessions, links, invitations: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
