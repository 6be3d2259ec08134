"""Pictures that callers give, to be painted from: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
