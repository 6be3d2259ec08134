from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from limner.db.steps import Step
from limner.domain.claim import Claim
from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.tasks import service as tasks
from limner.tasks.models import Task
from support.people import Person
from support.shelves import task_rows

LEASE: Final = timedelta(seconds=30)


def made(house: House, person: Person, *, has_job: bool = False) -> Task:
    now = house.clock.now()
    return Task(
        id=uuid7(),
        account_id=person.account.id,
        api_key_id=person.key.id,
        trace_id="trace-1",
        kind="images_generations",
        prefix="/v1",
        model="dall-e-2",
        engine="fake",
        request={"prompt": "an otter", "n": 3},
        choices={"width": 256},
        as_links=True,
        price=1,
        held=3,
        is_async=has_job,
        has_job=has_job,
        priority=0,
        created_at=now,
        status="queued" if has_job else "running",
        begun=0 if has_job else 1,
        started_at=None if has_job else now,
        node_id=None if has_job else house.node_id,
        lease_until=None if has_job else now + LEASE,
    )


@pytest.fixture
async def task(house: House, grace: Person) -> Task:
    """Grace's task, in this node's hands."""
    task = made(house, grace)
    await open_(house, task)
    return task


@pytest.fixture
async def queued(house: House, grace: Person) -> Task:
    """Grace's task, in the queue."""
    task = made(house, grace, has_job=True)
    await open_(house, task)
    return task


async def open_(house: House, task: Task) -> None:
    await house.database.together(tasks.open_task(task), order=())


async def begin(house: House, task: Task, *, node_id: UUID | None = None) -> Task | None:
    now = house.clock.now()
    step = tasks.begin(id_=task.id, node_id=node_id or house.node_id, until=now + LEASE, now=now)
    (begun,) = await house.database.together(step, order=())
    return begun


async def succeed(house: House, task: Task, *, charged: int = 3) -> None:
    step = tasks.succeed(id_=task.id, node_id=house.node_id, charged=charged, outcome=None, now=house.clock.now())
    await house.database.together(step, order=())


async def fail(house: House, task: Task, *, leftovers: bool = False) -> None:
    step = tasks.fail(
        id_=task.id,
        node_id=house.node_id,
        code="engine_failed",
        message="x",
        leftovers=leftovers,
        now=house.clock.now(),
    )
    await house.database.together(step, order=())


async def now_is(house: House, task: Task) -> Task:
    async with house.database.statement() as tx:
        return await tasks.task(tx, id_=task.id, account_id=None)


async def test_a_task_is_kept_as_it_was_opened(house: House, task: Task, queued: Task) -> None:
    assert await now_is(house, task) == task
    assert await now_is(house, queued) == queued


async def test_whoever_takes_a_queued_task_has_it(house: House, queued: Task) -> None:
    begun = await begin(house, queued)

    assert begun is not None
    assert (begun.status, begun.begun, begun.node_id, begun.started_at) == (
        "running",
        1,
        house.node_id,
        house.clock.now(),
    )
    assert begun == await now_is(house, queued)


async def test_of_two_who_take_it_one_gets_it(house: House, queued: Task) -> None:
    first, second = uuid7(), uuid7()

    found = await asyncio.gather(begin(house, queued, node_id=first), begin(house, queued, node_id=second))

    assert sorted(str(one.node_id) for one in found if one) == sorted(
        ["None", str((await now_is(house, queued)).node_id)]
    )
    assert (await now_is(house, queued)).begun == 1


async def test_a_task_in_hand_is_taken_over_when_its_lease_is_over(
    house: House, queued: Task, clock: StillClock
) -> None:
    other = uuid7()
    await begin(house, queued, node_id=other)
    clock.move(seconds=LEASE.total_seconds())
    busy = await begin(house, queued)
    assert busy is not None
    assert (busy.node_id, busy.lease_until) == (None, clock.now())

    clock.move(seconds=1)
    taken = await begin(house, queued)

    assert taken is not None
    assert (taken.node_id, taken.begun) == (house.node_id, 2)


async def test_whoever_lost_a_task_cannot_end_it(house: House, queued: Task, clock: StillClock) -> None:
    await begin(house, queued)
    clock.move(seconds=LEASE.total_seconds() + 1)
    await begin(house, queued, node_id=uuid7())

    with pytest.raises(tasks.TaskEnded):
        await succeed(house, queued)
    with pytest.raises(tasks.TaskEnded):
        await fail(house, queued)
    with pytest.raises(tasks.TaskEnded):
        await house.database.together(tasks.hand_back(id_=queued.id, node_id=house.node_id, counts=False), order=())

    assert (await now_is(house, queued)).status == "running"


@pytest.mark.parametrize(("counts", "begun"), [(False, 0), (True, 1)])
async def test_a_task_handed_back_is_as_if_it_had_not_been_begun(
    house: House, queued: Task, *, counts: bool, begun: int
) -> None:
    await begin(house, queued)
    await house.database.together(tasks.hand_back(id_=queued.id, node_id=house.node_id, counts=counts), order=())

    assert await now_is(house, queued) == replace(queued, begun=begun)


