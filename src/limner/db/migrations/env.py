"""Alembic's entry: one connection, one lock, one transaction for all the steps that are missing."""

from __future__ import annotations

import asyncio
from typing import Final

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

# Any number that nobody else locks: "limner" on a telephone's keys.
_ADVISORY_LOCK: Final = 546637


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        context.run_migrations()


async def _run() -> None:
    from sqlalchemy.engine import make_url

    url = make_url(context.config.attributes["url"])
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(_run())
