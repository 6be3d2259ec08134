"""The verbs of this room: steps for what goes with a task's beginning and end, transactions for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.webhooks import queries, rules
from limner.webhooks.models import Attempt, Delivered, Endpoint, Message, Recorded, Retry, Signer, Status, Verdict

KEEPS_SIGNING: Final = timedelta(hours=24)
PAUSE_AFTER: Final = timedelta(days=5)
LATE: Final = timedelta(minutes=15)
# Each signature is 48 characters of a header, and receivers take only so long ones.
_SIGNING_MAX: Final = 8


class NoSuchMessage(Problem):
    """There is no such callback, or it is another account's."""

    code = "no_such_message"
    status = 404


class MessageUnderWay(Problem):
    """The callback has not ended, so it cannot be sent again."""

    code = "message_under_way"
    status = 409


# what signs ------------------------------------------------------------------------------------------------------------


async def ensure_secret(tx: Tx, *, id_: UUID, account_id: UUID, noise: bytes, now: datetime) -> bytes:
    """The account's current secret: `noise`, 32 fresh random bytes, if it has none yet. Racing callers get the same."""
    secret: bytes = await tx.value(queries.ENSURE_SECRET, id_, account_id, noise, now)
    return secret


async def rotate(
    tx: Tx, *, id_: UUID, account_id: UUID, noise: bytes, now: datetime, keeps_signing: timedelta = KEEPS_SIGNING
) -> bytes:
    """Make `noise`, 32 fresh random bytes, the account's current secret; the one before signs along for `keeps_signing`."""
    await tx.run(queries.ROTATE, id_, account_id, noise, now + keeps_signing, now)
    return noise


async def secrets(tx: Tx, *, account_id: UUID, now: datetime) -> list[bytes]:
    """All that sign for the account now, newest first: the current one, and those that retire later; eight at most."""
    return [row["secret"] for row in await tx.rows(queries.SECRETS, account_id, now, _SIGNING_MAX)]


async def signers(tx: Tx, *, account_id: UUID, now: datetime) -> list[Signer]:
    """The same with when each was made and until when it signs; the current one first."""
    return [Signer(**dict(row)) for row in await tx.rows(queries.SIGNERS, account_id, now, _SIGNING_MAX)]


async def end_old_secrets(tx: Tx, *, account_id: UUID, now: datetime) -> int:
    """Let replaced secrets sign no more, from now on; how many had time left."""
    count: int = await tx.value(queries.END_OLD, account_id, now)
    return count


# with a task ------------------------------------------------------------------------------------------------------------


def hold_message(
    *, id_: UUID, account_id: UUID, task_id: UUID, url: str, callback_secret: str | None, now: datetime
) -> Step[None]:
    """Write down whom to tell when the task has ended; a task tells one. Raises `InvalidValue` if `url` is no address."""
    return Step(
        call=queries.HOLD,
        arguments=(id_, account_id, task_id, url, rules.origin_of(url), callback_secret, now),
        read=nothing,
    )


def release_message(*, task_id: UUID, now: datetime) -> Step[UUID | None]:
    """The task has ended: its message may go out. Safe to repeat.

    The result is the message to be tried now; it counts as queued, so queue it in the same transaction. None if the
    task has none, or has had it released before, or if the receiver is paused (then the message is, too).
    """
    return Step(call=queries.RELEASE, arguments=(task_id, now), read=_id)


def _id(value: UUID | None) -> UUID | None:
    return value


# delivering -------------------------------------------------------------------------------------------------------------


async def take(tx: Tx, *, id_: UUID, now: datetime) -> Message | None:
    """The message, to be tried if it `is_queued`; else it has been, and waits for its next time, when `due` finds it.

    None if it is not waiting: it has ended, or its receiver is paused (then the message is, from now on).
    """
    row = await tx.row(queries.TAKE, id_, now)
    return Message(**dict(row)) if row else None


def record_attempt(
    *,
    message: Message,
    started_at: datetime,
    seconds: float,
    status_code: int | None,
    answer: bytes,
    error: str | None,
    verdict: Verdict,
    now: datetime,
    pause_after: timedelta | None = PAUSE_AFTER,
) -> Step[Recorded]:
    """Write down how an attempt went, and what follows for the message and its receiver.

    `message` is what `take` gave before the attempt, `answer` what was read of the receiver's body, `error` why there
    was no answer. Two workers may have tried the same message: each attempt is kept and numbered, the one recorded first
    decides, and of a later one only a success counts. `pause_after` None: the failure is not the receiver's.
    """
    return Step(
        call=queries.RECORD,
        arguments=(
            message.id,
            message.attempts,
            message.tried,
            started_at,
            max(0.0, seconds),
            status_code,
            rules.shown_answer(answer),
            rules.shown_error(error) if error is not None else None,
            _outcome(verdict),
            verdict.at if isinstance(verdict, Retry) else None,
            pause_after,
            now,
        ),
        read=_recorded,
    )


def _recorded(row: Sequence[Any]) -> Recorded:
    number, status, next_at, endpoint_paused = row
    return Recorded(number=number, status=status, next_at=next_at, endpoint_paused=endpoint_paused)


def _outcome(verdict: Verdict) -> Status:
    if isinstance(verdict, Delivered):
        return "delivered"
    return "waiting" if isinstance(verdict, Retry) else "failed"


