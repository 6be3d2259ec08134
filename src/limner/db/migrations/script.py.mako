"""${message}: see the SQL file of the same number."""

from limner.db.migrations.steps import run_sql

revision = "${up_revision}"
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_sql(revision)
