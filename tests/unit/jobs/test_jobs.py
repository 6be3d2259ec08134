from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from limner.db.queue_names import queue_names
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.jobs.models import Job, Line
from limner.jobs.queue import Queue
from limner.kit.ids import uuid7


@pytest.fixture
async def queue(house: House) -> AsyncIterator[Queue]:
    queue = Queue(house.database, node_id=house.node_id, stale_seconds=30)
    await queue.open()
    yield queue
    await queue.close()


@pytest.fixture
async def other(house: House) -> AsyncIterator[Queue]:
    """The hands of another node."""
    queue = Queue(house.database, node_id=uuid7(), stale_seconds=30)
    await queue.open()
    yield queue
    await queue.close()


async def submitted(house: House, *, line: Line | None = None, priority: int = 0, kind: str = "paint") -> UUID:
    subject = uuid7()
    await house.database.together(jobs.submit(kind=kind, subject_id=subject, priority=priority, line=line), order=())
    return subject


async def left(house: House, subject: UUID, *, width: int) -> None:
    await house.database.together(jobs.leave(subject_id=subject, width=width), order=())


async def taken(queue: Queue, count: int = 10, *, kind: str = "paint") -> list[UUID]:
    return [job.subject_id for job in await queue.take(kind=kind, count=count)]


async def line_row(house: House, line: Line) -> tuple[int, int]:
    async with house.database.statement() as tx:
        row = await tx.row("SELECT released, waiting FROM job_lines WHERE id = $1", line.id)
    assert row is not None
    return row["released"], row["waiting"]


async def written_off(queue: Queue) -> None:
    assert queue._writing_off is not None
    await queue._writing_off


async def jobs_left(house: House) -> int:
    async with house.database.statement() as tx:
        return int(await tx.value("SELECT count(*) FROM pgqueuer"))


async def test_jobs_are_taken_in_the_order_of_their_coming(house: House, queue: Queue) -> None:
    came = [await submitted(house) for _ in range(5)]

    assert await taken(queue, 2) == came[:2]
    assert await taken(queue) == came[2:]
    assert await taken(queue) == []


async def test_a_job_is_one_workers_own(house: House, queue: Queue, other: Queue) -> None:
    came = [await submitted(house) for _ in range(20)]

    got = await asyncio.gather(*(taken(who, 3) for who in (queue, other) for _ in range(5)))

    assert sorted(subject for some in got for subject in some) == sorted(came)


async def test_urgent_jobs_go_first(house: House, queue: Queue) -> None:
    low, normal, high = [await submitted(house, priority=priority) for priority in (-1, 0, 1)]

    assert await taken(queue) == [high, normal, low]


async def test_other_kinds_are_left_to_others(house: House, queue: Queue) -> None:
    await submitted(house, kind="paint:gpu")

    assert await taken(queue, kind="paint:illustrator") == []


async def test_a_job_that_is_done_is_gone(house: House, queue: Queue) -> None:
    await submitted(house)
    (job,) = await queue.take(kind="paint", count=1)

    queue.done(job)
    await written_off(queue)

    assert await jobs_left(house) == 0


async def test_a_job_put_back_is_taken_again_by_anybody(house: House, queue: Queue, other: Queue) -> None:
    subject = await submitted(house)
    (job,) = await queue.take(kind="paint", count=1)
    await queue.again(job)

    assert await taken(other) == [subject]


async def test_a_job_put_back_for_later_is_not_taken_before(house: House, queue: Queue) -> None:
    await submitted(house)
    (job,) = await queue.take(kind="paint", count=1)
    await queue.again(job, after_seconds=3600)

    assert await taken(queue) == []


async def test_a_job_whose_holder_is_silent_goes_to_somebody_else(house: House, queue: Queue, other: Queue) -> None:
    subject = await submitted(house)
    assert await taken(queue) == [subject]

    assert await taken(other) == []
    await silent_for(house, seconds=31)

    assert await taken(other) == [subject]


async def test_heartbeats_keep_a_job(house: House, queue: Queue, other: Queue) -> None:
    await submitted(house)
    await taken(queue)
    await silent_for(house, seconds=31)
    await queue.beat()

    assert await taken(other) == []


async def silent_for(house: House, *, seconds: int) -> None:
    """The queue goes by the database's clock, which tests cannot move; they move what it has written down."""
    async with house.database.statement() as tx:
        await tx.run("UPDATE pgqueuer SET heartbeat = heartbeat - make_interval(secs => $1)", float(seconds))


async def test_one_that_comes_again_to_its_holder_is_not_done_twice(house: House, queue: Queue) -> None:
    await submitted(house)
    await taken(queue)
    await silent_for(house, seconds=31)

    assert await taken(queue) == []


