"""Stopping a task: at once and free if nobody has begun it, else by telling whoever has it in hand."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from limner.domain.problem import Problem
from limner.flow.hands import TaskCancelled
from limner.flow.house import House
from limner.flow.settle import settle_unbegun
from limner.flow.wait import until_ended
from limner.tasks import service as tasks
from limner.tasks.models import Task

_STOPPING_SECONDS: Final = 2.0
_TRIES: Final = 3


class TaskOver(Problem):
    """The task has ended: there is nothing left to cancel."""

    code = "task_over"
    status = 409


async def cancel(house: House, *, task_id: UUID, account_id: UUID | None) -> Task:
    """Cancel the account's task (None: anybody's); the task as it is then: cancelled, or about to be.

    Raises `NoSuchTask`, or `TaskOver` if it has ended.
    """
    for _ in range(_TRIES):
        async with house.database.statement() as tx:
            task = await tasks.task(tx, id_=task_id, account_id=account_id)
        if not task.is_open:
            how = "was cancelled" if task.status == "cancelled" else f"has {task.status}"
            raise TaskOver(f"the task {how} already: there is nothing left to cancel")
        if task.status == "queued":
            try:
                await settle_unbegun(house, task, trouble=TaskCancelled("the task was cancelled; nothing was charged"))
            except tasks.TaskEnded:
                continue  # somebody has begun it this very moment
            return await until_ended(house, task_id=task_id, seconds=0)
        async with house.database.statement() as tx:
            asked = await tasks.ask_cancel(tx, id_=task_id, now=house.clock.now())
        if asked is not None:
            house.hands.cancel(task_id)
            return await until_ended(house, task_id=task_id, seconds=_STOPPING_SECONDS)
    return await until_ended(house, task_id=task_id, seconds=_STOPPING_SECONDS)
