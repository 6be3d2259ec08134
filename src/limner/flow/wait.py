"""Waiting for a task that is in other hands."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from limner.flow.house import House
from limner.flow.news import ENDS, LOOK, OVER
from limner.tasks import service as tasks
from limner.tasks.models import Task

_LOOK_EVERY_SECONDS: Final = 1.0


async def until_ended(house: House, *, task_id: UUID, seconds: float | None = None) -> Task:
    """The task when it has ended, or as it is after so many seconds, or when the server stops before that."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    with house.news.about(task_id) as watcher:
        while True:
            task = await look(house, task_id=task_id)
            if not task.is_open:
                return task
            what = ""
            while what not in ENDS and what != LOOK:
                left = _LOOK_EVERY_SECONDS if deadline is None else min(_LOOK_EVERY_SECONDS, deadline - loop.time())
                if left <= 0:
                    return task
                what = await watcher.next(seconds=left)
                if what == OVER and deadline is not None:
                    return task


async def look(house: House, *, task_id: UUID) -> Task:
    """The task as it is now. Raises `NoSuchTask`."""
    async with house.database.statement() as tx:
        return await tasks.task(tx, id_=task_id, account_id=None)
