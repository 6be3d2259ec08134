"""The verbs of this room."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.db import Row, Tx
from limner.domain.claim import CLAIMS_LIVE, Claim
from limner.domain.problem import IdempotencyKeyReused, Problem
from limner.inboxes import queries, rules
from limner.inboxes.models import Arrival, Inbox, Received

CHANNEL: Final = "limner_inboxes"
"""Where the database says `<inbox> <number>` when a request was kept, and `<inbox> ended` when an inbox was deleted."""
PER_MINUTE: Final = 600
REQUESTS_KEPT: Final = 100
INBOXES_MAX: Final = 20
_REMEMBERED: Final = timedelta(days=7)


class NoSuchInbox(Problem):
    """There is no such inbox, or it is another account's."""

    code = "no_such_inbox"
    status = 404


class NoSuchRequest(Problem):
    """The inbox has no request of that number (any more)."""

    code = "no_such_request"
    status = 404


class InboxEnded(Problem):
    """The inbox has expired or was deleted."""

    code = "inbox_ended"
    status = 410


class InboxBusy(Problem):
    """More was sent to the inbox than it takes in a minute."""

    code = "inbox_busy"
    status = 429


class TooManyInboxes(Problem):
    """The account has as many inboxes as it may have."""

    code = "too_many_inboxes"
    status = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An inbox, made now or (`is_repeat`) when it was asked for first under the same key."""

    inbox: Inbox
    is_repeat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An inbox that takes a request."""

    id: UUID
    account_id: UUID


async def make(
    tx: Tx,
    *,
    id_: UUID,
    account_id: UUID,
    noise: bytes,
    name: str,
    life: timedelta,
    claim: Claim | None,
    now: datetime,
    at_most: int = INBOXES_MAX,
) -> Made:
    """Make an inbox. `noise`: fresh random bytes, `rules.TOKEN_BYTES` of them.

    Raises `IdempotencyKeyReused`, or `TooManyInboxes` if the account has `at_most` that have not ended.
    """
    made = await tx.value(
        queries.MAKE,
        id_,
        rules.token_of(noise),
        account_id,
        name,
        now + life,
        float(PER_MINUTE),
        claim.key if claim else None,
        claim.fingerprint if claim else None,
        now - CLAIMS_LIVE,
        at_most,
        now,
    )
    if made is None:
        raise TooManyInboxes(f"an account may have {at_most} inboxes: delete one, or wait until one expires")
    row = await tx.row(queries.MADE, made)
    assert row is not None
    values = dict(row)
    if values.pop("fingerprint") != (claim.fingerprint if claim else None):
        raise IdempotencyKeyReused(
            "the idempotency key has been used for another inbox: use a new key for each", param="Idempotency-Key"
        )
    return Made(inbox=Inbox(**values), is_repeat=made != id_)


async def inbox(tx: Tx, *, token: str, account_id: UUID, now: datetime) -> Inbox:
    """An inbox of the account. Raises `NoSuchInbox` or `InboxEnded`."""
    row = await tx.row(queries.INBOX, token, account_id) if rules.is_token(token) else None
    if row is None:
        raise _no_such_inbox()
    found = Inbox(**dict(row))
    if found.deleted_at is not None or found.expires_at <= now:
        raise _inbox_ended()
    return found


async def inboxes(tx: Tx, *, account_id: UUID, now: datetime) -> list[Inbox]:
    """The account's inboxes that have not ended, the newest first."""
    return [Inbox(**dict(row)) for row in await tx.rows(queries.INBOXES, account_id, now)]


async def has_ended(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Whether nothing comes any more: it has expired or was deleted."""
    return await tx.value(queries.HAS_ENDED, id_, now) is not False


async def delete(tx: Tx, *, token: str, account_id: UUID, now: datetime) -> UUID:
    """End an inbox and let go of what it has; its id. Raises `NoSuchInbox` or `InboxEnded`."""
    await inbox(tx, token=token, account_id=account_id, now=now)
    id_: UUID | None = await tx.value(queries.DELETE, token, account_id, now)
    if id_ is None:
        raise _inbox_ended()
    return id_


async def take(tx: Tx, *, token: str, now: datetime, per_minute: int = PER_MINUTE) -> Open:
    """Let one request in, before it is read. Raises `NoSuchInbox`, `InboxEnded`, or `InboxBusy`."""
    row = await tx.row(queries.TAKE, token, float(per_minute), now) if rules.is_token(token) else None
    if row is None or row["state_"] == "unknown":
        raise _no_such_inbox()
    if row["state_"] == "ended":
        raise _inbox_ended()
    if row["state_"] == "busy":
        seconds = (1 - row["tokens_"]) * 60 / per_minute
        raise InboxBusy(
            f"an inbox takes {per_minute} requests a minute: try again in {max(1, math.ceil(seconds))} s",
            retry_after_seconds=seconds,
        )
    return Open(id=row["id_"], account_id=row["account_id_"])


async def keep(tx: Tx, *, inbox_id: UUID, arrival: Arrival, now: datetime, at_most: int = REQUESTS_KEPT) -> Received:
    """Keep a request as the newest of `at_most`, and tell whoever watches. Raises `InboxEnded`."""
    number = await tx.value(
        queries.KEEP,
        inbox_id,
        arrival.method,
        arrival.path,
        arrival.query,
        dict(arrival.headers),
        arrival.body,
        arrival.body_bytes,
        arrival.standard_check,
        arrival.callback_check,
        arrival.task_id,
        arrival.sender,
        at_most,
        now,
    )
    if number is None:
        raise _inbox_ended()
    return Received(
        inbox_id=inbox_id,
        number=number,
        received_at=now,
        method=arrival.method,
        path=arrival.path,
        query=arrival.query,
        headers=arrival.headers,
        body=arrival.body,
        body_bytes=arrival.body_bytes,
        standard_check=arrival.standard_check,
        callback_check=arrival.callback_check,
        task_id=arrival.task_id,
        sender=arrival.sender,
    )


async def requests_before(tx: Tx, *, inbox_id: UUID, before: int | None, count: int) -> list[Received]:
    """Up to `count` requests, newest first; `before`: only those with a smaller number."""
    return [_received(row) for row in await tx.rows(queries.BEFORE, inbox_id, before, count)]


async def requests_after(tx: Tx, *, inbox_id: UUID, after: int, count: int) -> list[Received]:
    """Up to `count` requests with a greater number, in the order in which they came."""
    return [_received(row) for row in await tx.rows(queries.AFTER, inbox_id, after, count)]


async def request(tx: Tx, *, inbox_id: UUID, number: int) -> Received:
    """One request. Raises `NoSuchRequest`."""
    row = await tx.row(queries.ONE, inbox_id, number)
    if row is None:
        raise NoSuchRequest(
            f"the inbox has no request {number}: it keeps the last {REQUESTS_KEPT} that were sent to it"
        )
    return _received(row)


async def sweep(tx: Tx, *, now: datetime) -> None:
    """Let go of what ended inboxes have; a week later, of themselves."""
    await tx.run(queries.SWEEP, now - _REMEMBERED, now)


def _received(row: Row) -> Received:
    return Received(**dict(row))


def _no_such_inbox() -> NoSuchInbox:
    return NoSuchInbox("there is no such inbox: check the address, or make one with `limner inbox` or POST /v1/inboxes")


def _inbox_ended() -> InboxEnded:
    return InboxEnded("the inbox has expired or was deleted: make a new one with `limner inbox` or POST /v1/inboxes")
