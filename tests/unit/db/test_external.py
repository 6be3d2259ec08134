"""A PostgreSQL of the operator's own: an older version, over TCP, with a password, and it may go away and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from limner.db import Database, DatabaseUnavailable, schema
from support.postgres import ExternalPostgres

ENDS = pytest.mark.parametrize(
    "end",
    [ExternalPostgres.stop, lambda server: server.stop("immediate"), ExternalPostgres.kill],
    ids=["stopped", "stopped at once", "killed"],
)


@pytest.fixture
async def url(external_postgres: ExternalPostgres) -> str:
    """The address of a new database."""
    name = f"limner_{uuid4().hex}"
    server = await Database.open(external_postgres.url, connections_max=2)
    async with server.statement() as tx:
        await tx.run(f"CREATE DATABASE {name}")
    await server.close()
    return urlsplit(external_postgres.url)._replace(path=f"/{name}").geturl()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, connections_max=4)
    yield database
    await database.close()


@pytest.fixture
def server(external_postgres: ExternalPostgres) -> Iterator[ExternalPostgres]:
    """The server, to be ended in a test; the next finds it running."""
    yield external_postgres
    if not external_postgres.is_running():
        external_postgres.start()


async def test_the_schema_is_made_there(database: Database, url: str) -> None:
    assert await schema.current(database) is None

    assert await schema.upgrade(database, url)

    assert await schema.current(database) == schema.newest()
    assert not await schema.upgrade(database, url)


async def test_a_wrong_password_is_said_and_not_repeated(external_postgres: ExternalPostgres) -> None:
    parts = urlsplit(external_postgres.url)
    wrong = parts._replace(netloc=f"{parts.username}:hunter2@{parts.hostname}:{parts.port}").geturl()

    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as refused:
        await Database.open(wrong, connections_max=2)

    assert f"at 127.0.0.1:{parts.port}" in refused.value.message
    assert "hunter2" not in refused.value.message


async def words(database: Database) -> list[str]:
    async with database.statement() as tx:
        return [row["word"] for row in await tx.rows("SELECT word FROM scribbles ORDER BY word")]


@ENDS
async def test_the_database_is_missed_while_the_server_is_away_and_found_again(
    database: Database, server: ExternalPostgres, end: Callable[[ExternalPostgres], None]
) -> None:
    async with database.transaction() as tx:
        await tx.run("CREATE TABLE scribbles (word text)")
        await tx.run("INSERT INTO scribbles VALUES ('kept')")

    await asyncio.to_thread(end, server)
    for _each_connection_and_then_some in range(6):
        with pytest.raises(DatabaseUnavailable, match="does not answer; try again"):
            await words(database)
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await Database.open(server.url, connections_max=2)

    await asyncio.to_thread(server.start)
    assert await words(database) == ["kept"]


async def test_a_transaction_that_was_cut_off_left_nothing(database: Database, server: ExternalPostgres) -> None:
    async with database.statement() as tx:
        await tx.run("CREATE TABLE scribbles (word text)")

    with pytest.raises(DatabaseUnavailable):  # noqa: PT012 - the block is the scene
        async with database.transaction() as tx:
            await tx.run("INSERT INTO scribbles VALUES ('half')")
            await asyncio.to_thread(server.kill)

    await asyncio.to_thread(server.start)
    assert await words(database) == []


@ENDS
async def test_a_query_under_way_is_told_when_the_server_goes(
    database: Database, server: ExternalPostgres, end: Callable[[ExternalPostgres], None]
) -> None:
    async def slow() -> None:
        async with database.statement() as tx:
            await tx.run("SELECT pg_sleep(25)")

    waiting = asyncio.create_task(slow())
    while not await asleep(database):
        pass
    await asyncio.to_thread(end, server)

    with pytest.raises(DatabaseUnavailable, match="does not answer; try again"):
        await waiting


async def asleep(database: Database) -> bool:
    async with database.statement() as tx:
        sleeping = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        return bool(await tx.value(sleeping))
