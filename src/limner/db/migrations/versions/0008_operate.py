"""Models as operators change them, the audit log, platform tokens: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