async def due(tx: Tx, *, now: datetime, count: int, late: timedelta = LATE) -> list[Message]:
    """Up to `count` messages whose time has come and that are in no queue, the longest due first: to be queued.

    From now on they count as queued, so do both in one transaction. One that was queued and has not been tried `late`
    after its time is found too (jobs can be lost), and then again only when it is as late once more.
    """
    return [Message(**dict(row)) for row in await tx.rows(queries.DUE, now, now - late, count)]


# looking ----------------------------------------------------------------------------------------------------------------


async def message(tx: Tx, *, id_: UUID, account_id: UUID | None = None) -> Message:
    """One message; `account_id`: only if it is that account's. Raises `NoSuchMessage`."""
    row = await tx.row(queries.MESSAGE, id_, account_id)
    if row is None:
        raise _no_such_message(id_)
    return Message(**dict(row))


async def messages(
    tx: Tx,
    *,
    account_id: UUID | None = None,
    origin: str | None = None,
    status: Status | None = None,
    task_id: UUID | None = None,
    since: datetime | None = None,
    before: UUID | None = None,
    count: int,
) -> list[Message]:
    """Up to `count` messages, newest first, to which all that is given applies.

    `since`: created then or later. `before`: the `task_id` of the last message on the page before this one (of the two
    ids it is the one that tells the time).
    """
    rows = await tx.rows(queries.MESSAGES, account_id, origin, status, task_id, since, before, count)
    return [Message(**dict(row)) for row in rows]


async def messages_of(tx: Tx, *, account_id: UUID, task_ids: Sequence[UUID]) -> dict[UUID, Message]:
    """The messages of those of these tasks that have one, by task."""
    rows = await tx.rows(queries.MESSAGES_OF, account_id, list(task_ids))
    return {row["task_id"]: Message(**dict(row)) for row in rows}


async def attempts(tx: Tx, *, message_id: UUID) -> list[Attempt]:
    """Every attempt at a message, the first one first."""
    return [Attempt(**dict(row)) for row in await tx.rows(queries.ATTEMPTS, message_id)]


async def last_attempts(tx: Tx, *, message_ids: Sequence[UUID]) -> dict[UUID, Attempt]:
    """The last attempt at each of these messages that was ever tried."""
    rows = await tx.rows(queries.LAST_ATTEMPTS, list(message_ids))
    return {row["message_id"]: Attempt(**dict(row)) for row in rows}


async def endpoints(tx: Tx, *, account_id: UUID | None = None) -> list[Endpoint]:
    """The receivers that were ever tried, of one account or of all."""
    return [Endpoint(**dict(row)) for row in await tx.rows(queries.ENDPOINTS, account_id)]


# starting anew ----------------------------------------------------------------------------------------------------------


async def resume(tx: Tx, *, account_id: UUID, origin: str) -> bool:
    """Open a paused receiver; whether it was paused. Its paused messages stay so until they are recovered or resent."""
    return bool(await tx.value(queries.RESUME, account_id, origin))


async def resend(tx: Tx, *, id_: UUID, now: datetime, account_id: UUID | None = None) -> None:
    """Start an ended or paused message's schedule anew, under the same id, and open its receiver if that is paused.

    `due` finds it from then on. `account_id`: only if it is that account's. Raises `NoSuchMessage`, or `MessageUnderWay`
    if it has not ended.
    """
    status: Status | None = await tx.value(queries.RESEND, id_, account_id, now)
    if status is None:
        raise _no_such_message(id_)
    if status == "held":
        raise MessageUnderWay("the callback's task has not ended: it is sent when it has")
    if status == "waiting":
        raise MessageUnderWay("the callback is being sent already: it is tried until it is delivered or has failed")


async def recover(
    tx: Tx, *, since: datetime, now: datetime, account_id: UUID | None = None, origin: str | None = None
) -> list[UUID]:
    """Do as `resend` does with all that have failed or were paused at `since` or later; their ids, oldest task first.

    `account_id` and `origin`: only that account's, only that receiver's.
    """
    return [row["id"] for row in await tx.rows(queries.RECOVER, since, account_id, origin, now)]


def _no_such_message(id_: UUID) -> NoSuchMessage:
    return NoSuchMessage(f"there is no callback '{rules.shown_id(id_)}' here")


# for overviews -----------------------------------------------------------------------------------------------------------


async def troubled(tx: Tx, *, count: int) -> list[Endpoint]:
    """Receivers of all accounts that answer nothing well: the paused ones first, then the longest failing."""
    return [Endpoint(**dict(row)) for row in await tx.rows(queries.TROUBLED, count)]


async def undelivered(tx: Tx, *, since: datetime, count: int) -> list[Message]:
    """The last `count` messages of all accounts that have failed or were paused since then, the last first."""
    return [Message(**dict(row)) for row in await tx.rows(queries.UNDELIVERED, since, count)]


async def count_undelivered(tx: Tx, *, since: datetime) -> dict[tuple[UUID, str], int]:
    """How many those are, by account and receiver."""
    rows = await tx.rows(queries.COUNT_UNDELIVERED, since)
    return {(row["account_id"], row["origin"]): row["count"] for row in rows}
