"""Inboxes: addresses that anybody may send to, and what came there, as it comes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from limner.flow.inbox import UNKNOWN, address_of, is_valid, make, watch
from limner.inboxes import rules
from limner.inboxes import service as inboxes
from limner.inboxes.models import Inbox, Received
from limner.inboxes.service import InboxEnded, TooManyInboxes
from limner.web.console.bodies import Shown, shown, visible
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page

_COUNT: Final = 20
_STREAM_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
# What tells something of a callback comes first, then what senders add.
_TELLING: Final = (
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-callback-signature",
)


def pages() -> list[Page]:
    """Each account sees its own."""
    return [
        page("/inboxes", _list, needs="account"),
        page("/inboxes", _make, needs="account", methods=("POST",)),
        page("/inboxes/{token}", _show, needs="account"),
        page("/inboxes/{token}/older", _older, needs="account"),
        page("/inboxes/{token}/live", _live, needs="account"),
        page("/inboxes/{token}/delete", _delete, needs="account", methods=("POST",)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A request as the page shows it. `is_valid` None: it is not signed, or nobody here can tell."""

    received: Received
    is_valid: bool | None
    is_known: bool
    line: str
    headers: Mapping[str, str]
    body: Shown | None
    is_binary: bool


def card_of(received: Received) -> Card:
    """What senders may have written as they liked is made visible; the template escapes it."""
    body = rules.shown_body(received.body, is_truncated=received.is_truncated)
    is_binary = body.encoding == "base64"
    names = [
        *(name for name in _TELLING if name in received.headers),
        *sorted(received.headers.keys() - set(_TELLING), key=lambda name: (not name.startswith("x-"), name)),
    ]
    return Card(
        received=received,
        is_valid=is_valid(received),
        is_known=UNKNOWN not in {received.standard_check, received.callback_check},
        line=visible(received.path + (f"?{received.query}" if received.query else "")),
        headers={visible(name): visible(received.headers[name]) for name in names},
        body=shown(body.text, is_truncated=received.is_truncated) if body.text and not is_binary else None,
        is_binary=is_binary and bool(received.body),
    )


async def _list(visit: Visit) -> Response:
    return await _listed(visit, trouble="")


async def _listed(visit: Visit, *, trouble: str) -> Response:
    async with visit.house.database.statement() as tx:
        found = await inboxes.inboxes(tx, account_id=visit.account_id, now=visit.now)
    return await visit.page(
        "inboxes.html",
        status=429 if trouble else 200,
        inboxes=[(inbox, address_of(inbox, public_url=visit.house.public_url)) for inbox in found],
        said=trouble,
        is_deleted=visit.query("done") == "delete",
        life=visit.house.inbox_life,
    )


async def _make(visit: Visit) -> Response:
    house = visit.house
    try:
        made = await make(house.database, clock=house.clock, life=house.inbox_life, account_id=visit.account_id)
    except TooManyInboxes as problem:
        return await _listed(visit, trouble=said(problem, language=visit.language))
    return visit.redirect(f"/inboxes/{made.inbox.token}")


async def _own(visit: Visit) -> Inbox:
    async with visit.house.database.statement() as tx:
        return await inboxes.inbox(
            tx, token=visit.request.path_params["token"], account_id=visit.account_id, now=visit.now
        )


async def _show(visit: Visit) -> Response:
    inbox = await _own(visit)
    cards, before = await _before(visit, inbox, before=None)
    address = address_of(inbox, public_url=visit.house.public_url)
    return await visit.page(
        "inbox.html",
        inbox=inbox,
        address=address,
        as_callback=f"/?callback_url={quote(address, safe='')}",
        cards=cards,
        before=before,
        newest=cards[0].received.number if cards else 0,
        requests_kept=inboxes.REQUESTS_KEPT,
    )


async def _before(visit: Visit, inbox: Inbox, *, before: int | None) -> tuple[list[Card], int | None]:
    """The next requests back in time, and the number to go on from; None: that was all."""
    async with visit.house.database.statement() as tx:
        found = await inboxes.requests_before(tx, inbox_id=inbox.id, before=before, count=_COUNT + 1)
    shown_ones = found[:_COUNT]
    return [card_of(one) for one in shown_ones], shown_ones[-1].number if len(found) > _COUNT else None


async def _older(visit: Visit) -> Response:
    inbox = await _own(visit)
    cards, before = await _before(visit, inbox, before=_number(visit.query("before")))
    return visit.part("inbox.html", "older", inbox=inbox, cards=cards, before=before)


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


async def _live(visit: Visit) -> Response:
    inbox = await _own(visit)
    # Whoever lost the line says what came last; else the page does.
    heard = _number(visit.request.headers.get("last-event-id", ""))
    after = heard if heard is not None else _number(visit.query("after"))
    events = _come(visit, inbox, after=inbox.received if after is None else after)
    return visit.dressed(StreamingResponse(events, media_type="text/event-stream", headers=_STREAM_HEADERS))


async def _come(visit: Visit, inbox: Inbox, *, after: int) -> AsyncGenerator[bytes]:
    house = visit.house
    yield b": what is sent to the inbox, as it comes\n\n"
    async for received in watch(house.database, clock=house.clock, news=house.inbox_news, inbox=inbox, after=after):
        if received is None:
            yield b": nothing new\n\n"
        else:
            html = visit.part_text("inbox.html", "arrival", card=card_of(received))
            yield _event(html, id_=received.number)
    async with house.database.statement() as tx:
        is_over = await inboxes.has_ended(tx, id_=inbox.id, now=house.clock.now())
    if is_over:
        yield _event(visit.part_text("inbox.html", "over"), id_=None)
        yield b"event: over\ndata:\n\n"


def _event(html: str, *, id_: int | None) -> bytes:
    """Not by `splitlines`: bodies have more kinds of line ends than event streams do."""
    lines = "\n".join(f"data: {line}" for line in html.strip("\n").replace("\r", "").split("\n"))
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}{lines}\n\n".encode()


async def _delete(visit: Visit) -> Response:
    try:
        async with visit.house.database.transaction() as tx:
            await inboxes.delete(
                tx, token=visit.request.path_params["token"], account_id=visit.account_id, now=visit.now
            )
    except InboxEnded:
        pass  # it is gone, which is what was wanted
    return visit.redirect("/inboxes?done=delete")
