"""Looking at tasks: one, several, where one stands in the queue, what it had to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from limner.db import Tx
from limner.flow.deliver import Result, kept_results
from limner.flow.house import House
from limner.images import service as images
from limner.jobs import service as jobs
from limner.storage import FileMissing
from limner.tasks import service as tasks
from limner.tasks.models import Filter, Task
from limner.webhooks import service as webhooks
from limner.webhooks.models import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queued task stands: how many are before it, and in how many seconds it may begin, as far as one can tell."""

    ahead: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A task with what there is to tell of it.

    `result`: of one that went well, has not expired and has pictures left; else None. `deleted`: how many of its pictures
    its account has deleted. `callback`: what its caller is told, if it asked for that. `place`: of one that is queued,
    where somebody asked for that one task.
    """

    task: Task
    result: Result | None
    callback: Message | None
    place: Place | None = None
    deleted: int = 0


async def tell(
    house: House,
    *,
    account_id: UUID | None,
    task_id: UUID | None = None,
    trace_id: str | None = None,
    links_only: bool = False,
) -> Told:
    """One task, by its id or as the newest of a trace. `links_only`: links even where bytes were asked for.

    Raises `NoSuchTask`.
    """
    async with house.database.statement() as tx:
        if task_id is not None:
            task = await tasks.task(tx, id_=task_id, account_id=account_id)
        else:
            assert trace_id is not None
            assert account_id is not None
            task = await tasks.task_by_trace(tx, trace_id=trace_id, account_id=account_id)
        place = await _place(tx, task) if task.status == "queued" else None
    (told,) = await _told(house, [task], links_only=links_only)
    return replace(told, place=place)


async def tell_all(house: House, *, account_id: UUID, which: Filter, count: int, offset: int = 0) -> list[Told]:
    """The account's tasks, newest first. Their pictures are links, whatever was asked for: many would be megabytes."""
    async with house.database.statement() as tx:
        found = await tasks.tasks(tx, account_id=account_id, which=which, count=count, offset=offset)
    return await _told(house, found, links_only=True)


async def look_over(house: House, *, account_id: UUID, which: Filter, count: int) -> list[Task]:
    """The account's tasks as they stand, newest first, without what they have to show."""
    async with house.database.statement() as tx:
        return await tasks.tasks(tx, account_id=account_id, which=which, count=count)


async def count_all(house: House, *, account_id: UUID, which: Filter) -> int:
    """How many tasks of the account are like that."""
    async with house.database.statement() as tx:
        return await tasks.count_of(tx, account_id=account_id, which=which)


async def _told(house: House, found: Sequence[Task], *, links_only: bool) -> list[Told]:
    results = await _results(house, found, links_only=links_only)
    callbacks: dict[UUID, Message] = {}
    called_back = [task for task in found if task.callback_line is not None]
    if called_back:
        async with house.database.statement() as tx:
            callbacks = await webhooks.messages_of(
                tx, account_id=called_back[0].account_id, task_ids=[task.id for task in called_back]
            )
    deleted = await _deleted(found, results, house=house)
    return [
        Told(
            task=task,
            result=results.get(task.id),
            callback=callbacks.get(task.id),
            deleted=deleted.get(task.id, 0),
        )
        for task in found
    ]


async def _deleted(found: Sequence[Task], results: Mapping[UUID, Result], *, house: House) -> dict[UUID, int]:
    """How many pictures were deleted, of tasks that show fewer than they were asked for."""
    lacking = [
        task.id
        for task in found
        if task.status == "succeeded"
        and task.expired_at is None
        and (task.id not in results or len(results[task.id].images) < task.choices.get("n", 1))
    ]
    if not lacking:
        return {}
    async with house.database.statement() as tx:
        return await images.deleted_of(tx, task_ids=lacking)


async def _results(house: House, found: Sequence[Task], *, links_only: bool) -> dict[UUID, Result]:
    shown = [task for task in found if task.status == "succeeded" and task.expired_at is None]
    if not shown:
        return {}
    try:
        kept = await kept_results(house, tasks=shown, links_only=links_only)
    except FileMissing:
        return {}  # being removed this moment
    return {task.id: result for task, result in zip(shown, kept, strict=True) if result.images}


async def _place(tx: Tx, task: Task) -> Place | None:
    ahead = await jobs.ahead_of(tx, subject_id=task.id)
    if ahead is None:
        return None  # somebody is about to begin it
    pace = await tasks.pace(tx, engine=task.engine)
    running = sum(
        count for engine, status, count, _ in await tasks.counts(tx) if (engine, status) == (task.engine, "running")
    )
    # When none is performed although some wait, nobody can tell whether anybody will.
    return Place(ahead=ahead, seconds=pace * (ahead + 1) / running if pace is not None and running else None)
