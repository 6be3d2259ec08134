"""What a node leaves behind that did not finish, and whoever goes on with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from limner.domain.spec import Spec
from limner.engines import EngineFailed
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.perform import perform
from limner.flow.sweep import sweep
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.kit.outbound import Outbound, Policy
from limner.tasks import service as tasks
from limner.tasks.models import Task
from support.painters import Breaking, Lazy, Waiting, with_painter
from support.people import Person, assert_nothing_under_way
from support.shelves import image_rows, stored_keys
from support.workers import at_work, ended, submitted


async def begun_painted_and_left(house: House, person: Person, clock: StillClock) -> Task:
    """A task with two pictures in storage, as a worker leaves it that is killed just before it has them written down."""
    task = await submitted(house, person, n=2)
    until = clock.now() + timedelta(seconds=house.queue_policy.lease_seconds)
    (begun,) = await house.database.together(
        tasks.begin(id_=task.id, node_id=uuid7(), until=until, now=clock.now()), order=()
    )
    assert begun is not None
    await perform(house, task=begun, spec=Spec.of(prompt=begun.request["prompt"], choices=begun.choices))
    clock.move(seconds=house.queue_policy.lease_seconds + 1)
    assert len(await stored_keys(house)) == 2
    return begun


async def test_files_of_a_killed_worker_go_when_the_next_one_has_none_to_show(
    house: House, grace: Person, clock: StillClock
) -> None:
    task = await begun_painted_and_left(house, grace, clock)
    failing = with_painter(house, Breaking(EngineFailed("no more paint")))

    assert await work(failing, task_id=task.id) is None

    assert (await ended(house, task)).status == "failed"
    await sweep(house)
    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)


async def test_files_of_a_killed_worker_go_when_the_next_one_has_fewer(
    house: House, grace: Person, clock: StillClock
) -> None:
    task = await begun_painted_and_left(house, grace, clock)

    assert await work(with_painter(house, Lazy(pictures=1)), task_id=task.id) is None

    assert (await ended(house, task)).status == "succeeded"
    await sweep(house)
    (row,) = await image_rows(house)
    assert await stored_keys(house) == [row["storage_key"]]


async def test_files_of_a_task_that_is_begun_again_are_left_alone_until_it_has_ended(
    house: House, grace: Person, clock: StillClock
) -> None:
    task = await begun_painted_and_left(house, grace, clock)
    painter = Waiting()
    again = asyncio.create_task(work(with_painter(house, painter), task_id=task.id))
    await painter.began.wait()

    await sweep(house)

    assert len(await stored_keys(house)) == 2
    painter.may_go_on.set()
    assert await again is None
    await sweep(house)
    assert await stored_keys(house) == [row["storage_key"] for row in await image_rows(house)]


async def test_files_of_a_task_that_was_handed_back_go_when_it_is_cancelled(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    async with at_work(with_painter(house, painter), stop_seconds=0):
        task = await submitted(house, grace, n=2)
        await painter.began.wait()
    assert len(await stored_keys(house)) == 1

    await cancel(house, task_id=task.id, account_id=grace.account.id)
    await sweep(house)

    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, grace)


class Late(Outbound):
    """Cannot be opened the first time."""

    tries = 0

    @override
    async def open(self) -> None:
        self.tries += 1
        if self.tries == 1:
            raise OSError("not yet")
        await super().open()


async def test_a_node_that_cannot_begin_now_begins_later(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Policy(http=True, ports=frozenset({80}), networks=(), loopback=True)
    outbound = Late(policy=policy, user_agent="limner/test")
    task = await submitted(house, grace)

    async with at_work(replace(house, outbound=outbound)):
        assert (await ended(house, task)).status == "succeeded"

    assert "opening.failed" in caplog.messages
    await outbound.close()
