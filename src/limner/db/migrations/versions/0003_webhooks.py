"""Callbacks and their receivers: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
