"""The verbs of this room: steps for what every request does, transactions for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.claim import CLAIMS_LIVE, Claim
from limner.domain.problem import IdempotencyKeyReused, Problem
from limner.tasks import queries
from limner.tasks.models import Ended, Filter, Holder, Outcome, Task

CHANNEL: Final = queries.CHANNEL
_ID_DIGITS: Final = 32
_ID_BEGINS: Final = re.compile(rf"[0-9a-f]{{4,{_ID_DIGITS}}}", re.ASCII)


class TaskEnded(Problem):
    """Somebody else has ended the task meanwhile: it had run out of its lease."""

    code = "task_abandoned"
    status = 500


class NoSuchTask(Problem):
    """There is no such task, or it is somebody else's."""

    code = "no_such_task"
    status = 404


class KeyUsed(IdempotencyKeyReused):
    """The idempotency key stands for a task already; nobody but `flow` sees this."""

    def __init__(self, message: str, *, task_id: UUID, fingerprint: bytes) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.fingerprint = fingerprint


_ONLY_WHILE_RUNNING: Final[Mapping[str, Callable[[str], Problem]]] = {
    queries.NOT_RUNNING: lambda _detail: TaskEnded(
        "the task took longer than its lease and was ended; nothing was charged"
    )
}


def open_task(task: Task) -> Step[None]:
    """Write a new task down: waiting in the queue if it has a job, else in the hands of `node_id` until `lease_until`."""
    return Step(
        call=queries.OPEN,
        arguments=(
            task.id,
            task.account_id,
            task.api_key_id,
            task.trace_id,
            task.kind,
            task.prefix,
            task.model,
            task.engine,
            task.request,
            task.choices,
            task.as_links,
            task.price,
            task.held,
            task.is_async,
            task.has_job,
            task.priority,
            task.callback_line,
            task.node_id,
            task.lease_until,
            task.created_at,
        ),
        read=nothing,
    )


def claim_key(*, account_id: UUID, claim: Claim, task_id: UUID, now: datetime) -> Step[None]:
    """Have the caller's own key stand for the task. Refused with `KeyUsed` if it stands for one already."""
    return Step(
        call=queries.CLAIM_KEY,
        arguments=(account_id, claim.key, claim.fingerprint, task_id, now - CLAIMS_LIVE, now),
        read=nothing,
        refusals={queries.KEY_USED: _key_used},
    )


def _key_used(detail: str) -> KeyUsed:
    task_id, _, fingerprint = detail.partition(" ")
    return KeyUsed(
        "the idempotency key has been used for another request: use a new key for each",
        task_id=UUID(task_id),
        fingerprint=bytes.fromhex(fingerprint),
    )


def begin(*, id_: UUID, node_id: UUID, until: datetime, now: datetime) -> Step[Task | None]:
    """Take a task in hand. `node_id` of the result is None if that could not be done: the result says why.

    None: there is no such task.
    """
    return Step(
        call=queries.BEGIN,
        arguments=(id_, node_id, until, now),
        read=lambda row: _task(row) if row is not None and row["id"] is not None else None,
    )


def hand_back(*, id_: UUID, node_id: UUID, counts: bool) -> Step[None]:
    """Put a task in hand back into the queue; `counts`: as one that has been begun and has failed.

    Refused with `TaskEnded` if it is not in this node's hands any more.
    """
    return Step(
        call=queries.HAND_BACK, arguments=(id_, node_id, int(counts)), read=nothing, refusals=_ONLY_WHILE_RUNNING
    )


def pass_on(*, id_: UUID, node_id: UUID, engine: str, outcome: Outcome) -> Step[None]:
    """Let another engine have a task in this node's hands, through the queue; its job is to be submitted beside this.

    Refused with `TaskEnded` if it is not in this node's hands any more.
    """
    return Step(
        call=queries.PASS_ON,
        arguments=(id_, node_id, engine, outcome.to_json()),
        read=nothing,
        refusals=_ONLY_WHILE_RUNNING,
    )


def succeed(*, id_: UUID, node_id: UUID, charged: int, outcome: Outcome | None, now: datetime) -> Step[None]:
    """End a task in this node's hands well. Refused with `TaskEnded` if it is not in them any more."""
    return Step(
        call=queries.SUCCEED,
        arguments=(id_, node_id, charged, outcome.to_json() if outcome else None, now),
        read=nothing,
        refusals=_ONLY_WHILE_RUNNING,
    )


