"""The verbs of this room: a step for what every task does as it ends, transactions for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.usage import models, queries, rules
from limner.usage.models import Usage, Used, sum_of

_Kind = TypeVar("_Kind")

ROLLED_TOGETHER: Final = 2000
"""How many tasks are added to the sums in one transaction, which locks the sums of their accounts."""
HOURS_KEPT: Final = timedelta(days=8)
"""How far back sums by the hour go; those by the day are kept for good."""


def note(
    *,
    account_id: UUID,
    task_id: UUID,
    api_key_id: UUID,
    model: str,
    status: str,
    error_code: str | None,
    pictures: int,
    charged: int,
    began_at: datetime,
    now: datetime,
) -> Step[None]:
    """Write down that a task has ended, beside what ends it."""
    return Step(
        call=queries.NOTE,
        arguments=(
            account_id,
            task_id,
            api_key_id,
            model,
            status,
            error_code,
            pictures,
            charged,
            began_at,
            now,
        ),
        read=nothing,
    )


async def roll(tx: Tx) -> int:
    """Add some of the tasks that have ended to the sums, each once; how many. None while another node does it."""
    return await tx.value(queries.ROLL, list(rules.BOUNDS), ROLLED_TOGETHER) or 0


async def usage(tx: Tx, *, account_id: UUID, step: models.Step, since: datetime, until: datetime) -> Usage:
    """What the account used from `since` until before `until`, which should be where an hour or a day begins (UTC).

    By the hour no further back than `HOURS_KEPT`.
    """
    found = await tx.rows(queries.USAGE, account_id, step, since, until, list(rules.BOUNDS))
    kinds = [row for row in found if row["begins_at"] is None]
    return Usage(
        total=sum_of(_used(row) for row in kinds),
        steps={row["begins_at"]: _used(row) for row in found if row["begins_at"] is not None},
        models=_sums((row["model"], _used(row)) for row in kinds),
        keys=_sums((row["api_key_id"], _used(row)) for row in kinds),
        outcomes=_sums(((row["status"], row["error_code"]), _used(row)) for row in kinds),
    )


async def by_key(tx: Tx, *, account_id: UUID) -> dict[UUID, Used]:
    """What each of the account's keys has ever used, without how long it took."""
    return {row["api_key_id"]: _used(row) for row in await tx.rows(queries.BY_KEY_EVER, account_id)}


async def tidy(tx: Tx, *, now: datetime) -> None:
    """Forget old sums by the hour."""
    await tx.run(queries.FORGET_HOURS, now - HOURS_KEPT - timedelta(days=1))


def _sums(found: Iterable[tuple[_Kind, Used]]) -> dict[_Kind, Used]:
    parts: dict[_Kind, list[Used]] = {}
    for kind, used in found:
        parts.setdefault(kind, []).append(used)
    return {kind: sum_of(used) for kind, used in parts.items()}


def _used(row: Row) -> Used:
    return Used(
        tasks=row["tasks"],
        failed=row["failed"],
        cancelled=row["cancelled"],
        pictures=row["pictures"],
        charged=row["charged"],
        took=rules.classes(int(row["took"])) if "took" in row else (),
    )
