"""What engines did on the way, what answers have to say besides pictures: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL."""
    run_sql(revision)
