"""Usage by the hour, redeem codes: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
