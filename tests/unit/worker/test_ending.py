from __future__ import annotations

import asyncio

from limner.flow.house import House
from limner.flow.wait import look
from limner.web.dialects.images.render import callback_body
from limner.worker.loops import Duties, Ending, working
from support.painters import Waiting, with_painter
from support.people import Person, until_quiet
from support.workers import ended, submitted


async def test_a_node_that_is_told_to_end_takes_nothing_more_and_finishes_what_it_has(
    house: House, grace: Person
) -> None:
    painter, ending = Waiting(), Ending()
    house = with_painter(house, painter)
    async with asyncio.timeout(10), working(house, Duties(renders=callback_body), ending=ending):
        first = await submitted(house, grace)
        await painter.began.wait()
        ending.soon.set()
        second = await submitted(house, grace)
        painter.may_go_on.set()
        assert (await ended(house, first)).status == "succeeded"
    assert (await look(house, task_id=second.id)).status == "queued"
    await until_quiet(house)


async def test_a_node_that_has_no_time_hands_back_what_it_has(house: House, grace: Person) -> None:
    painter, ending = Waiting(), Ending()
    house = with_painter(house, painter)
    async with asyncio.timeout(10):
        async with working(house, Duties(renders=callback_body, stop_seconds=3600), ending=ending):
            task = await submitted(house, grace)
            await painter.began.wait()
            ending.now.set()
        task = await look(house, task_id=task.id)
    assert (task.status, task.begun) == ("queued", 0)
    assert painter.left_early
    await until_quiet(house)
