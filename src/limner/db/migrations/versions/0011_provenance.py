"""The authority that signs pictures: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
