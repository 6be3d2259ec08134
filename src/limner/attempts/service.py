"""The verbs of this room: write down what was tried, in the statement that ends the task, and list it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.attempts import queries
from limner.attempts.models import Attempt, KeptAttempt, Lost
from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.spec import Cause

SAID_CHARACTERS_MAX: Final = 2000


def note(
    *, ids: Sequence[UUID], task_id: UUID, account_id: UUID, model: str, attempts: Sequence[Attempt], now: datetime
) -> Step[None]:
    """Write down what was tried for a task, each try under one of `ids`, in their order."""
    assert len(ids) == len(attempts)
    columns = (
        list(ids),
        [one.engine for one in attempts],
        [one.part for one in attempts],
        [one.cause.value for one in attempts],
        [one.said[:SAID_CHARACTERS_MAX].replace("\0", "") for one in attempts],
        [max(0.0, one.seconds) for one in attempts],
        [one.lost_pictures for one in attempts],
    )
    return Step(call=queries.NOTE, arguments=(task_id, account_id, model, *columns, now), read=nothing)


async def latest(tx: Tx, *, engine: str | None = None, count: int) -> list[KeptAttempt]:
    """The last `count` tries that came to nothing, newest first; of one engine, or of all."""
    return [_kept(row) for row in await tx.rows(queries.LATEST, engine, count)]


async def of_task(tx: Tx, *, task_id: UUID) -> list[KeptAttempt]:
    """Those of a task, in their order."""
    return [_kept(row) for row in await tx.rows(queries.OF_TASK, task_id)]


async def lost(tx: Tx, *, since: datetime) -> list[Lost]:
    """What was charged to us since then and never arrived, by day (UTC), engine and part, newest day first."""
    return [Lost(**dict(row)) for row in await tx.rows(queries.LOST, since)]


async def tidy(tx: Tx, *, before: datetime) -> int:
    """Forget what is older than that: how many."""
    return await tx.run(queries.FORGET, before)


def _kept(row: Row) -> KeptAttempt:
    return KeptAttempt(**{**dict(row), "cause": Cause(row["cause"])})
