"""Inboxes: the addresses to which anybody may send, and the API by which their accounts look at what came."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from limner.domain.problem import InvalidValue
from limner.flow.admit import authenticate
from limner.flow.house import House
from limner.flow.inbox import PATH, Sent, address_of, is_valid, make, receive, watch
from limner.inboxes import rules
from limner.inboxes import service as inboxes
from limner.inboxes.models import Inbox, Received
from limner.web.dialects.images.manners import idempotency_key
from limner.web.dialects.images.parse import fault_of
from limner.web.site import Respond, house_of, route

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
LARGER: Final[Mapping[str, int]] = MappingProxyType({PATH: BODY_BYTES_MAX})
"""What is sent to inboxes may be larger than other bodies: callbacks with pictures in them. It passes through."""
_API: Final = "/v1/inboxes"
_JSON: Final = "application/json"
_NAME_CHARACTERS: Final = 100
_SHOWN_CHARACTERS: Final = 16_384
_COUNT: Final = 20
_DELAY_SECONDS_MAX: Final = 30.0
_RETRY_AFTER_MAX: Final = 86_400
_WITHOUT_BODY: Final = frozenset({204, 205, 304})
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def routes() -> list[Route]:
    """Where to send to, and the API."""
    return [
        route(PATH + "{token}", _receive, methods=None),
        route(PATH + "{token}/{rest:path}", _receive, methods=None),
        route(_API, _by_method(GET=_list, POST=_make), methods=["GET", "POST"]),
        route(_API + "/{token}", _by_method(GET=_show, DELETE=_delete), methods=["GET", "DELETE"]),
        route(_API + "/{token}/requests", _requests, methods=["GET"]),
        route(_API + "/{token}/requests/{number}", _request, methods=["GET"]),
        route(_API + "/{token}/events", _events, methods=["GET"]),
    ]


def _by_method(**responds: Respond) -> Respond:
    """One route for all methods of a path, so that it can say which those are."""

    async def respond(request: Request) -> Response:
        return await responds["GET" if request.method == "HEAD" else request.method](request)

    return respond


# sending ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How whoever sends wants to be answered, to see what becomes of that: `?answer=503&retry_after=3&delay=2`."""

    status: int
    retry_after: int | None
    delay_seconds: float


async def _receive(request: Request) -> Response:
    wanted = wanted_answer(request.query_params)
    received = await receive(
        house_of(request),
        token=request.path_params["token"],
        sent=Sent(
            method=request.method,
            path="/" + request.path_params.get("rest", ""),
            query=request.scope["query_string"].decode("latin-1"),
            headers=request.headers.items(),
            sender=request.client.host if request.client else None,
        ),
        body=request.stream(),
    )
    await asyncio.sleep(wanted.delay_seconds)
    headers = {"retry-after": str(wanted.retry_after)} if wanted.retry_after is not None else {}
    if wanted.status in _WITHOUT_BODY:
        return Response(status_code=wanted.status, headers=headers)
    told = {"received": True, "number": received.number}
    return Response(orjson.dumps(told), status_code=wanted.status, media_type=_JSON, headers=headers)


def wanted_answer(query: Mapping[str, str]) -> Wanted:
    """Read the query's `answer`, `retry_after` and `delay`; all else in it is the sender's own. Raises `InvalidValue`."""
    status = _number(query, "answer", least=200, most=599)
    return Wanted(
        status=int(status) if status is not None else 200,
        retry_after=_whole(_number(query, "retry_after", least=0, most=_RETRY_AFTER_MAX)),
        delay_seconds=_number(query, "delay", least=0, most=_DELAY_SECONDS_MAX) or 0.0,
    )


def _number(query: Mapping[str, str], name: str, *, least: float, most: float) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    found = re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?" if name == "delay" else r"[0-9]{1,6}", text, re.ASCII)
    if found is None or not least <= float(text) <= most:
        raise InvalidValue(f"'{name}' must be a number from {least:g} to {most:g}", param=name)
    return float(text)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


# looking ---------------------------------------------------------------------------------------------------------------


async def _make(request: Request) -> Response:
    house = house_of(request)
    principal = await authenticate(house, authorization=request.headers.get("authorization"))
    made = await make(
        house.database,
        clock=house.clock,
        life=house.inbox_life,
        account_id=principal.account_id,
        name=wanted_name(await request.body()),
        key=idempotency_key(request.headers.get("idempotency-key")),
    )
    # The first answer again, also when something has come in the meantime.
    card = _card(made.inbox, house=house) | {"requests": 0}
    headers = {"location": f"{_API}/{made.inbox.token}", **({"idempotency-replayed": "true"} if made.is_repeat else {})}
    return _answer(card, status_code=201, headers=headers)


