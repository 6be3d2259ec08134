"""Two nodes on one database whose clocks are hours apart: what may happen then, and what never may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.problem import Problem
from limner.flow.generate import generate
from limner.flow.hands import Hands
from limner.flow.house import House
from limner.flow.sweep import extend_leases, follow_the_clock, sweep
from limner.flow.work import work
from limner.kit.clock import SteadyClock, StillClock, SystemClock
from limner.kit.ids import uuid7
from support.asks import OTTER
from support.painters import Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of
from support.shelves import image_rows, stored_keys, task_rows
from support.workers import ended, submitted

PRICE = micro("0.016")
ASK = Ask(prompt=OTTER, model="dall-e-2", size="256x256")
HOURS = pytest.mark.parametrize("hours", [6, -6], ids=["ahead", "behind"])


def another_node(house: House, *, hours: float) -> House:
    """On the same database and storage, with a clock that goes wrong by so much."""
    clock = StillClock(house.clock.now() + timedelta(hours=hours))
    return replace(house, clock=clock, node_id=uuid7(), hands=Hands())


async def assert_paid_once_and_tidy(house: House, person: Person) -> None:
    """One picture, one price, and no file that is not a picture."""
    await assert_nothing_under_way(house, person)
    assert (await balance_of(house, person)).balance == micro(10) - PRICE
    assert await stored_keys(house) == [row["storage_key"] for row in await image_rows(house)]


@HOURS
async def test_a_task_that_both_want_is_charged_once(house: House, grace: Person, hours: float) -> None:
    painter = Waiting()
    task = await submitted(house, grace)
    here = asyncio.create_task(work(with_painter(house, painter), task_id=task.id))
    await painter.began.wait()
    other = another_node(house, hours=hours)

    again = await work(other, task_id=task.id)
    painter.may_go_on.set()
    await here

    task = await ended(house, task)
    assert (task.status, task.charged) == ("succeeded", PRICE)
    # A clock that is ahead takes the lease for over and the task away; one that is behind waits for it, too long.
    assert (task.begun, again is None) == ((2, True) if hours > 0 else (1, False))
    for one in (house, other):
        await sweep(one)
    await assert_paid_once_and_tidy(house, grace)


async def test_whoever_lost_a_task_to_a_clock_hears_of_it(house: House, grace: Person) -> None:
    painter = Waiting()
    task = await submitted(house, grace)
    here = asyncio.create_task(work(with_painter(house, painter), task_id=task.id))
    await painter.began.wait()
    await work(another_node(house, hours=6), task_id=task.id)

    await extend_leases(house)

    await here
    assert painter.left_early
    await sweep(house)
    await assert_paid_once_and_tidy(house, grace)


async def test_a_clock_that_is_ahead_ends_what_somebody_waits_for_and_nothing_is_charged(
    house: House, grace: Person
) -> None:
    painter = Waiting()
    caller = asyncio.create_task(
        generate(with_painter(house, painter), principal=grace.principal, ask=ASK, trace_id="trace-1")
    )
    await painter.began.wait()

    assert await sweep(another_node(house, hours=6)) == 1
    painter.may_go_on.set()

    with pytest.raises(Problem, match="nothing was charged"):
        await caller
    (row,) = await task_rows(house)
    assert (row["status"], row["charged"]) == ("failed", 0)
    await sweep(house)
    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)
    assert (await balance_of(house, grace)).balance == micro(10)


async def test_a_clock_that_is_behind_ends_nothing_of_others(house: House, grace: Person) -> None:
    painter = Waiting()
    caller = asyncio.create_task(
        generate(with_painter(house, painter), principal=grace.principal, ask=ASK, trace_id="trace-1")
    )
    await painter.began.wait()

    assert await sweep(another_node(house, hours=-6)) == 0
    painter.may_go_on.set()

    assert (await caller).charged == PRICE
    await assert_paid_once_and_tidy(house, grace)


@HOURS
async def test_what_a_node_with_a_wrong_clock_began_is_ended_by_the_others_in_the_end(
    house: House, grace: Person, hours: float, clock: StillClock
) -> None:
    task = await submitted(house, grace)
    painter = Waiting()
    wrong = with_painter(another_node(house, hours=hours), painter)
    killed = asyncio.create_task(work(wrong, task_id=task.id))
    await painter.began.wait()
    await forgotten(killed, task_id=str(task.id), house=house)

    # Its lease is over when its own clock's time has come: hours late if that was ahead, at once if it was behind.
    clock.move(seconds=max(0, hours) * 3600 + house.queue_policy.lease_seconds + 1)
    assert await work(house, task_id=task.id) is None

    assert (await ended(house, task)).charged == PRICE
    await sweep(house)
    await assert_nothing_under_way(house, grace)


async def forgotten(work_under_way: asyncio.Task[float | None], *, task_id: str, house: House) -> None:
    """End the work as a kill would: the task's row stays as it is."""
    (row,) = await task_rows(house)
    work_under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work_under_way
    async with house.database.statement() as tx:
        await tx.run(
            "UPDATE tasks SET status = 'running', node_id = $2, lease_until = $3, begun = 1 WHERE id = $1::uuid",
            task_id,
            row["node_id"],
            row["lease_until"],
        )


def machine(ticks: list[float]) -> Callable[[], float]:
    """Time passes on this machine when somebody says so."""
    return lambda: ticks[0]


async def test_nodes_take_the_databases_time_whatever_their_machines_say(house: House) -> None:
    ticks = [0.0]
    # Six hours wrong at the start, as if the machine had been so when the node asked.
    astray = SteadyClock(SystemClock().now() + timedelta(hours=6), ticks=machine(ticks))
    node = replace(house, clock=astray)

    before = astray.now()
    await follow_the_clock(node)
    assert astray.now() == before, "it never jumps"

    ticks[0] += 10
    await follow_the_clock(node)
    # Of ten seconds it gave up one at most: leases of others are never cut short by a leap.
    assert timedelta(seconds=8.9) < astray.now() - before < timedelta(seconds=9.1)

    for _ in range(70):
        ticks[0] += 3600
        astray.follow(SystemClock().now() + timedelta(seconds=ticks[0]))
    true = SystemClock().now() + timedelta(seconds=ticks[0])
    assert abs((astray.now() - true).total_seconds()) < 60, "in three days it has made good six hours"
