from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.tasks import service as tasks
from limner.tasks.models import Task
from support.people import Person
from support.shelves import task_rows


@pytest.fixture
async def task(house: House, grace: Person) -> Task:
    """Grace's task, running."""
    made = Task(
        id=uuid7(),
        account_id=grace.account.id,
        api_key_id=grace.key.id,
        trace_id="trace-1",
        model="dall-e-2",
        engine="fake",
        held=3,
        created_at=house.clock.now(),
    )
    await open_(house, made)
    return made


async def open_(house: House, task: Task) -> None:
    until = house.clock.now() + timedelta(seconds=30)
    step = tasks.open_task(task=task, request={"n": 1}, node_id=house.node_id, lease_until=until)
    await house.database.together(step, order=())


async def succeed(house: House, task: Task, *, charged: int = 3) -> None:
    await house.database.together(tasks.succeed(id_=task.id, charged=charged, now=house.clock.now()), order=())


async def fail(house: House, task: Task, *, leftovers: bool = False) -> None:
    step = tasks.fail(id_=task.id, code="engine_failed", message="x", leftovers=leftovers, now=house.clock.now())
    await house.database.together(step, order=())


async def test_a_task_ends_well(house: House, task: Task) -> None:
    await succeed(house, task, charged=2)

    (row,) = await task_rows(house)
    assert (row["status"], row["charged"], row["finished_at"]) == ("succeeded", 2, house.clock.now())


async def test_a_task_ends_badly(house: House, task: Task) -> None:
    await fail(house, task, leftovers=True)

    (row,) = await task_rows(house)
    assert (row["status"], row["charged"], row["error_code"], row["leftovers"]) == ("failed", 0, "engine_failed", True)


async def test_a_task_ends_once(house: House, task: Task) -> None:
    await succeed(house, task)

    with pytest.raises(tasks.TaskEnded):
        await fail(house, task)
    with pytest.raises(tasks.TaskEnded):
        await succeed(house, task)

    assert (await task_rows(house))[0]["status"] == "succeeded"


async def test_a_task_that_was_never_begun_cannot_end(house: House, task: Task) -> None:
    with pytest.raises(tasks.TaskEnded):
        await succeed(house, replace(task, id=uuid7()))


async def test_more_than_was_held_is_never_charged(house: House, task: Task) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await succeed(house, task, charged=4)

    assert (await task_rows(house))[0]["status"] == "running"


async def test_leases_are_extended_of_running_tasks_only(house: House, task: Task) -> None:
    other = replace(task, id=uuid7())
    await open_(house, other)
    await fail(house, other)
    until = house.clock.now() + timedelta(seconds=99)

    async with house.database.statement() as tx:
        assert await tasks.extend_leases(tx, ids=[task.id, other.id, uuid7()], until=until) == 1


async def test_abandoned_means_silent_for_a_lease(house: House, task: Task, clock: StillClock) -> None:
    clock.move(seconds=30)
    async with house.database.statement() as tx:
        assert await tasks.next_abandoned(tx, now=clock.now()) is None
        clock.move(seconds=1)
        assert await tasks.next_abandoned(tx, now=clock.now()) == task


async def test_what_one_sweeper_has_in_hand_others_skip(house: House, task: Task, clock: StillClock) -> None:
    clock.move(seconds=31)
    async with house.database.transaction() as first:
        assert await tasks.next_abandoned(first, now=clock.now()) == task
        async with house.database.transaction() as second:
            assert await tasks.next_abandoned(second, now=clock.now()) is None


async def test_leftovers_are_listed_until_they_are_cleared(house: House, task: Task) -> None:
    await fail(house, task, leftovers=True)
    async with house.database.statement() as tx:
        assert await tasks.with_leftovers(tx, count=10) == [task]
        await tasks.cleared(tx, id_=task.id)
        assert await tasks.with_leftovers(tx, count=10) == []
        await tasks.mark_leftovers(tx, id_=task.id)
        assert await tasks.with_leftovers(tx, count=10) == [task]


@pytest.mark.parametrize(
    "change",
    [
        "status = 'paused'",
        "status = 'succeeded'",
        "status = 'failed', charged = 0, finished_at = now()",
        "charged = 1",
        "held = -1",
        "finished_at = now()",
    ],
)
@pytest.mark.usefixtures("task")
async def test_the_database_refuses_states_that_cannot_be(house: House, change: str) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await tx.run(f"UPDATE tasks SET {change}")
