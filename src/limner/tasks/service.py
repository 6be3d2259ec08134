"""The verbs of this room: steps for what every request does, transactions for the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.tasks import queries
from limner.tasks.models import Task


class TaskEnded(Problem):
    """Somebody else has ended the task meanwhile: it had run out of its lease."""

    code = "task_abandoned"
    status = 500


_ONLY_WHILE_RUNNING: Final = {
    queries.NOT_RUNNING: lambda _detail: TaskEnded(
        "the task took longer than its lease and was ended; nothing was charged"
    )
}


def open_task(*, task: Task, request: Mapping[str, object], node_id: UUID, lease_until: datetime) -> Step[None]:
    """Write a new task down as running. `request` is what the caller asked for, after parsing."""
    return Step(
        call=queries.OPEN,
        arguments=(
            task.id,
            task.account_id,
            task.api_key_id,
            task.trace_id,
            task.model,
            task.engine,
            request,
            task.held,
            node_id,
            lease_until,
            task.created_at,
        ),
        read=nothing,
    )


def succeed(*, id_: UUID, charged: int, now: datetime) -> Step[None]:
    """End a running task well. Refused with `TaskEnded` if it is not running any more."""
    return Step(call=queries.SUCCEED, arguments=(id_, charged, now), read=nothing, refusals=_ONLY_WHILE_RUNNING)


def fail(*, id_: UUID, code: str, message: str, leftovers: bool, now: datetime) -> Step[None]:
    """End a running task badly, free of charge. Refused with `TaskEnded` if it is not running any more.

    `leftovers`: files of it may lie in storage, to be removed when they can be.
    """
    return Step(
        call=queries.FAIL,
        arguments=(id_, code, message, leftovers, now),
        read=nothing,
        refusals=_ONLY_WHILE_RUNNING,
    )


async def extend_leases(tx: Tx, *, ids: Collection[UUID], until: datetime) -> int:
    """Somebody works on these tasks: how many of them are still running."""
    return await tx.run(queries.EXTEND_LEASES, list(ids), until)


async def next_abandoned(tx: Tx, *, now: datetime) -> Task | None:
    """A running task that nobody has been heard to work on for a lease, locked for this transaction; None: there is none."""
    row = await tx.row(queries.ABANDONED, now)
    return Task(**dict(row)) if row else None


async def with_leftovers(tx: Tx, *, count: int) -> list[Task]:
    """Ended tasks of which files may lie in storage."""
    return [Task(**dict(row)) for row in await tx.rows(queries.WITH_LEFTOVERS, count)]


async def cleared(tx: Tx, *, id_: UUID) -> None:
    """No file of the task is left in storage."""
    await tx.run(queries.CLEARED, id_)


async def mark_leftovers(tx: Tx, *, id_: UUID) -> None:
    """Files of an ended task may lie in storage, to be removed when they can be."""
    await tx.run(queries.MARK_LEFTOVERS, id_)
