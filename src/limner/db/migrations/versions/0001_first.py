"""The first schema: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
