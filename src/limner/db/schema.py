"""Brings a database to the schema that this version expects.

The migrations are plain SQL, one file each, run by Alembic in a process of its own: it is needed once in a version's
life, and its libraries would stay in the server's memory for good. Two processes that start together take turns.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from limner.db import Database, DatabaseUnavailable

URL_VARIABLE: Final = "LIMNER_MIGRATE_URL"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SQL: Final = MIGRATIONS / "sql"


def newest() -> str:
    """The revision that this version expects: the number of the last SQL file."""
    return max(path.name.partition("_")[0] for path in _SQL.glob("*.sql"))


async def current(database: Database) -> str | None:
    """The revision that the database is at; None when it is empty."""
    async with database.statement() as tx:
        if await tx.value("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await tx.value("SELECT version_num FROM alembic_version")
        return revision


async def upgrade(database: Database, url: str) -> bool:
    """Bring the schema up to date; whether there was anything to do. Raises `DatabaseUnavailable` when it fails."""
    at = await current(database)
    if at == newest():
        return False
    if at is not None and at > newest():
        raise DatabaseUnavailable(
            f"the database is at schema {at}, newer than this version of limner knows ({newest()}): upgrade limner"
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "limner.db.migrations",
        env={**os.environ, URL_VARIABLE: url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise DatabaseUnavailable(f"the schema could not be upgraded to {newest()}: {last[0]}")
    return True
