"""Rules for prompts and pictures, and what was decided by them: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
