"""The verbs of this room that others' transactions are made of."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.jobs import queries
from limner.jobs.models import Depth, Line

CHANNEL: Final = queries.CHANNEL


class QueueFull(Problem):
    """The account has as many tasks waiting as it may have."""

    code = "queue_full"
    status = 429


def submit(*, kind: str, subject_id: UUID, priority: int = 0, line: Line | None = None) -> Step[None]:
    """A new job; with a line, when its turn has come. Higher priorities go first. Refused with `QueueFull`.

    A job of that subject that is still in the queue stands for this one too.
    """
    return Step(
        call=queries.SUBMIT,
        arguments=(
            kind,
            subject_id,
            priority,
            line.id if line else None,
            line.width if line else 0,
            line.waiting_max if line else 0,
        ),
        read=nothing,
        refusals={
            queries.TOO_MANY_WAITING: lambda waiting: QueueFull(
                f"the account has {waiting} tasks waiting, as many as it may: wait for some of them to end",
                retry_after_seconds=30,
            )
        },
    )


def leave(*, subject_id: UUID, width: int) -> Step[None]:
    """The subject's job has ended, or rests for now: its place, if it has one, goes to the next. Safe to repeat.

    `width`: of its line, from now on.
    """
    return Step(call=queries.LEAVE, arguments=(subject_id, width), read=nothing)


def move(*, kind: str, subject_id: UUID, priority: int = 0) -> Step[None]:
    """The subject's job becomes one of another kind; if it has none, it gets one. Its place in its line stays."""
    return Step(call=queries.MOVE, arguments=(subject_id, kind, priority), read=nothing)


def withdraw(*, subject_id: UUID, width: int) -> Step[None]:
    """Take back a job that nobody has begun, and leave its line."""
    return Step(call=queries.WITHDRAW, arguments=(subject_id, width), read=nothing)


async def ahead_of(tx: Tx, *, subject_id: UUID) -> int | None:
    """How many jobs will be taken before the subject's; None if it is not waiting."""
    ahead: int | None = await tx.value(queries.POSITION, subject_id)
    return ahead


async def depths(tx: Tx) -> list[Depth]:
    """What waits, by kind."""
    return [Depth(**dict(row)) for row in await tx.rows(queries.DEPTHS)]


async def answers(tx: Tx) -> None:
    """Whether the queue's table can be read. Raises what the database says if not."""
    await tx.value(queries.ANSWERS)


async def tidy(tx: Tx) -> None:
    """Keep the queue's tables small, and the planner's idea of them fresh."""
    while await tx.run(queries.FORGET_LOG) == queries.FORGET_LOG_ROWS:
        pass
    if await tx.value(queries.SIZE_CHANGED):
        await tx.run(queries.ANALYZE)
