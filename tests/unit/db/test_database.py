from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from limner.db import Database, DatabaseUnavailable, Tx, schema
from limner.db.steps import Step
from limner.domain.problem import InvalidValue, Problem
from limner.flow.house import House
from support.people import Person


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool of its own, with a table to scribble on."""
    database = await Database.open(database_url, connections_max=4)
    async with database.statement() as tx:
        await tx.run("CREATE TABLE scribbles (word text PRIMARY KEY)")
        await tx.run(
            "CREATE FUNCTION scribble(word text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
            "IF word = 'no' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'LM999', DETAIL = 'not this'; END IF; "
            "INSERT INTO scribbles VALUES (word); RETURN upper(word); END $$"
        )
    yield database
    async with database.statement() as tx:
        await tx.run("DROP FUNCTION scribble; DROP TABLE scribbles")
    await database.close()


async def words(database: Database) -> set[str]:
    async with database.statement() as tx:
        return {row["word"] for row in await tx.rows("SELECT word FROM scribbles")}


def scribble(word: object) -> Step[str]:
    return Step(call="scribble({})", arguments=(word,), read=str, refusals={"LM999": InvalidValue})


async def test_a_transaction_is_kept_when_it_ends_well(database: Database) -> None:
    async with database.transaction() as tx:
        assert await tx.run("INSERT INTO scribbles VALUES ('a'), ('b')") == 2

    assert await words(database) == {"a", "b"}


async def test_a_transaction_is_undone_when_it_breaks(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the scene
        async with database.transaction() as tx:
            await tx.run("INSERT INTO scribbles VALUES ('a')")
            raise ZeroDivisionError

    assert await words(database) == set()


async def test_a_transaction_is_undone_when_its_caller_is_cancelled(database: Database) -> None:
    began = asyncio.Event()

    async def slowly() -> None:
        async with database.transaction() as tx:
            await tx.run("INSERT INTO scribbles VALUES ('a')")
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slowly())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await words(database) == set()
    for _ in range(8):
        async with database.statement() as tx:
            assert not await is_in_transaction(tx)


async def is_in_transaction(tx: Tx) -> bool:
    """Whether somebody has left a transaction open in which something was written."""
    return bool(await tx.value("SELECT pg_current_xact_id_if_assigned() IS NOT NULL"))


async def test_steps_are_done_together(database: Database) -> None:
    assert await database.together(scribble("a"), scribble("b"), order=()) == ("A", "B")

    assert await words(database) == {"a", "b"}


async def test_a_refused_step_undoes_the_others(database: Database) -> None:
    with pytest.raises(InvalidValue, match="not this"):
        await database.together(scribble("a"), scribble("no"), order=())

    assert await words(database) == set()


async def test_callers_of_one_moment_get_their_own_answers(database: Database) -> None:
    answers = await asyncio.gather(*(database.together(scribble(f"w{i}"), order=()) for i in range(40)))

    assert answers == [(f"W{i}",) for i in range(40)]
    assert len(await words(database)) == 40


async def test_one_caller_s_refusal_is_not_the_others(database: Database) -> None:
    asked = ["a", "no", "b", "no", "c"]

    answers = await asyncio.gather(
        *(database.together(scribble(word), order=()) for word in asked), return_exceptions=True
    )

    assert [isinstance(answer, Problem) for answer in answers] == [word == "no" for word in asked]
    assert await words(database) == {"a", "b", "c"}


@pytest.mark.parametrize("poison", ["twice", "a\0b", "\udce9", 7], ids=["unique", "nul", "surrogate", "type"])
async def test_one_caller_s_nonsense_is_not_the_others(database: Database, poison: object) -> None:
    """A value that the database (or its driver) cannot take must not fail whoever shares the batch."""
    await database.together(scribble("twice"), order=())
    asked = ["a", "b", poison, "c", "d", "e"]

    answers = await asyncio.gather(
        *(database.together(scribble(word), order=()) for word in asked), return_exceptions=True
    )

    assert [answer for answer in answers if not isinstance(answer, Exception)] == [
        ("A",),
        ("B",),
        ("C",),
        ("D",),
        ("E",),
    ]
    assert not isinstance(answers[2], Problem)
    assert await words(database) == {"twice", "a", "b", "c", "d", "e"}


async def test_a_cancelled_caller_takes_nobody_along(database: Database) -> None:
    tasks = [asyncio.create_task(database.together(scribble(f"w{i}"), order=())) for i in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [i == 4 for i in range(10)]
    assert {f"w{i}" for i in range(10) if i != 4} <= await words(database)


async def test_a_lost_connection_is_a_problem_that_passes(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        async with database.statement() as tx:
            await tx.value("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.retry_after_seconds == 2

    for _ in range(8):
        async with database.statement() as tx:
            assert await tx.value("SELECT 1") == 1


async def test_what_a_lost_connection_left_open_is_not_tried_again(database: Database) -> None:
    """Nobody knows whether it was committed: doing it twice could be worse than not at all."""
    async with database.statement() as tx:
        await tx.run(
            "CREATE FUNCTION gone(word text) RETURNS text LANGUAGE sql AS "
            "$$ INSERT INTO scribbles VALUES (word); SELECT pg_terminate_backend(pg_backend_pid())::text $$"
        )
    gone = Step(call="gone({})", arguments=("a",), read=str)
    try:
        answers = await asyncio.gather(*(database.together(gone, order=()) for _ in range(4)), return_exceptions=True)
    finally:
        async with database.statement() as tx:
            await tx.run("DROP FUNCTION gone")

    assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)


async def test_trouble_of_our_own_inside_a_transaction_is_not_the_database_s(database: Database) -> None:
    """A full disk where the owner's key is written, say."""
    with pytest.raises(PermissionError):  # noqa: PT012 - the block is the scene
        async with database.transaction() as tx:
            await tx.run("SELECT 1")
            raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/limner",
        "not an address",
        "postgresql://localhost:99999/x",
        "mysql://127.0.0.1/x",
    ],
)
async def test_a_database_that_is_not_there_is_said(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="the database cannot be reached"):
        await Database.open(url, connections_max=2)


