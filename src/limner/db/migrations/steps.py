"""What every step does: run the SQL file of its number, whole, on the driver's own connection."""

from __future__ import annotations

from alembic import op

from limner.db.schema import MIGRATIONS


def run_sql(revision: str) -> None:
    """Run `sql/<revision>_*.sql`."""
    (path,) = (MIGRATIONS / "sql").glob(f"{revision}_*.sql")
    run_script(path.read_text(encoding="utf-8"))


def run_script(script: str) -> None:
    """Run statements. The driver takes many at once; SQLAlchemy's layer above it would not."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(script))
