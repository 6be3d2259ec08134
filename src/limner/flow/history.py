"""Looking at tasks: one, several, where one stands in the queue, what it had to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from limner.db import Tx
from limner.flow.deliver import Result, kept_results
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.storage import FileMissing
from limner.tasks import service as tasks
from limner.tasks.models import Filter, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queued task stands: how many are before it, and in how many seconds it may begin, as far as one can tell."""

    ahead: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A task with what there is to tell of it. `result`: of one that went well and has not expired; else None."""

    task: Task
    result: Result | None
    place: Place | None = field(default=None)


async def tell(house: House, *, account_id: UUID | None, task_id: UUID | None = None, trace_id: str | None = None) -> Told:
    """One task, by its id or as the newest of a trace. Raises `NoSuchTask`."""
    async with house.database.statement() as tx:
        if task_id is not None:
            task = await tasks.task(tx, id_=task_id, account_id=account_id)
        else:
            assert trace_id is not None
            assert account_id is not None
            task = await tasks.task_by_trace(tx, trace_id=trace_id, account_id=account_id)
        place = await _place(tx, task) if task.status == "queued" else None
    (told,) = await _with_results(house, [task])
    return Told(task=told.task, result=told.result, place=place)


async def tell_all(
    house: House, *, account_id: UUID | None, which: Filter, count: int, offset: int = 0
) -> list[Told]:
    """Tasks, newest first."""
    async with house.database.statement() as tx:
        found = await tasks.tasks(tx, account_id=account_id, which=which, count=count, offset=offset)
    return await _with_results(house, found)


async def _with_results(house: House, found: Sequence[Task]) -> list[Told]:
    shown = [task for task in found if task.status == "succeeded" and task.expired_at is None]
    try:
        results = dict(zip((task.id for task in shown), await kept_results(house, tasks=shown), strict=True))
    except FileMissing:
        # Being removed this moment: say of each what there still is.
        results = {}
        for task in shown:
            try:
                (results[task.id],) = await kept_results(house, tasks=[task])
            except FileMissing:
                continue
    return [Told(task=task, result=results.get(task.id)) for task in found]


async def _place(tx: Tx, task: Task) -> Place | None:
    ahead = await jobs.ahead_of(tx, subject_id=task.id)
    if ahead is None:
        return None  # somebody is about to begin it
    pace = await tasks.pace(tx, engine=task.engine)
    running = max(1, sum(count for engine, status, count, _ in await tasks.counts(tx) if (engine, status) == (task.engine, "running")))
    return Place(ahead=ahead, seconds=None if pace is None else pace * (ahead + 1) / running)
