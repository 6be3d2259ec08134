"""Inboxes and what was sent to them: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