async def test_the_schema_is_up_to_date_once(database: Database, database_url: str) -> None:
    assert await schema.current(database) == schema.newest()
    assert await schema.upgrade(database, database_url) is False


async def test_a_newer_schema_is_left_alone(database: Database, database_url: str) -> None:
    async with database.statement() as tx:
        await tx.run("UPDATE alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(DatabaseUnavailable, match="9999, newer than this version of limner knows"):
            await schema.upgrade(database, database_url)
    finally:
        async with database.statement() as tx:
            await tx.run("UPDATE alembic_version SET version_num = $1", schema.newest())


async def test_an_empty_database_is_brought_up(database: Database, database_url: str) -> None:
    parts = urlsplit(database_url)
    name = parts.path.removeprefix("/") + "_empty"
    async with database.statement() as tx:
        await tx.run(f"CREATE DATABASE {name}")
    url = parts._replace(path=f"/{name}", netloc=parts.netloc or "").geturl()
    empty = await Database.open(url, connections_max=2)
    try:
        assert await schema.current(empty) is None
        # Two nodes that start together take turns.
        assert await asyncio.gather(schema.upgrade(empty, url), schema.upgrade(empty, url)) == [True, True]
        assert await schema.current(empty) == schema.newest()
    finally:
        await empty.close()
        async with database.statement() as tx:
            await tx.run(f"DROP DATABASE {name} WITH (FORCE)")


async def test_json_goes_there_and_back(house: House, ada: Person) -> None:
    assert ada.account
    async with house.database.statement() as tx:
        found = await tx.value("SELECT $1::jsonb", {"prompt": "水獭 \N{OTTER}", "n": 1})
        with pytest.raises(asyncpg.PostgresError):
            await tx.value("SELECT $1::jsonb", {"prompt": "\0"})

    assert found == {"prompt": "水獭 \N{OTTER}", "n": 1}
