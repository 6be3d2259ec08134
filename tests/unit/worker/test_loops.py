from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from limner.domain.ask import Ask
from limner.flow.admit import admit
from limner.flow.house import House
from limner.flow.perform import perform
from limner.kit.clock import StillClock
from limner.web.dialects.images.render import callback_body
from limner.worker.loops import Duties, working
from support.asks import OTTER
from support.people import Person, assert_nothing_under_way, until_quiet
from support.shelves import stored_keys
from support.storages import Stuck


async def dropped(house: House, person: Person) -> None:
    """A task as a killed server leaves it."""
    ask = Ask(prompt=OTTER, model="dall-e-2")
    admitted = await admit(house, principal=person.principal, ask=ask, trace_id="")
    await perform(house, task=admitted.task, spec=admitted.spec)


@asynccontextmanager
async def loops_of(house: House) -> AsyncIterator[None]:
    async with asyncio.timeout(10), working(house, Duties(renders=callback_body)):
        yield
    await until_quiet(house)


async def until_swept(house: House) -> None:
    async with house.database.statement() as tx:
        while await tx.value("SELECT count(*) FROM tasks WHERE status = 'running' OR leftovers"):
            continue


async def test_the_loops_sweep_until_they_are_cancelled(house: House, grace: Person, clock: StillClock) -> None:
    await dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    async with loops_of(house):
        await until_swept(house)

    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)


async def test_a_turn_that_fails_is_said_and_the_loop_goes_on(
    house: House, grace: Person, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck()
    house = replace(house, storage=stuck)
    await dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    async with loops_of(replace(house, queue_policy=replace(house.queue_policy, lease_seconds=0))):
        async with house.database.statement() as tx:
            while "loop.failed" not in caplog.messages:
                await tx.value("SELECT 1")  # the loops have their turn meanwhile
        stuck.is_mended = True
        await until_swept(house)

    failed = next(record for record in caplog.records if record.getMessage() == "loop.failed")
    assert failed.levelno == logging.ERROR
    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)
