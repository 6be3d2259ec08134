"""What all routes of the site share: how they get at the house, and how a function becomes an endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from limner.flow.house import House

Respond: TypeAlias = Callable[[Request], Awaitable[Response]]
_STATE_KEY = "limner.house"


def furnish(scope: Scope, house: House) -> None:
    """Put the house where the routes find it."""
    scope[_STATE_KEY] = house


def house_of(request: Request) -> House:
    """The house that this request is served by."""
    return cast("House", request.scope[_STATE_KEY])


class _Endpoint:
    """Starlette's own wrapper around a function catches exceptions, which here only the door does."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)


def route(path: str, respond: Respond, *, methods: Sequence[str] | None) -> Route:
    """A route that is answered by a function; `methods` None: whatever the method."""
    return Route(path, _Endpoint(respond), methods=methods)