def fail(
    *,
    id_: UUID,
    node_id: UUID | None,
    status: Literal["failed", "cancelled"] = "failed",
    code: str,
    message: str,
    outcome: Outcome | None = None,
    leftovers: bool,
    now: datetime,
) -> Step[None]:
    """End a running task badly, free of charge. Refused with `TaskEnded` if it is not in this node's hands any more.

    `node_id` None: whoever had it is gone. `leftovers`: files of it may lie in storage, to be removed when they can be.
    """
    return Step(
        call=queries.FAIL,
        arguments=(id_, node_id, status, code, message, outcome.to_json() if outcome else None, leftovers, now),
        read=nothing,
        refusals=_ONLY_WHILE_RUNNING,
    )


def cancel_queued(*, id_: UUID, code: str, message: str, now: datetime) -> Step[None]:
    """End a task that nobody has begun. Refused with `TaskEnded` if somebody has."""
    return Step(
        call=queries.CANCEL_QUEUED, arguments=(id_, code, message, now), read=nothing, refusals=_ONLY_WHILE_RUNNING
    )


async def extend_leases(tx: Tx, *, ids: Collection[UUID], node_id: UUID, until: datetime) -> dict[UUID, bool]:
    """Somebody works on these tasks: which of them are still this node's, and whether each is to be cancelled."""
    rows = await tx.rows(queries.EXTEND_LEASES, list(ids), node_id, until)
    return {row["id"]: row["cancel_asked_at"] is not None for row in rows}


async def next_abandoned(tx: Tx, *, begun_max: int, now: datetime) -> Task | None:
    """A running task to be ended, locked for this transaction. None: there is none.

    Nobody has been heard to work on it for a lease, and the queue will not hand it to anyone else.
    """
    row = await tx.row(queries.ABANDONED, now, begun_max)
    return _task(row) if row else None


async def stranded(tx: Tx, *, before: datetime, count: int) -> list[Task]:
    """Running tasks whose lease ran out before then and that the queue has not handed on."""
    return [_task(row) for row in await tx.rows(queries.WITHOUT_JOB, before, count)]


async def with_leftovers(tx: Tx, *, count: int) -> list[Task]:
    """Ended tasks of which files may lie in storage that no picture's row tells of."""
    return [_task(row) for row in await tx.rows(queries.WITH_LEFTOVERS, count)]


