from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.flow.admit import Admitted, admit
from limner.flow.house import House
from limner.flow.perform import perform
from limner.flow.settle import settle_badly
from limner.flow.sweep import extend_leases, sweep
from limner.kit.clock import StillClock
from limner.storage import StorageFailed
from limner.tasks import service as tasks
from limner.tasks.service import TaskEnded
from support.asks import paint
from support.painters import Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, running_of
from support.shelves import stored_keys, task_rows
from support.storages import Stuck


async def begun_and_dropped(house: House, person: Person, *, n: int = 1) -> Admitted:
    """A task as a server leaves it that is killed right after the pictures were stored."""
    ask = Ask(prompt="an otter", model="dall-e-2", n=n)
    admitted = await admit(house, principal=person.principal, ask=ask, trace_id="trace-1")
    await perform(house, task=admitted.task, spec=admitted.spec)
    return admitted


async def test_a_task_is_left_alone_until_its_lease_is_over(house: House, grace: Person, clock: StillClock) -> None:
    await begun_and_dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds)

    assert await sweep(house) == 0

    assert await running_of(house, grace) == 1
    assert len(await stored_keys(house)) == 1


async def test_an_abandoned_task_is_ended_and_tidied_up(house: House, grace: Person, clock: StillClock) -> None:
    await begun_and_dropped(house, grace, n=3)
    assert (await balance_of(house, grace)).held == micro("0.06")
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    assert await sweep(house) == 1

    (row,) = await task_rows(house)
    assert (row["status"], row["error_code"], row["charged"], row["leftovers"]) == (
        "failed",
        "task_abandoned",
        0,
        False,
    )
    assert await stored_keys(house) == []
    assert (await balance_of(house, grace)).balance == micro(10)
    await assert_nothing_under_way(house, grace)
    assert await sweep(house) == 0


async def test_a_task_in_hand_keeps_its_lease(house: House, grace: Person, clock: StillClock) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    task = asyncio.create_task(paint(house, grace))
    await painter.began.wait()

    for _ in range(5):
        clock.move(seconds=house.queue_policy.lease_seconds - 1)
        await extend_leases(house)
        assert await sweep(house) == 0

    painter.may_go_on.set()
    assert (await task).charged == micro("0.02")


async def test_whoever_comes_back_after_the_sweep_gets_nothing(house: House, grace: Person, clock: StillClock) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    task = asyncio.create_task(paint(house, grace))
    await painter.began.wait()
    clock.move(seconds=house.queue_policy.lease_seconds + 1)
    assert await sweep(house) == 1

    painter.may_go_on.set()
    with pytest.raises(TaskEnded, match="nothing was charged"):
        await task

    assert (await task_rows(house))[0]["leftovers"]
    assert len(await stored_keys(house)) == 1
    await sweep(house)
    assert await stored_keys(house) == []
    assert (await balance_of(house, grace)).balance == micro(10)
    await assert_nothing_under_way(house, grace)


async def test_a_failure_after_the_sweep_is_the_sweep_s(house: House, grace: Person, clock: StillClock) -> None:
    admitted = await begun_and_dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)
    await sweep(house)

    with pytest.raises(TaskEnded):
        await settle_badly(house, admitted.task, trouble=StorageFailed("full"), leftovers=False)

    assert (await task_rows(house))[0]["error_code"] == "task_abandoned"
    await assert_nothing_under_way(house, grace)


async def test_five_sweepers_end_each_task_once(house: House, grace: Person, clock: StillClock) -> None:
    for _ in range(12):
        await begun_and_dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    ended = await asyncio.gather(*(sweep(house) for _ in range(5)))

    assert sum(ended) == 12
    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)


async def test_what_others_paint_is_left_alone(house: House, grace: Person, clock: StillClock) -> None:
    delivery = await paint(house, grace)
    await begun_and_dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    await sweep(house)

    assert await stored_keys(house) == [f"2026-11-22/{delivery.result.task_id}_0.png"]


async def test_files_that_cannot_be_removed_are_tried_again(house: House, grace: Person, clock: StillClock) -> None:
    stuck = Stuck()
    house = replace(house, storage=stuck)
    await begun_and_dropped(house, grace)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)
    with pytest.raises(StorageFailed):
        await sweep(house)
    await assert_nothing_under_way(house, grace)

    stuck.is_mended = True
    await sweep(house)

    assert await stored_keys(house) == []
    assert not (await task_rows(house))[0]["leftovers"]


async def test_what_was_charged_for_is_never_a_leftover(house: House, grace: Person) -> None:
    """An answer of the database that is lost on its way may look as if the task had been ended by somebody else."""
    delivery = await paint(house, grace)

    async with house.database.statement() as tx:
        await tasks.mark_leftovers(tx, id_=delivery.result.task_id)
    await sweep(house)

    assert len(await stored_keys(house)) == 1
