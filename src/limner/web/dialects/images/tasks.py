"""Looking at tasks and stopping them: /images/tasks for everybody, POST /tasks as the vendor has it.

Whoever has a key of the account may; it costs nothing, and an empty account may as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, Final, TypeVar
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive

from limner.domain.principal import Principal
from limner.flow.admit import authenticate
from limner.flow.cancel import cancel
from limner.flow.history import Told, count_all, tell, tell_all
from limner.flow.house import House
from limner.flow.wait import until_ended
from limner.flow.watch import Quiet, Seen, Stands, watch
from limner.tasks.service import NoSuchTask
from limner.web.dialects.images import manners, render, tasks_parse, tasks_render
from limner.web.dialects.images.differences import Dialect
from limner.web.site import Respond, house_of, route

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_COMMENT_EVERY_SECONDS: Final = 15.0  # proxies cut what is silent, the strictest of them after half a minute
_EVENT_HEADERS: Final = {**tasks_render.NO_STORE, "x-accel-buffering": "no"}
_Result = TypeVar("_Result")


def routes(dialect: Dialect) -> list[Route]:
    """The routes under one prefix."""
    base = dialect.prefix + render.TASKS_PATH
    return [
        route(base, _list(dialect), methods=["GET"]),
        route(f"{base}/{{id}}", _one(dialect), methods=["GET"]),
        route(f"{base}/{{id}}/cancel", _cancel(dialect), methods=["POST"]),
        route(f"{base}/{{id}}/events", _events(dialect), methods=["GET"]),
        route(f"{dialect.prefix}/tasks", _vendor(dialect), methods=["POST"]),
    ]


async def _who_asks(request: Request) -> Principal:
    return await authenticate(house_of(request), authorization=request.headers.get("authorization"))


async def while_there(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of work that is given up when the caller goes away; then raises `ClientDisconnect`."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            leaving.result()
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait((working, leaving))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


# one task ----------------------------------------------------------------------------------------------------------------


def _one(dialect: Dialect) -> Respond:
    async def one(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        id_ = tasks_parse.task_id(request.path_params["id"])
        preferred = manners.preference(request.headers.get("prefer"))
        headers = {}
        if preferred.wait_seconds is not None:
            told = await tell(house, account_id=principal.account_id, task_id=id_, links_only=True)
            if told.task.is_open:
                await while_there(request, until_ended(house, task_id=id_, seconds=preferred.wait_seconds))
            headers = {"preference-applied": f"wait={preferred.wait_seconds:.0f}"}
        told = await tell(house, account_id=principal.account_id, task_id=id_)
        return task_response(house, told, dialect=dialect, headers=headers)

    return one


def task_response(
    house: House, told: Told, *, dialect: Dialect, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A task, as an answer."""
    return Response(
        tasks_render.task_body(told, dialect=dialect, address=house.public_url),
        status_code=status,
        media_type=_JSON,
        headers=tasks_render.task_headers(told) | (headers or {}),
    )


def _cancel(dialect: Dialect) -> Respond:
    async def cancelled(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        id_ = tasks_parse.task_id(request.path_params["id"])
        await cancel(house, task_id=id_, account_id=principal.account_id)
        told = await tell(house, account_id=principal.account_id, task_id=id_)
        return task_response(house, told, dialect=dialect, status=202 if told.task.is_open else 200)

    return cancelled


# many --------------------------------------------------------------------------------------------------------------------


def _list(dialect: Dialect) -> Respond:
    async def listed(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        page = tasks_parse.page(request.query_params.multi_items())
        found = await tell_all(house, account_id=principal.account_id, which=page.which, count=page.limit + 1)
        body = tasks_render.list_body(
            found[: page.limit], has_more=len(found) > page.limit, dialect=dialect, address=house.public_url
        )
        return Response(body, media_type=_JSON, headers=tasks_render.NO_STORE)

    return listed


def _vendor(dialect: Dialect) -> Respond:
    async def vendor(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        asked = tasks_parse.tasks_body(await request.body())
        if isinstance(asked, tasks_parse.One):
            told = await _known(house, asked, account_id=principal.account_id)
            body = tasks_render.vendor_body(told, dialect=dialect)
        elif asked.accounts - {str(principal.account_id)}:
            body = tasks_render.vendor_batch_body([], count=0, dialect=dialect)
        else:
            found = await tell_all(
                house, account_id=principal.account_id, which=asked.which, count=asked.limit, offset=asked.offset
            )
            count = await count_all(house, account_id=principal.account_id, which=asked.which)
            body = tasks_render.vendor_batch_body(found, count=count, dialect=dialect)
        return Response(body, media_type=_JSON, headers=tasks_render.NO_STORE)

    return vendor


async def _known(house: House, asked: tasks_parse.One, *, account_id: UUID) -> Told | None:
    if asked.id is None and asked.trace_id is None:
        return None
    try:
        return await tell(house, account_id=account_id, task_id=asked.id, trace_id=asked.trace_id)
    except NoSuchTask:
        return None


# events ------------------------------------------------------------------------------------------------------------------


def _events(dialect: Dialect) -> Respond:
    async def events(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        id_ = tasks_parse.task_id(request.path_params["id"])
        told = await tell(house, account_id=principal.account_id, task_id=id_, links_only=True)
        last_id = request.headers.get("last-event-id", "")
        if last_id == tasks_render.END and not told.task.is_open:
            return Response(status_code=204, headers=tasks_render.NO_STORE)  # it stops a browser from asking again
        if request.method == "HEAD":
            return Response(media_type=_EVENTS, headers=_EVENT_HEADERS)
        seen = watch(house, task_id=id_, account_id=principal.account_id)
        stream = event_stream(house, seen, dialect=dialect, number=_number_after(last_id))
        return StreamingResponse(stream, media_type=_EVENTS, headers=_EVENT_HEADERS)

    return events


def _number_after(last_id: str) -> int:
    """The number of the first event for a client that has seen that one."""
    return int(last_id) + 1 if re.fullmatch(r"[0-9]{1,9}", last_id, re.ASCII) else 1


async def event_stream(
    house: House,
    seen: AsyncGenerator[Seen],
    *,
    dialect: Dialect,
    number: int = 1,
    comment_every_seconds: float = _COMMENT_EVERY_SECONDS,
) -> AsyncGenerator[bytes]:
    """What is seen of a task as server-sent events, numbered from `number`: `task` first and `end` last."""
    loop = asyncio.get_running_loop()
    said_at, is_first = loop.time(), True
    async with aclosing(seen):
        yield b"retry: %d\n\n" % tasks_render.RETRY_MILLISECONDS
        async for one in seen:
            ended = one.told if isinstance(one, Stands) and not one.told.task.is_open else None
            if isinstance(one, Quiet):
                if loop.time() - said_at < comment_every_seconds:
                    continue
                yield tasks_render.COMMENT
            elif ended is None or is_first:
                yield tasks_render.event(one, number=number, dialect=dialect, address=house.public_url)
                number += 1
            if ended is not None:
                yield tasks_render.end_event(ended, dialect=dialect, address=house.public_url)
            said_at, is_first = loop.time(), False