async def files_in_use(tx: Tx, *, account_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these files that an open task of the account starts from."""
    return {row["id"] for row in await tx.rows(queries.FILES_IN_USE, account_id, list(ids))}


async def cleared(tx: Tx, *, id_: UUID) -> None:
    """No such file of the task is left in storage."""
    await tx.run(queries.CLEARED, id_)


async def mark_leftovers(tx: Tx, *, id_: UUID) -> None:
    """Files of an ended task may lie in storage that no row tells of, to be removed when they can be."""
    await tx.run(queries.MARK_LEFTOVERS, id_)


async def kept_too_long(tx: Tx, *, before: datetime, count: int) -> list[Task]:
    """Tasks that ended well before then, and whose files are still kept."""
    return [_task(row) for row in await tx.rows(queries.OLD, before, count)]


async def expire(tx: Tx, *, id_: UUID, now: datetime) -> None:
    """The task's files have been removed."""
    await tx.run(queries.EXPIRE, id_, now)


async def with_words(tx: Tx, *, account_id: UUID, after: UUID | None, count: int) -> list[Task]:
    """Ended tasks of the account that still say what was asked for, oldest first, from behind the task `after`."""
    return [_task(row) for row in await tx.rows(queries.WITH_WORDS, account_id, after, count)]


async def forget_words(tx: Tx, *, id_: UUID, now: datetime) -> None:
    """Nobody shall know what the task was asked for; its files have been removed."""
    await tx.run(queries.FORGET_WORDS, id_, now)


async def forget_keys(tx: Tx, *, before: datetime) -> int:
    """Forget idempotency keys from before then: how many."""
    return await tx.run(queries.FORGET_KEYS, before)


async def task(tx: Tx, *, id_: UUID, account_id: UUID | None) -> Task:
    """The account's task of that id; `account_id` None: anybody's. Raises `NoSuchTask`."""
    row = await tx.row(queries.BY_ID, id_, account_id)
    if row is None:
        raise NoSuchTask(f"there is no task {id_}: check the id; tasks are seen by the account that made them")
    return _task(row)


async def task_by_trace(tx: Tx, *, trace_id: str, account_id: UUID) -> Task:
    """The account's newest task of that trace. Raises `NoSuchTask`."""
    row = await tx.row(queries.BY_TRACE, trace_id, account_id)
    if row is None:
        raise NoSuchTask("there is no task of that trace id: tasks are seen by the account that made them")
    return _task(row)


async def task_like(tx: Tx, *, prefix: str) -> Task:
    """The one task whose id begins so, anybody's. Raises `NoSuchTask` when there is none, or not one."""
    digits = prefix.strip().lower().replace("-", "")
    if not _ID_BEGINS.fullmatch(digits):
        raise NoSuchTask(f"'{prefix}' is not a task's id, nor the beginning of one: `limner tasks list` shows some")
    ends = (UUID(digits.ljust(_ID_DIGITS, end)) for end in "0f")
    rows = await tx.rows(queries.BETWEEN, *ends)
    if not rows:
        raise NoSuchTask(f"there is no task whose id begins with '{prefix}': `limner tasks list` shows some")
    if len(rows) > 1:
        raise NoSuchTask(f"several tasks' ids begin with '{prefix}': give more of the one you mean")
    return _task(rows[0])


async def tasks(tx: Tx, *, account_id: UUID | None, which: Filter, count: int, offset: int = 0) -> list[Task]:
    """Tasks, newest first; `account_id` None: everybody's."""
    names, values = _filtered(account_id, which)
    rows = await tx.rows(queries.listed(names), *values, count, offset)
    return [_task(row) for row in rows]


async def count_of(tx: Tx, *, account_id: UUID | None, which: Filter) -> int:
    """How many tasks there are of that kind; `account_id` None: everybody's."""
    names, values = _filtered(account_id, which)
    found: int = await tx.value(queries.counted(names), *values)
    return found


def _filtered(account_id: UUID | None, which: Filter) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """The conditions that there are, by name, and their values."""
    pairs: dict[str, object] = {"account_id": account_id}
    for name in Filter.__dataclass_fields__:
        value = getattr(which, name)
        pairs[name] = list(value) if isinstance(value, tuple) else value
    given = {name: value for name, value in pairs.items() if value is not None}
    return tuple(given), tuple(given.values())


async def ask_cancel(tx: Tx, *, id_: UUID, now: datetime) -> Task | None:
    """Tell whoever has the task in hand to stop. None: nobody has."""
    row = await tx.row(queries.ASK_CANCEL, id_, now)
    return _task(row) if row else None


async def tell_progress(tx: Tx, *, id_: UUID, node_id: UUID, share: float) -> None:
    """How far a task in this node's hands has come."""
    await tx.run(queries.TELL_PROGRESS, id_, node_id, share)


async def tell_partial(tx: Tx, *, id_: UUID, name: str, begun: int) -> None:
    """A partial picture of the task lies in storage; `name`: its key's last part."""
    await tx.run(queries.TELL_PARTIAL, str(id_), name, str(begun))


async def pace(tx: Tx, *, engine: str) -> float | None:
    """The seconds that the engine's last tasks took, on average; None if it has done none lately."""
    seconds: float | None = await tx.value(queries.PACE, engine)
    return seconds


async def counts(tx: Tx) -> list[tuple[str, str, int, datetime]]:
    """Open tasks by engine and status: how many, and since when the oldest."""
    return [(row["engine"], row["status"], row["count"], row["oldest"]) for row in await tx.rows(queries.COUNTS)]


def _task(row: Row) -> Task:
    values = {name: value for name, value in row.items() if name in _FIELDS}
    outcome = row["outcome"]
    return Task(**values, choices=row["spec"] or {}, outcome=Outcome.from_json(outcome) if outcome else None)


_FIELDS: Final = frozenset(Task.__dataclass_fields__) - {"choices", "outcome"}

# for overviews -----------------------------------------------------------------------------------------------------------


async def last_of(tx: Tx, *, account_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these accounts last asked for pictures, of those that ever did."""
    return {row["account_id"]: row["created_at"] for row in await tx.rows(queries.LAST_OF, list(account_ids))}


async def ended_since(tx: Tx, *, since: datetime) -> list[Ended]:
    """How many tasks have succeeded and failed since then, by engine."""
    return [Ended(**dict(row)) for row in await tx.rows(queries.ENDED_SINCE, since)]


async def failed_since(tx: Tx, *, since: datetime, count: int) -> list[Task]:
    """The last `count` tasks that have failed since then, the last first."""
    return [_task(row) for row in await tx.rows(queries.FAILED_SINCE, since, count)]


async def holders(tx: Tx) -> list[Holder]:
    """Which nodes have tasks in hand, by engine."""
    return [Holder(**dict(row)) for row in await tx.rows(queries.HOLDERS)]
