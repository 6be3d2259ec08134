"""What every step does: run the SQL file of its number, whole, on the driver's own connection."""

from __future__ import annotations

from alembic import op

from limner.db.schema import MIGRATIONS


def run_sql(revision: str) -> None:
    """Run `sql/<revision>_*.sql`. The driver takes many statements at once; SQLAlchemy's layer above it would not."""
    (path,) = (MIGRATIONS / "sql").glob(f"{revision}_*.sql")
    script = path.read_text(encoding="utf-8")
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(script))
