"""A task's way through the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.problem import Problem
from limner.domain.spec import Partial, Picture, Progress, Spec
from limner.engines import EngineBusy, EngineFailed
from limner.flow.cancel import TaskOver, cancel
from limner.flow.generate import generate
from limner.flow.hands import Hands, TaskCancelled
from limner.flow.house import House
from limner.flow.sweep import extend_leases, sweep
from limner.flow.work import work
from limner.jobs.service import QueueFull
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.storage import StorageFailed
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.tasks.service import NoSuchTask
from support.asks import OTTER
from support.painters import Breaking, Painter, Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, running_of
from support.shelves import image_rows, stored_keys, task_rows
from support.workers import at_work, ended, submitted

PRICE = micro("0.016")


async def places_of(house: House) -> int:
    async with house.database.statement() as tx:
        return int(await tx.value("SELECT coalesce(sum(released + waiting), 0) FROM job_lines"))


async def assert_all_over(house: House, person: Person) -> None:
    await assert_nothing_under_way(house, person)
    assert await places_of(house) == 0


async def test_a_task_is_accepted_performed_and_charged_once(house: House, grace: Person) -> None:
    task = await submitted(house, grace, n=2)
    assert (task.status, task.held, await running_of(house, grace)) == ("queued", 2 * PRICE, 0)

    assert await work(house, task_id=task.id) is None

    task = await ended(house, task)
    assert (task.status, task.charged, task.begun, task.progress) == ("succeeded", 2 * PRICE, 1, 1.0)
    assert len(await image_rows(house)) == 2
    assert (await balance_of(house, grace)).balance == micro(10) - 2 * PRICE
    await assert_all_over(house, grace)

    assert await work(house, task_id=task.id) is None
    assert (await balance_of(house, grace)).balance == micro(10) - 2 * PRICE


async def test_the_loops_perform_what_is_in_the_queue(house: House, grace: Person, ada: Person) -> None:
    async with at_work(house):
        made = [await submitted(house, person) for person in (grace, ada) for _ in range(10)]
        over = [await ended(house, task) for task in made]

    assert {task.status for task in over} == {"succeeded"}
    await assert_all_over(house, grace)
    await assert_all_over(house, ada)


async def test_what_was_there_before_the_loops_began_is_performed(house: House, grace: Person) -> None:
    task = await submitted(house, grace)

    async with at_work(house):
        assert (await ended(house, task)).status == "succeeded"


async def test_an_engine_that_breaks_ends_its_task(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint")))
    task = await submitted(house, grace)

    assert await work(house, task_id=task.id) is None

    task = await ended(house, task)
    assert (task.status, task.error_code, task.error_message, task.charged) == (
        "failed",
        "engine_failed",
        "no more paint",
        0,
    )
    await assert_all_over(house, grace)


async def test_a_bug_ends_its_task_and_is_not_shown(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(ZeroDivisionError("secret of the house")))
    task = await submitted(house, grace)

    assert await work(house, task_id=task.id) is None

    task = await ended(house, task)
    assert (task.status, task.error_code) == ("failed", "internal")
    assert "secret" not in (task.error_message or "")
    await assert_all_over(house, grace)


async def test_a_busy_engine_is_asked_again(house: House, grace: Person) -> None:
    busy = with_painter(house, Breaking(EngineBusy("come back later")))
    task = await submitted(house, grace)

    for _ in range(5):
        assert await work(busy, task_id=task.id)
    assert (await task_rows(house))[0]["status"] == "queued"

    assert await work(house, task_id=task.id) is None
    task = await ended(house, task)
    assert (task.status, task.begun) == ("succeeded", 1)
    await assert_all_over(house, grace)


async def test_a_storage_that_refuses_is_asked_so_often(house: House, grace: Person) -> None:
    refusing = with_painter(house, Breaking(StorageFailed("full")))
    task = await submitted(house, grace)

    assert await work(refusing, task_id=task.id)
    assert await work(refusing, task_id=task.id)
    assert await work(refusing, task_id=task.id) is None

    task = await ended(house, task)
    assert (task.status, task.error_code, task.begun) == ("failed", "storage_failed", 3)
    await assert_all_over(house, grace)


async def test_a_worker_that_disappears_is_followed_by_another(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    gone = replace(with_painter(house, Waiting()), node_id=uuid7(), hands=Hands())
    dying = asyncio.create_task(work(gone, task_id=task.id))
    await until_running(house)

    busy_for = await work(house, task_id=task.id)
    assert busy_for == pytest.approx(house.queue_policy.lease_seconds)
    clock.move(seconds=house.queue_policy.lease_seconds + 1)
    assert await sweep(house) == 0
    assert await work(house, task_id=task.id) is None

    assert (await ended(house, task)).begun == 2
    await extend_leases(gone)  # it was not dead, only slow: now it hears that the task is not its own any more
    assert await dying is None
    assert (await balance_of(house, grace)).balance == micro(10) - PRICE
    assert len(await stored_keys(house)) == 1
    await assert_all_over(house, grace)


async def until_running(house: House) -> None:
    async with asyncio.timeout(5):
        while (await task_rows(house))[0]["status"] != "running":
            continue


async def test_a_task_that_every_worker_dies_of_is_given_up(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    for _ in range(house.queue_policy.attempts_max):
        await begun_and_left(house, task)
        clock.move(seconds=house.queue_policy.lease_seconds + 1)

    assert await sweep(house) == 1

    task = await ended(house, task)
    assert (task.status, task.error_code, task.charged) == ("failed", "task_abandoned", 0)
    assert "3 times" in (task.error_message or "")
    await assert_all_over(house, grace)


async def test_the_queue_may_be_quicker_to_give_it_up(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    for _ in range(house.queue_policy.attempts_max):
        await begun_and_left(house, task)
        clock.move(seconds=house.queue_policy.lease_seconds + 1)

    assert await work(house, task_id=task.id) is None

    task = await ended(house, task)
    assert (task.status, task.error_code) == ("failed", "task_abandoned")
    assert "3 times" in (task.error_message or "")
    await assert_all_over(house, grace)


async def begun_and_left(house: House, task: Task) -> None:
    """As a worker leaves it that is killed right after it has begun."""
    now = house.clock.now()
    until = now + timedelta(seconds=house.queue_policy.lease_seconds)
    await house.database.together(tasks.begin(id_=task.id, node_id=uuid7(), until=until, now=now), order=())


async def test_a_task_whose_job_was_lost_gets_another(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await begun_and_left(house, task)
    async with house.database.statement() as tx:
        await tx.run("DELETE FROM pgqueuer")
    clock.move(seconds=5 * house.queue_policy.lease_seconds)
    await sweep(house)

    async with at_work(house):
        assert (await ended(house, task)).status == "succeeded"
    await assert_all_over(house, grace)


async def test_a_worker_that_stops_hands_back_what_it_has_not_finished(house: House, grace: Person) -> None:
    painter = Waiting()
    async with at_work(with_painter(house, painter), stop_seconds=0):
        task = await submitted(house, grace)
        await painter.began.wait()

    assert painter.left_early
    (row,) = await task_rows(house)
    assert (row["status"], row["begun"], row["node_id"]) == ("queued", 0, None)
    async with at_work(house):
        assert (await ended(house, task)).status == "succeeded"
    await assert_all_over(house, grace)


async def test_a_worker_that_stops_finishes_what_it_can(house: House, grace: Person) -> None:
    painter = Waiting()
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace)
        await painter.began.wait()
        asyncio.get_running_loop().call_later(0.05, painter.may_go_on.set)

    assert (await ended(house, task)).status == "succeeded"


async def test_no_more_tasks_of_an_account_are_performed_at_once_than_may_be(house: House, ada: Person) -> None:
    painter = Crowd(of=3)
    house = with_painter(replace(house, queue_policy=replace(house.queue_policy, account_concurrent=3)), painter)
    async with at_work(house, concurrent=16):
        made = [await submitted(house, ada) for _ in range(12)]
        for task in made:
            await ended(house, task)

    assert painter.most == 3
    await assert_all_over(house, ada)


async def test_no_more_tasks_of_an_engine_are_performed_at_once_than_may_be(
    house: House, ada: Person, grace: Person
) -> None:
    painter = Crowd(of=2)
    async with at_work(with_painter(house, painter), concurrent=2):
        made = [await submitted(house, person) for person in (ada, grace) for _ in range(5)]
        for task in made:
            await ended(house, task)

    assert painter.most == 2


async def test_an_account_may_have_only_so_many_waiting(house: House, grace: Person) -> None:
    house = replace(house, queue_policy=replace(house.queue_policy, account_concurrent=1, account_waiting_max=2))
    for _ in range(3):
        await submitted(house, grace)

    with pytest.raises(QueueFull):
        await submitted(house, grace)

    assert (await balance_of(house, grace)).held == 3 * PRICE
    assert len(await task_rows(house)) == 3


async def test_how_far_a_task_has_come_is_told(house: House, grace: Person) -> None:
    house = with_painter(house, Telling())
    task = await submitted(house, grace)
    with house.news.about(task.id) as watcher:
        async with at_work(house):
            await ended(house, task)
        heard = [await watcher.next(seconds=0) for _ in range(12)]

    assert "running" in heard
    assert f"partial {task.id}_0.partial0.png 1" in heard
    assert heard.index("running") < heard.index("succeeded")


async def test_partial_pictures_go_when_the_task_has_ended(house: House, grace: Person) -> None:
    house = with_painter(house, Telling())
    task = await submitted(house, grace)
    await work(house, task_id=task.id)
    assert len(await stored_keys(house)) == 2

    await sweep(house)

    assert await stored_keys(house) == [f"2026-11-22/{task.id}_0.png"]


async def test_pictures_are_kept_for_as_long_as_was_said(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)
    clock.move(seconds=house.keep.total_seconds())
    await sweep(house)
    assert len([key async for key in house.storage.keys("2026-11-22/")]) == 1

    clock.move(seconds=1)
    await sweep(house)

    assert [key async for key in house.storage.keys("2026-11-22/")] == []
    task = await ended(house, task)
    assert (task.status, task.expired_at) == ("succeeded", clock.now())
    await sweep(house)


# an engine that somebody else performs -----------------------------------------------------------------------------------


async def test_a_caller_waits_for_an_engine_that_is_elsewhere(house: House, grace: Person) -> None:
    front = replace(house, performs=frozenset())
    ask = Ask(prompt=OTTER, model="dall-e-2", size="256x256")
    waiting = asyncio.create_task(generate(front, principal=grace.principal, ask=ask, trace_id="trace-1"))

    async with at_work(house):
        delivery = await waiting

    assert delivery.charged == PRICE
    assert delivery.credits_left == micro(10) - PRICE
    assert delivery.allowance is not None
    (row,) = await task_rows(house)
    assert (row["has_job"], row["is_async"], row["status"]) == (True, False, "succeeded")
    await assert_all_over(house, grace)


async def test_whoever_waits_hears_of_a_failure_elsewhere(house: House, grace: Person) -> None:
    front = replace(house, performs=frozenset())
    ask = Ask(prompt=OTTER, model="dall-e-2", size="256x256")
    waiting = asyncio.create_task(generate(front, principal=grace.principal, ask=ask, trace_id="trace-1"))

    async with at_work(with_painter(house, Breaking(EngineFailed("no more paint")))):
        with pytest.raises(Problem, match="no more paint") as failed:
            await waiting

    assert failed.value.code == "engine_failed"
    await assert_all_over(house, grace)


# cancelling --------------------------------------------------------------------------------------------------------------


async def test_a_queued_task_is_cancelled_for_nothing(house: House, grace: Person) -> None:
    first, second = await submitted(house, grace), await submitted(house, grace)

    task = await cancel(house, task_id=first.id, account_id=grace.account.id)

    assert (task.status, task.charged, task.error_code) == ("cancelled", 0, "cancelled")
    assert (await balance_of(house, grace)).held == PRICE
    async with at_work(house):
        await ended(house, second)
    await assert_all_over(house, grace)
    assert len(await image_rows(house)) == 1


async def test_a_running_task_is_stopped(house: House, grace: Person) -> None:
    painter = Waiting()
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace, n=3)
        await painter.began.wait()

        task = await cancel(house, task_id=task.id, account_id=grace.account.id)

        assert (task.status, task.charged) == ("cancelled", 0)
        assert painter.left_early
    await assert_all_over(house, grace)
    await sweep(house)
    assert await stored_keys(house) == []


async def test_a_task_that_its_caller_waits_for_can_be_cancelled_too(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    ask = Ask(prompt=OTTER, model="dall-e-2", size="256x256")
    waiting = asyncio.create_task(generate(house, principal=grace.principal, ask=ask, trace_id="trace-1"))
    await painter.began.wait()
    (row,) = await task_rows(house)

    assert (await cancel(house, task_id=row["id"], account_id=None)).status == "cancelled"

    with pytest.raises(TaskCancelled):
        await waiting
    await assert_all_over(house, grace)


async def test_a_cancel_that_was_not_heard_is_seen_with_the_next_lease(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    task = await submitted(house, grace)
    working = asyncio.create_task(work(house, task_id=task.id))
    await painter.began.wait()
    async with house.database.statement() as tx:
        await tx.run("UPDATE tasks SET cancel_asked_at = $1", house.clock.now())

    await extend_leases(house)

    assert await working is None
    assert (await ended(house, task)).status == "cancelled"
    await assert_all_over(house, grace)


async def test_a_cancel_whose_worker_has_died_is_the_sweepers(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await begun_and_left(house, task)
    async with house.database.statement() as tx:
        await tasks.ask_cancel(tx, id_=task.id, now=clock.now())
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    assert await sweep(house) == 1

    assert (await ended(house, task)).status == "cancelled"
    await assert_all_over(house, grace)


async def test_what_is_over_cannot_be_cancelled(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)

    with pytest.raises(TaskOver, match="succeeded"):
        await cancel(house, task_id=task.id, account_id=grace.account.id)


async def test_eve_cannot_cancel_what_is_graces(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)

    with pytest.raises(NoSuchTask):
        await cancel(house, task_id=task.id, account_id=eve.account.id)

    assert (await task_rows(house))[0]["status"] == "queued"


async def test_ten_who_cancel_at_once_cancel_it_once(house: House, grace: Person) -> None:
    task = await submitted(house, grace)

    async def try_to() -> str:
        try:
            return (await cancel(house, task_id=task.id, account_id=grace.account.id)).status
        except TaskOver:
            return "over"

    found = await asyncio.gather(*(try_to() for _ in range(10)))

    assert sorted(found) == ["cancelled", *["over"] * 9]
    await assert_all_over(house, grace)


class Crowd(Painter):
    """Paints only in company, and counts how many are painting."""

    def __init__(self, *, of: int) -> None:
        super().__init__()
        self.most = self._now = 0
        self._company = asyncio.Barrier(of)

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture | Progress | Partial]:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            async with aclosing(super().paint(spec)) as shown:
                async for one in shown:
                    await self._company.wait()
                    yield one
        finally:
            self._now -= 1


class Telling(Painter):
    """Shows what it has so far."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture | Progress | Partial]:
        async with aclosing(super().paint(spec)) as shown:
            async for one in shown:
                assert isinstance(one, Picture)
                yield Progress(share=0.5)
                yield Partial(index=one.index, number=0, data=one.data, output_format=one.output_format)
                yield one
