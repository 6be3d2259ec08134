"""Keys that let pass what an engine cannot do: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
