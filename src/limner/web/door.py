"""The outermost layer: every request gets its id and its limits, every answer its headers, every trouble its words.

The only place where a `Problem` becomes an answer, and where anything else that escaped is logged, once, with its trace.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.domain.problem import Problem
from limner.flow.generate import Broken
from limner.flow.house import House
from limner.flow.measures import Measures
from limner.kit.logs import event
from limner.kit.tracing import Span
from limner.web import trace
from limner.web.dialects.images import render
from limner.web.dialects.images.differences import dialect_of
from limner.web.site import furnish

_CLIENT_GONE: Final = 499  # as nginx writes it; it stands in the log only
_NO_ROUTE: Final = "none"
_UNSHOWN: Final = "{token"
_log = logging.getLogger(__name__)


class BodyTooLarge(Problem):
    """The request's body is over the limit."""

    code = "body_too_large"
    status = 413


class UnknownPath(Problem):
    """There is nothing at this path."""

    code = "unknown_path"
    status = 404


class WrongMethod(Problem):
    """There is something at this path, for another method."""

    code = "wrong_method"
    status = 405


class Told(NamedTuple):
    """A problem as an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Tells(Protocol):
    """Tells a problem to somebody who does not read JSON."""

    def __call__(self, scope: Scope, problem: Problem, *, trace_id: str) -> Told | None:
        """The answer; None: this caller is a program."""
        ...


class Door:
    """ASGI middleware around the whole application.

    `quiet`: the routes that only the log at debug tells of, and no trace. `larger`: by how their paths begin, what takes other bodies
    than `body_bytes_max`; they must not keep them in memory. `tells`: who answers people.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        house: House,
        body_bytes_max: int,
        quiet: AbstractSet[str] = frozenset(),
        larger: Mapping[str, int] = MappingProxyType({}),
        tells: Tells | None = None,
    ) -> None:
        self._app = app
        self._tells = tells
        self._larger = larger
        self._house = house
        self._body_bytes_max = body_bytes_max
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass a lifespan through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send)
        # Starlette's router raises what it cannot route only where it is told that somebody listens.
        scope["app"] = self
        furnish(scope, self._house)
        tracer = self._house.tracer
        if not tracer.is_on or scope["path"] in self._quiet:
            await self._serve(scope, receive, visit)
            return
        with tracer.span(scope["method"], kind="server", origin=trace.origin_in(scope)) as span:
            try:
                await self._serve(scope, receive, visit)
            finally:
                visit.note(span)

    async def _serve(self, scope: Scope, receive: Receive, visit: _Visit) -> None:
        try:
            bytes_max = self._bytes_max(scope)
            _check_declared_length(scope, bytes_max=bytes_max)
            await self._app(scope, _counted(receive, bytes_max=bytes_max), visit.send)
        except asyncio.CancelledError:
            visit.status = _CLIENT_GONE
            raise
        except ClientDisconnect:
            visit.status = _CLIENT_GONE  # there is nobody to answer
        except Exception as error:  # noqa: BLE001 - told to the caller, and logged if it is a bug
            await visit.answer(_as_problem(error, scope, visit.trace_id), tells=self._tells)
        finally:
            visit.finish(self._house.measures, quiet=self._quiet)

    def _bytes_max(self, scope: Scope) -> int:
        for beginning, bytes_max in self._larger.items():
            if scope["path"].startswith(beginning):
                return bytes_max
        return self._body_bytes_max


def _check_declared_length(scope: Scope, *, bytes_max: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > bytes_max:
            raise _too_large(bytes_max)


def _counted(receive: Receive, *, bytes_max: int) -> Receive:
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > bytes_max:
            raise _too_large(bytes_max)
        return message

    return counted


def _too_large(bytes_max: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than the {bytes_max} bytes that are read here")


class BrokenOffError(Exception):
    """An answer had begun and cannot be finished: the server closes the connection, so that the caller notices."""


class _Visit:
    """One request on its way through the door."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.trace_id = trace.begin(scope)
        self.status = 0
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Add to an answer what every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            milliseconds = str(round((time.perf_counter() - self._started) * 1000)).encode()
            message["headers"] += [
                (b"x-request-id", self.trace_id.encode()),
                (b"openai-processing-ms", milliseconds),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def answer(self, problem: Problem, *, tells: Tells | None) -> None:
        """Answer with a problem, unless an answer has begun: then all that is left is to break it off."""
        if self.status:
            event(_log, "answer.broken_off", level=logging.WARNING, code=problem.code, trace_id=self.trace_id)
            raise BrokenOffError from problem
        told = tells(self._scope, problem, trace_id=self.trace_id) if tells else None
        status, headers, body = told or self._told_in_json(problem)
        allow = {"allow": problem.allow} if isinstance(problem, _Allowing) else {}
        headers = {"content-length": str(len(body)), "cache-control": "no-store", **headers, **allow}
        await self.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
            }
        )
        await self.send({"type": "http.response.body", "body": b"" if self._scope["method"] == "HEAD" else body})

    def _told_in_json(self, problem: Problem) -> Told:
        dialect = dialect_of(self._scope["path"])
        return Told(
            status=render.problem_status(problem, dialect=dialect),
            headers={"content-type": "application/json", **render.problem_headers(problem, dialect=dialect)},
            body=render.problem_body(problem, dialect=dialect, trace_id=self.trace_id),
        )

    def finish(self, measures: Measures, *, quiet: AbstractSet[str]) -> None:
        """Count the request, and one line for it: never its prompt, key or query."""
        route, method, seconds = self._route(), self._scope["method"], time.perf_counter() - self._started
        measures.request(method=method, route=route, status=self.status, seconds=seconds)
        event(
            _log,
            "request.finished",
            level=logging.DEBUG if route in quiet else logging.INFO,
            method=method,
            # Whoever knows the token of an address may read what comes there.
            path=route if _UNSHOWN in route else self._scope["path"],
            status=self.status,
            seconds=seconds,
            trace_id=self.trace_id,
        )

    def note(self, span: Span) -> None:
        """What is to be known of the request by whoever sees its span."""
        route, method = self._route(), self._scope["method"]
        span.rename(f"{method} {route}")
        span.note({"http.request.method": method, "http.route": route, "http.response.status_code": self.status})
        if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.fail(str(self.status))

    def _route(self) -> str:
        """The template of the route that took the request, never what was asked for."""
        return getattr(self._scope.get("route"), "path_format", _NO_ROUTE)


class _Allowing(WrongMethod):
    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


def _elsewhere(scope: Scope) -> str:
    """What whoever is lost may have looked for."""
    if scope["path"].startswith("/api/"):
        return "the management API is told of at /docs/management"
    return f"pictures are made at POST {_painting(scope)}"


def _painting(scope: Scope) -> str:
    return f"{dialect_of(scope['path']).prefix}/images/generations"


def _as_problem(error: Exception, scope: Scope, trace_id: str) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException(status_code=404):
            return UnknownPath(f"there is nothing at {scope['method']} {scope['path'][:200]}: {_elsewhere(scope)}")
        case HTTPException(status_code=405):
            allow = (error.headers or {}).get("Allow", "")
            return _Allowing(
                f"{scope['path'][:200]} takes {allow or 'another method'}, not {scope['method']}", allow=allow
            )
        case _:
            _log.error("request.broke", exc_info=error, extra={"fields": {"trace_id": trace_id}})
            return Broken("something went wrong on the server; nothing was charged. The trace id finds it in the log")
