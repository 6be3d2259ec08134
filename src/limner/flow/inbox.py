"""Inboxes: what is sent to an address of ours, checked as a receiver of callbacks would check it, and shown as it comes."""

from __future__ import annotations

import secrets as noise_source
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from limner.db import Database, Tx
from limner.domain.claim import Claim
from limner.flow.house import House
from limner.flow.news import LOOK, OVER, News, Watcher
from limner.inboxes import rules
from limner.inboxes import service as inboxes
from limner.inboxes.models import Arrival, Inbox, Received
from limner.inboxes.service import Made
from limner.kit.clock import Clock
from limner.kit.ids import uuid7
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Check, Message

PATH: Final = "/inbox/"
UNKNOWN: Final = "unknown"
"""What a plain signature is worth when we do not know with which secret it should have been made."""
_SHOWN_TOGETHER: Final = 10
_QUIET_SECONDS: Final = 15.0
_SOON_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The head of a request to an inbox, as it came. `path`: what follows the inbox's address."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    sender: str | None


def address_of(inbox: Inbox, *, public_url: str) -> str:
    """Where to send to."""
    return f"{public_url}{PATH}{inbox.token}"


async def make(
    database: Database, *, clock: Clock, life: timedelta, account_id: UUID, name: str = "", key: str | None = None
) -> Made:
    """A new inbox; with the account's own `key` for it, the one that was made with that key. Raises what `inboxes.make` does."""
    claim = Claim(key=key, fingerprint=rules.fingerprint(name)) if key is not None else None
    async with database.transaction() as tx:
        return await inboxes.make(
            tx,
            id_=uuid7(),
            account_id=account_id,
            noise=noise_source.token_bytes(rules.TOKEN_BYTES),
            name=name,
            life=life,
            claim=claim,
            now=clock.now(),
        )


# receiving ---------------------------------------------------------------------------------------------------------------


async def receive(house: House, *, token: str, sent: Sent, body: AsyncIterator[bytes]) -> Received:
    """Take a request in and check its signatures over all of its body, of which only the beginning is kept.

    Raises `NoSuchInbox`, `InboxEnded` or `InboxBusy`, before anything of the body is read.
    """
    headers = {name.lower(): value for name, value in sent.headers}
    async with house.database.statement() as tx:
        inbox = await inboxes.take(tx, token=token, now=house.clock.now())
        known = await webhooks.secrets(tx, account_id=inbox.account_id, now=house.clock.now())
        ours = await _message(tx, headers=headers, account_id=inbox.account_id)
    standard = webhook_rules.StandardCheck(headers=headers, secrets=known)
    plain = _PlainCheck(headers=headers, secret=ours.callback_secret if ours else None)
    kept, length = bytearray(), 0
    async for piece in body:
        standard.feed(piece)
        plain.feed(piece)
        kept += piece[: rules.BODY_BYTES_KEPT - len(kept)]
        length += len(piece)
    now = house.clock.now()
    arrival = Arrival(
        method=sent.method,
        path=rules.kept_line(sent.path),
        query=rules.kept_line(sent.query),
        headers=rules.kept_headers(sent.headers),
        body=bytes(kept),
        body_bytes=length,
        standard_check=standard.result(now=now),
        callback_check=plain.result(),
        task_id=ours.task_id if ours else None,
        sender=sent.sender,
    )
    async with house.database.statement() as tx:
        return await inboxes.keep(tx, inbox_id=inbox.id, arrival=arrival, now=now)


async def _message(tx: Tx, *, headers: Mapping[str, str], account_id: UUID) -> Message | None:
    """The callback that the request says it is, if the account has it."""
    id_ = webhook_rules.read_id(headers.get(webhook_rules.ID, ""))
    if id_ is None:
        return None
    try:
        return await webhooks.message(tx, id_=id_, account_id=account_id)
    except webhooks.NoSuchMessage:
        return None


class _PlainCheck:
    """The check of the signature that is made with the caller's own secret, which we know of our own callbacks only."""

    def __init__(self, *, headers: Mapping[str, str], secret: str | None) -> None:
        self._is_signed = webhook_rules.CALLBACK_SIGNATURE in headers
        self._check = webhook_rules.CallbackCheck(headers=headers, secret=secret) if secret is not None else None

    def feed(self, piece: bytes) -> None:
        if self._check is not None:
            self._check.feed(piece)

    def result(self) -> str:
        if self._check is not None:
            return self._check.result()
        return UNKNOWN if self._is_signed else Check.UNSIGNED


# looking -----------------------------------------------------------------------------------------------------------------


def is_valid(received: Received) -> bool | None:
    """Whether the request is what it says it is. None: it does not say, or nobody here can tell."""
    checks = {received.standard_check, received.callback_check} - {UNKNOWN, str(Check.UNSIGNED)}
    return checks == {str(Check.VALID)} if checks else None


async def watch(
    database: Database, *, clock: Clock, news: News, inbox: Inbox, after: int = 0
) -> AsyncGenerator[Received | None]:
    """Every request with a greater number than `after`, as it comes; None now and then, when it is quiet.

    Until the inbox ends, or the server stops.
    """
    with news.about(inbox.id) as watcher:
        while True:
            async with database.statement() as tx:
                found = await inboxes.requests_after(tx, inbox_id=inbox.id, after=after, count=_SHOWN_TOGETHER)
                is_over = not found and await inboxes.has_ended(tx, id_=inbox.id, now=clock.now())
            for received in found:
                after = received.number
                yield received
            if is_over:
                return
            if not found:
                heard = await _heard(watcher, after=after, seconds=_seconds_left(inbox, clock))
                if heard == OVER:
                    return
                if heard == LOOK:
                    yield None


async def _heard(watcher: Watcher, *, after: int, seconds: float) -> str:
    """What there is to look for, or that it has been quiet for so long. What was said of requests seen since is no news."""
    while True:
        what = await watcher.next(seconds=seconds)
        if not what.isdigit() or int(what) > after:
            return what


def _seconds_left(inbox: Inbox, clock: Clock) -> float:
    left = (inbox.expires_at - clock.now()).total_seconds()
    return max(_SOON_SECONDS, min(left, _QUIET_SECONDS))
