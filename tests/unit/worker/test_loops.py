from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from support.asks import OTTER
from support.people import Person, assert_nothing_under_way

from limner.domain.ask import Ask
from limner.flow.admit import admit
from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.worker.loops import run_loops


async def until_nothing_runs(house: House, person: Person) -> None:
    async with asyncio.timeout(5):
        while True:
            async with house.database.statement() as tx:
                if await tx.value("SELECT count(*) FROM tasks WHERE status = 'running'") == 0:
                    return
            await asyncio.sleep(0)


async def test_the_loops_sweep_until_they_are_cancelled(house: House, grace: Person, clock: StillClock) -> None:
    await admit(house, principal=grace.principal, ask=Ask(prompt=OTTER, model="dall-e-2"), trace_id="")
    clock.move(seconds=house.lease_seconds + 1)
    loops = asyncio.create_task(run_loops(house))

    await until_nothing_runs(house, grace)
    loops.cancel()

    with pytest.raises(asyncio.CancelledError):
        await loops
    await assert_nothing_under_way(house, grace)


async def test_a_turn_that_fails_is_said_and_the_loop_goes_on(
    house: House, grace: Person, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    await admit(house, principal=grace.principal, ask=Ask(prompt=OTTER, model="dall-e-2"), trace_id="")
    clock.move(seconds=house.lease_seconds + 1)
    quick = replace(house, lease_seconds=0)
    async with house.database.statement() as tx:
        await tx.run("ALTER TABLE tasks RENAME COLUMN lease_until TO lease_to")
    loops = asyncio.create_task(run_loops(quick))
    try:
        async with asyncio.timeout(5):
            while not any(record.getMessage() == "loop.failed" for record in caplog.records):
                await asyncio.sleep(0)
    finally:
        async with house.database.statement() as tx:
            await tx.run("ALTER TABLE tasks RENAME COLUMN lease_to TO lease_until")

    await until_nothing_runs(house, grace)
    loops.cancel()
    await asyncio.gather(loops, return_exceptions=True)
    failed = next(record for record in caplog.records if record.getMessage() == "loop.failed")
    assert failed.levelno == logging.ERROR
    await assert_nothing_under_way(house, grace)