class InboxBody(BaseModel):
    """The body of POST /v1/inboxes; it may be left out."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(strict=True)] | None = None
    """What to call it in lists."""


def wanted_name(body: bytes) -> str:
    """What the inbox is to be called; nothing for an empty body. Raises what parsing bodies does."""
    if not body.strip():
        return ""
    try:
        name = InboxBody.model_validate_json(body).name or ""
    except ValidationError as error:
        raise fault_of(error, names=("name",), example='{"name": "callbacks"}') from None
    if len(name) > _NAME_CHARACTERS or not name.isprintable():
        raise InvalidValue(f"name must be one line of {_NAME_CHARACTERS} characters at most", param="name")
    return name


async def _list(request: Request) -> Response:
    house = house_of(request)
    principal = await authenticate(house, authorization=request.headers.get("authorization"))
    async with house.database.statement() as tx:
        found = await inboxes.inboxes(tx, account_id=principal.account_id, now=house.clock.now())
    return _answer({"object": "list", "data": [_card(inbox, house=house) for inbox in found]})


async def _show(request: Request) -> Response:
    return _answer(_card(await _own(request), house=house_of(request)))


async def _delete(request: Request) -> Response:
    house = house_of(request)
    principal = await authenticate(house, authorization=request.headers.get("authorization"))
    async with house.database.transaction() as tx:
        id_ = await inboxes.delete(
            tx, token=request.path_params["token"], account_id=principal.account_id, now=house.clock.now()
        )
    return _answer({"id": str(id_), "object": "inbox.deleted", "deleted": True})


async def _requests(request: Request) -> Response:
    inbox = await _own(request)
    count = _number(request.query_params, "limit", least=1, most=inboxes.REQUESTS_KEPT) or _COUNT
    after = request.query_params.get("after")
    async with house_of(request).database.statement() as tx:
        found = await inboxes.requests_before(
            tx,
            inbox_id=inbox.id,
            before=_request_number(after, param="after") if after is not None else None,
            count=int(count) + 1,
        )
    shown = found[: int(count)]
    return _answer(
        {
            "object": "list",
            "data": [record(one, characters=_SHOWN_CHARACTERS) for one in shown],
            "has_more": len(found) > len(shown),
        }
    )


async def _request(request: Request) -> Response:
    inbox = await _own(request)
    number = _request_number(request.path_params["number"], param="number")
    async with house_of(request).database.statement() as tx:
        return _answer(record(await inboxes.request(tx, inbox_id=inbox.id, number=number)))


async def _events(request: Request) -> Response:
    inbox = await _own(request)
    last = request.headers.get("last-event-id")
    after = _request_number(last, param="Last-Event-ID") if last else inbox.received
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    events = _stream(house_of(request), inbox=inbox, after=after)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _stream(house: House, *, inbox: Inbox, after: int) -> AsyncIterator[bytes]:
    yield b": the requests of an inbox, as they come\n\n"
    async for received in watch(house.database, clock=house.clock, news=house.inbox_news, inbox=inbox, after=after):
        if received is None:
            yield b": nothing new\n\n"
        else:
            data = orjson.dumps(record(received, characters=_SHOWN_CHARACTERS))
            yield b"event: request\nid: %d\ndata: %b\n\n" % (received.number, data)


async def _own(request: Request) -> Inbox:
    house = house_of(request)
    principal = await authenticate(house, authorization=request.headers.get("authorization"))
    async with house.database.statement() as tx:
        return await inboxes.inbox(
            tx, token=request.path_params["token"], account_id=principal.account_id, now=house.clock.now()
        )


def _request_number(text: str, *, param: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise InvalidValue(f"'{param}' must be the number of a request", param=param)
    return int(text)


def _card(inbox: Inbox, *, house: House) -> dict[str, object]:
    return {
        "id": str(inbox.id),
        "object": "inbox",
        "name": inbox.name,
        "url": address_of(inbox, public_url=house.public_url),
        "token": inbox.token,
        "created_at": inbox.created_at.timestamp(),
        "expires_at": inbox.expires_at.timestamp(),
        "requests": inbox.received,
    }


def record(received: Received, *, characters: int | None = None) -> dict[str, object]:
    """A request as the API and `limner inbox --json` show it. `characters`: of its body, about so much at most."""
    body = rules.shown_body(received.body, is_truncated=received.is_truncated, characters=characters)
    return {
        "object": "inbox.request",
        "number": received.number,
        "received_at": received.received_at.timestamp(),
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "sender": received.sender,
        "headers": dict(received.headers),
        "signature": {
            "valid": is_valid(received),
            "standard": received.standard_check,
            "callback": received.callback_check,
        },
        "task_id": str(received.task_id) if received.task_id else None,
        "body": body.text,
        "body_encoding": body.encoding,
        "body_bytes": received.body_bytes,
        "body_truncated": received.is_truncated,
        "body_shortened": body.is_shortened,
    }


def _answer(told: object, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    kept_back = {"cache-control": "no-store", **(headers or {})}
    return Response(orjson.dumps(told), status_code=status_code, media_type=_JSON, headers=kept_back)
