from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from limner.db.listen import Listener
from limner.flow.house import House


class Ear:
    """Keeps what is heard."""

    def __init__(self, listener: Listener) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.gaps: asyncio.Queue[None] = asyncio.Queue()
        listener.hear("test_words", self.heard.put_nowait)
        listener.on_gap(lambda: self.gaps.put_nowait(None))


@pytest.fixture
async def ear(house: House) -> AsyncIterator[Ear]:
    listener = Listener(house.database.url)
    ear = Ear(listener)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(5):
        await ear.gaps.get()
    yield ear
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def said(house: House, word: str) -> None:
    async with house.database.statement() as tx:
        await tx.run("SELECT pg_notify('test_words', $1)", word)


async def test_what_is_said_is_heard_in_order(house: House, ear: Ear) -> None:
    for word in ("one", "two", "three"):
        await said(house, word)

    async with asyncio.timeout(5):
        assert [await ear.heard.get() for _ in range(3)] == ["one", "two", "three"]


async def test_what_was_never_committed_was_never_said(house: House, ear: Ear) -> None:
    async def take_back() -> None:
        async with house.database.transaction() as tx:
            await tx.run("SELECT pg_notify('test_words', 'nothing')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await take_back()
    await said(house, "something")

    async with asyncio.timeout(5):
        assert await ear.heard.get() == "something"


async def test_a_listener_that_was_cut_off_listens_again_and_says_that_it_may_have_missed_something(
    house: House, ear: Ear
) -> None:
    async with house.database.statement() as tx:
        await tx.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'limner listener'"
            " AND query LIKE '%test_words%'"
        )

    async with asyncio.timeout(20):
        await ear.gaps.get()
        await said(house, "again")
        assert await ear.heard.get() == "again"
