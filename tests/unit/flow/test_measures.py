"""What is counted when something happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from limner.engines import EngineFailed
from limner.flow.admit import Callback, Terms
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.measures import Measures
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock
from limner.kit.metrics import Board
from support.asks import paint
from support.ears import listening
from support.painters import Breaking, with_painter
from support.people import Person
from support.workers import at_work, ended, submitted


@pytest.fixture
def house(house: House) -> House:
    """A house that has counted nothing yet."""
    return replace(house, measures=Measures())


def counted(board: Board, name: str) -> dict[tuple[str, ...], float]:
    """The samples of that name."""
    families = text_string_to_metric_families(board.told("").body.decode())
    return {tuple(s.labels.values()): s.value for family in families for s in family.samples if s.name == name}


async def test_a_picture_is_counted_with_its_price_and_its_engine_s_time(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, n=2)

    board = house.measures.board
    assert counted(board, "limner_tasks_ended_total") == {("fake", "succeeded"): 1}
    assert counted(board, "limner_engine_seconds_count") == {("fake",): 1}
    assert counted(board, "limner_credits_charged_total") == {(): delivery.charged / 1e6}
    assert delivery.charged > 0


async def test_what_fails_is_counted_and_costs_nothing(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("no paint left")))
    with pytest.raises(EngineFailed):
        await paint(house, grace)

    assert counted(house.measures.board, "limner_tasks_ended_total") == {("fake", "failed"): 1}
    assert counted(house.measures.board, "limner_engine_seconds_count") == {("fake",): 1}
    assert counted(house.measures.board, "limner_credits_charged_total") == {(): 0}


async def test_a_task_from_the_queue_and_its_callback_are_counted(house: House, grace: Person) -> None:
    with listening() as receiver:
        terms = Terms(is_async=True, callback=Callback(url=receiver.url, secret=None))
        async with at_work(house):
            await ended(house, await submitted(house, grace, terms=terms))
            await asyncio.to_thread(receiver.next)

    board = house.measures.board
    assert counted(board, "limner_tasks_ended_total") == {("fake", "succeeded"): 1}
    assert counted(board, "limner_callback_attempts_total") == {("delivered",): 1}
    assert counted(board, "limner_callback_seconds_count") == {(): 1}


async def test_a_callback_that_is_to_be_tried_again_is_counted_as_that(house: House, grace: Person) -> None:
    with listening(status=500) as receiver:
        terms = Terms(is_async=True, callback=Callback(url=receiver.url, secret=None))
        async with at_work(house):
            await ended(house, await submitted(house, grace, terms=terms))
            await asyncio.to_thread(receiver.next)

    assert counted(house.measures.board, "limner_callback_attempts_total") == {("retry",): 1}


async def test_a_cancelled_and_an_abandoned_task_are_counted(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await cancel(house, task_id=task.id, account_id=grace.account.id)
    assert counted(house.measures.board, "limner_tasks_ended_total") == {("fake", "cancelled"): 1}

    await submitted(house, grace)
    async with house.database.statement() as tx:
        await tx.run(
            "UPDATE tasks SET status = 'running', started_at = $1, lease_until = $1, node_id = $2, begun = 3"
            " WHERE status = 'queued'",
            clock.now(),
            house.node_id,
        )
    clock.move(seconds=1)
    await sweep(house)

    assert counted(house.measures.board, "limner_tasks_ended_total") == {
        ("fake", "cancelled"): 1,
        ("fake", "failed"): 1,
    }
