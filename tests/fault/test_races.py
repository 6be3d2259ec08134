"""Several at once for the same thing: one gets it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from limner.domain.money import micro
from limner.flow.cancel import TaskOver, cancel
from limner.flow.hands import Hands
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.people import Person, assert_nothing_under_way, balance_of
from support.shelves import image_rows, stored_keys
from support.workers import at_work, ended, submitted

PRICE = micro("0.016")


def another_node(house: House) -> House:
    return replace(house, node_id=uuid7(), hands=Hands())


async def test_of_many_workers_one_performs_a_task(house: House, ada: Person) -> None:
    nodes = [house, *(another_node(house) for _ in range(3))]
    made = [await submitted(house, ada) for _ in range(10)]

    for task in made:
        await asyncio.gather(*(work(node, task_id=task.id) for node in nodes))

    over = [await ended(house, task) for task in made]
    assert [(task.status, task.begun) for task in over] == [("succeeded", 1)] * 10
    assert (await balance_of(house, ada)).balance == micro(1000) - 10 * PRICE
    assert await stored_keys(house) == sorted(row["storage_key"] for row in await image_rows(house))
    await assert_nothing_under_way(house, ada)


async def test_of_many_sweepers_one_ends_a_task(house: House, ada: Person, clock: StillClock) -> None:
    for _ in range(10):
        await submitted(house, ada)
    async with house.database.statement() as tx:
        # Begun once too often by nodes that are gone.
        await tx.run(
            "UPDATE tasks SET status = 'running', begun = 3, started_at = $1, node_id = $2, lease_until = $1",
            clock.now(),
            uuid7(),
        )
    clock.move(seconds=1)

    counts = await asyncio.gather(*(sweep(another_node(house)) for _ in range(4)))

    assert sum(counts) == 10
    await assert_nothing_under_way(house, ada)


async def test_a_cancel_and_a_worker_end_a_task_once(house: House, ada: Person) -> None:
    made = [await submitted(house, ada) for _ in range(20)]
    account = ada.account.id

    async def cancelled(node: House, task_id: object) -> None:
        try:
            await cancel(node, task_id=task_id, account_id=account)  # type: ignore[arg-type]
        except TaskOver:
            return

    async with at_work(another_node(house)):
        await asyncio.gather(*(cancelled(house, task.id) for task in made))
        over = [await ended(house, task) for task in made]

    charged = sum(task.status == "succeeded" for task in over)
    assert {task.status for task in over} <= {"succeeded", "cancelled"}
    assert (await balance_of(house, ada)).balance == micro(1000) - charged * PRICE
    await assert_nothing_under_way(house, ada)
    async with house.database.statement() as tx:
        assert await tx.value("SELECT coalesce(sum(released + waiting), 0) FROM job_lines") == 0
