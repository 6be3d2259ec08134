"""Puts right what a crash leaves behind: tasks that nobody works on any more, and their files.

A task whose lease has run out is ended, its hold released, its key's place given back. Then whatever lies in storage
under its name is removed. Each step is safe to repeat, and several nodes may sweep at once.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from limner.flow.house import House
from limner.flow.settle import end_badly
from limner.images import rules as image_rules
from limner.kit.logs import event
from limner.tasks import service as tasks

_log = logging.getLogger(__name__)
_BATCH = 100


async def extend_leases(house: House) -> None:
    """Say that the tasks in hand are being worked on."""
    if house.running:
        until = house.clock.now() + timedelta(seconds=house.lease_seconds)
        async with house.database.statement() as tx:
            await tasks.extend_leases(tx, ids=tuple(house.running), until=until)


async def sweep(house: House) -> int:
    """End every abandoned task and remove what lies in storage of ended ones. How many tasks it ended."""
    ended = 0
    while await _end_one(house):
        ended += 1
    await _clear_leftovers(house)
    return ended


async def _end_one(house: House) -> bool:
    async with house.database.transaction() as tx:
        task = await tasks.next_abandoned(tx, now=house.clock.now())
        if task is None:
            return False
        message = "the server stopped while it was under way; nothing was charged"
        await end_badly(tx, house, task=task, code=tasks.TaskEnded.code, message=message, leftovers=True)
    event(_log, "task.abandoned", level=logging.WARNING, task_id=task.id, trace_id=task.trace_id)
    return True


async def _clear_leftovers(house: House) -> None:
    async with house.database.statement() as tx:
        ended = await tasks.with_leftovers(tx, count=_BATCH)
    for task in ended:
        prefix = image_rules.storage_prefix(task_id=task.id, created_at=task.created_at)
        async for key in house.storage.keys(prefix):
            await house.storage.delete(key)
        async with house.database.statement() as tx:
            await tasks.cleared(tx, id_=task.id)