async def test_a_rolled_back_transaction_leaves_no_job(house: House) -> None:
    async def begun_and_dropped() -> None:
        async with house.database.transaction() as tx:
            await tx.together(jobs.submit(kind="paint", subject_id=uuid7()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await begun_and_dropped()

    assert await jobs_left(house) == 0


# lines -------------------------------------------------------------------------------------------------------------------


async def test_a_line_sends_as_many_as_it_is_wide(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=2)
    came = [await submitted(house, line=line) for _ in range(5)]
    assert await line_row(house, line) == (2, 3)
    assert await taken(queue) == came[:2]

    await left(house, came[1], width=2)

    assert await taken(queue) == [came[2]]
    assert await line_row(house, line) == (2, 2)


async def test_one_account_with_much_to_do_does_not_starve_another(house: House, queue: Queue) -> None:
    greedy, modest = Line(id=uuid7(), width=8), Line(id=uuid7(), width=8)
    for _ in range(1000):
        await submitted(house, line=greedy)
    await taken(queue, 4)
    one = await submitted(house, line=modest)

    assert await taken(queue, 1) == [one]


async def test_the_urgent_ones_of_a_line_go_before_its_others(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=1)
    first, _, urgent = [await submitted(house, line=line, priority=priority) for priority in (0, 0, 1)]
    await left(house, first, width=1)

    assert await taken(queue) == [urgent, first]


async def test_a_place_is_left_once(house: House) -> None:
    line = Line(id=uuid7(), width=2)
    first, second = [await submitted(house, line=line) for _ in range(2)]
    for _ in range(3):
        await left(house, first, width=2)

    assert await line_row(house, line) == (1, 0)
    await left(house, second, width=2)
    await left(house, uuid7(), width=2)
    assert await line_row(house, line) == (0, 0)


async def test_a_place_is_taken_once(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=1)
    first, second = [await submitted(house, line=line) for _ in range(2)]
    for subject in (first, second, second):
        await house.database.together(jobs.submit(kind="paint", subject_id=subject, line=line), order=())

    assert await line_row(house, line) == (1, 1)
    assert await taken(queue) == [first]


async def test_a_job_that_was_lost_can_be_submitted_again(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=1)
    subject = await submitted(house, line=line)
    async with house.database.statement() as tx:
        await tx.run("DELETE FROM pgqueuer")

    await house.database.together(jobs.submit(kind="paint", subject_id=subject, line=line), order=())

    assert await taken(queue) == [subject]
    assert await line_row(house, line) == (1, 0)


async def test_a_line_is_only_so_long(house: House) -> None:
    line = Line(id=uuid7(), width=1, waiting_max=2)
    for _ in range(3):
        await submitted(house, line=line)

    with pytest.raises(jobs.QueueFull, match="2 tasks waiting") as full:
        await submitted(house, line=line)

    assert full.value.retry_after_seconds
    assert await line_row(house, line) == (1, 2)


async def test_a_line_that_was_widened_sends_more(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=1)
    came = [await submitted(house, line=line) for _ in range(4)]
    await left(house, came[0], width=3)

    assert await line_row(house, line) == (3, 0)
    assert sorted(await taken(queue)) == sorted(came)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_job_can_be_taken_back(house: House, queue: Queue, which: int) -> None:
    line = Line(id=uuid7(), width=1)
    came = [await submitted(house, line=line) for _ in range(2)]

    await house.database.together(jobs.withdraw(subject_id=came[which], width=1), order=())

    assert await line_row(house, line) == (1, 0)
    assert await taken(queue) == [came[1 - which]]


async def test_racing_callers_keep_the_count_of_a_line(house: House) -> None:
    line = Line(id=uuid7(), width=3)

    async def come_and_go() -> None:
        subject = await submitted(house, line=line)
        await left(house, subject, width=3)

    await asyncio.gather(*(come_and_go() for _ in range(40)))

    assert await line_row(house, line) == (0, 0)


async def test_how_many_are_before_one(house: House, queue: Queue) -> None:
    line = Line(id=uuid7(), width=2)
    others = [await submitted(house) for _ in range(3)]
    mine = [await submitted(house, line=line) for _ in range(2)]
    mine += sorted([await submitted(house, line=line) for _ in range(2)])

    async def ahead(subject: UUID) -> int | None:
        async with house.database.statement() as tx:
            return await jobs.ahead_of(tx, subject_id=subject)

    # The account's second job yields to everybody's first.
    assert [await ahead(subject) for subject in (*others, *mine)] == [0, 1, 2, 3, 4, 5, 6]
    assert await taken(queue, 1) == [others[0]]
    assert [await ahead(subject) for subject in (others[0], others[1], mine[3])] == [None, 0, 5]


async def test_what_waits_is_counted_by_kind(house: House) -> None:
    line = Line(id=uuid7(), width=1)
    for _ in range(3):
        await submitted(house, line=line)
    await submitted(house, kind="callback")

    async with house.database.statement() as tx:
        found = {depth.kind: depth.count for depth in await jobs.depths(tx)}

    assert found == {"paint": 3, "callback": 1}


# PgQueuer ----------------------------------------------------------------------------------------------------------------


async def test_the_librarys_schema_is_the_one_that_it_expects(house: House) -> None:
    """A new version of PgQueuer that wants another schema needs a migration of ours."""
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
    from pgqueuer.adapters.persistence.queries import Queries

    from limner.jobs.queue import _Driver

    library = Queries(_Driver(house.database), qbe=QueryBuilderEnvironment(queue_names()))  # type: ignore[arg-type]

    assert list((await library.plan_upgrade()).statements) == []


async def test_the_queues_log_is_forgotten(house: House, queue: Queue) -> None:
    await submitted(house)
    jobs_taken: list[Job] = await queue.take(kind="paint", count=1)
    queue.done(jobs_taken[0])
    await written_off(queue)
    async with house.database.statement() as tx:
        await tx.run("UPDATE pgqueuer_log SET created = created - interval '1 hour'")
        await jobs.tidy(tx)
        assert await tx.value("SELECT count(*) FROM pgqueuer_log") == 0