async def test_an_ended_task_is_not_begun_again(house: House, queued: Task) -> None:
    await begin(house, queued)
    await succeed(house, queued)

    again = await begin(house, queued)

    assert again is not None
    assert (again.status, again.node_id) == ("succeeded", None)
    assert await begin(house, replace(queued, id=uuid7())) is None


async def test_only_what_nobody_has_begun_is_cancelled_at_once(house: House, queued: Task, task: Task) -> None:
    def step(of: Task) -> Step[None]:
        return tasks.cancel_queued(id_=of.id, code="cancelled", message="x", now=house.clock.now())

    await house.database.together(step(queued), order=())
    assert (await now_is(house, queued)).status == "cancelled"
    with pytest.raises(tasks.TaskEnded):
        await house.database.together(step(task), order=())
    with pytest.raises(tasks.TaskEnded):
        await house.database.together(step(queued), order=())


async def test_a_key_stands_for_the_task_that_claimed_it_first(
    house: House, grace: Person, ada: Person, clock: StillClock
) -> None:
    first, second = uuid7(), uuid7()

    async def claim(person: Person, task_id: UUID, fingerprint: bytes) -> None:
        claimed = Claim(key="order 66", fingerprint=fingerprint)
        step = tasks.claim_key(account_id=person.account.id, claim=claimed, task_id=task_id, now=clock.now())
        await house.database.together(step, order=())

    await claim(grace, first, b"a")
    with pytest.raises(tasks.KeyUsed) as used:
        await claim(grace, second, b"b")
    assert (used.value.task_id, used.value.fingerprint) == (first, b"a")
    await claim(ada, second, b"b")

    clock.move(seconds=24 * 3600 + 1)
    await claim(grace, second, b"b")
    with pytest.raises(tasks.KeyUsed) as used:
        await claim(grace, first, b"a")
    assert used.value.task_id == second


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
        ids = [task.id, other.id, uuid7()]
        assert await tasks.extend_leases(tx, ids=ids, node_id=uuid7(), until=until) == {}
        assert await tasks.extend_leases(tx, ids=ids, node_id=house.node_id, until=until) == {task.id: False}
        assert await tasks.ask_cancel(tx, id_=task.id, now=house.clock.now()) is not None
        assert await tasks.extend_leases(tx, ids=ids, node_id=house.node_id, until=until) == {task.id: True}


async def test_abandoned_means_silent_for_a_lease(house: House, task: Task, clock: StillClock) -> None:
    clock.move(seconds=30)
    async with house.database.statement() as tx:
        assert await tasks.next_abandoned(tx, begun_max=3, now=clock.now()) is None
        clock.move(seconds=1)
        assert await tasks.next_abandoned(tx, begun_max=3, now=clock.now()) == task


async def test_what_one_sweeper_has_in_hand_others_skip(house: House, task: Task, clock: StillClock) -> None:
    clock.move(seconds=31)
    async with house.database.transaction() as first:
        assert await tasks.next_abandoned(first, begun_max=3, now=clock.now()) == task
        async with house.database.transaction() as second:
            assert await tasks.next_abandoned(second, begun_max=3, now=clock.now()) is None


async def test_leftovers_are_listed_until_they_are_cleared(house: House, task: Task) -> None:
    await fail(house, task, leftovers=True)
    async with house.database.statement() as tx:
        assert [one.id for one in await tasks.with_leftovers(tx, count=10)] == [task.id]
        await tasks.cleared(tx, id_=task.id)
        assert await tasks.with_leftovers(tx, count=10) == []
        await tasks.mark_leftovers(tx, id_=task.id)
        assert [one.id for one in await tasks.with_leftovers(tx, count=10)] == [task.id]


async def test_what_is_not_over_has_no_leftovers(house: House, task: Task) -> None:
    async with house.database.statement() as tx:
        await tasks.mark_leftovers(tx, id_=task.id)
        assert await tasks.with_leftovers(tx, count=10) == []


async def test_the_queue_hands_on_what_it_knows_of(house: House, queued: Task, clock: StillClock) -> None:
    """A task with a job is not the sweeper's to end, until it has been begun too often or is to be cancelled."""
    for begun in (1, 2, 3):
        await begin(house, queued)
        clock.move(seconds=LEASE.total_seconds() + 1)
        async with house.database.statement() as tx:
            found = await tasks.next_abandoned(tx, begun_max=3, now=clock.now())
        assert (found.id if found else None) == (queued.id if begun == 3 else None)

    async with house.database.statement() as tx:
        assert await tasks.next_abandoned(tx, begun_max=9, now=clock.now()) is None
        await tasks.ask_cancel(tx, id_=queued.id, now=clock.now())
        assert await tasks.next_abandoned(tx, begun_max=9, now=clock.now()) is not None


@pytest.mark.parametrize(
    "change",
    [
        "status = 'paused'",
        "status = 'succeeded'",
        "status = 'failed', charged = 0, finished_at = now()",
        "charged = 1",
        "held = -1",
        "finished_at = now()",
        "status = 'queued'",
        "node_id = NULL",
        "is_async = true",
        "progress = 2",
    ],
)
@pytest.mark.usefixtures("task")
async def test_the_database_refuses_states_that_cannot_be(house: House, change: str) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await tx.run(f"UPDATE tasks SET {change}")
