"""Answers that begin before they are done: events for whoever streams, and spaces for whoever only must not be cut off.

What the events and bodies look like is each dialect's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from limner.domain.problem import Problem
from limner.flow.deliver import Delivery
from limner.flow.stream import Begun, Streamed, Unfinished
from limner.web.pieces import PiecesResponse

_EVENTS: Final = "text/event-stream"
_JSON: Final = "application/json"
_COMMENT: Final = b": still painting\n\n"
_SPACE: Final = b" "
_NOT_KEPT: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_Item = TypeVar("_Item")

Pieces: TypeAlias = Sequence[bytes]
"""What is sent one after another; only what carries pictures is large."""


class Events(Protocol):
    """The events of one stream, in the order of these methods; `fail` in place of `finish`."""

    def begin(self) -> Pieces:
        """What is said before anything is there."""
        ...

    def unfinished(self, _one: Unfinished, /) -> Pieces:
        """A picture as far as it has come."""
        ...

    def finish(self, delivery: Delivery, /) -> Pieces:
        """All that there is, and the end."""
        ...

    def fail(self, problem: Problem, /) -> Pieces:
        """Why there is nothing."""
        ...


class Body(Protocol):
    """The body of an answer that is waited for."""

    def whole(self, delivery: Delivery, /) -> Pieces:
        """All that there is."""
        ...

    def headers(self, delivery: Delivery, /) -> Mapping[str, str]:
        """What stands before it, if nothing was sent yet."""
        ...

    def trouble(self, problem: Problem, /) -> bytes:
        """What stands in its place when the status has been sent already."""
        ...


class _EndType:
    """What comes after the last item."""


_END: Final = _EndType()


async def gone(receive: Receive) -> None:
    """Returns when the caller has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def paced(
    seen: AsyncGenerator[_Item], receive: Receive, *, seconds: float | None
) -> AsyncGenerator[_Item | None]:
    """What is seen, and None whenever nothing was for so long. Raises `ClientDisconnect` when the caller goes away.

    What is seen is closed at the end, whatever ends it.
    """
    leaving = asyncio.ensure_future(gone(receive))
    coming: asyncio.Future[_Item | _EndType] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(seen, _END))
            await asyncio.wait((coming, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                one, coming = coming.result(), None
                if isinstance(one, _EndType):
                    return
                yield one
            elif leaving.done():
                raise ClientDisconnect
            else:
                yield None
    finally:
        leaving.cancel()
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait((coming,))
        await seen.aclose()


async def _send_all(send: Send, pieces: Pieces) -> None:
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


class EventsResponse(Response):
    """Server-sent events. What kept the request out was an ordinary answer; a trouble that comes later is an event.

    Whenever nothing was to be told for `comment_every_seconds`, a comment line is, so that no proxy closes the connection.
    """

    def __init__(
        self,
        events: Events,
        seen: AsyncGenerator[Streamed],
        *,
        headers: Mapping[str, str],
        comment_every_seconds: float,
    ) -> None:
        self._events, self._seen, self._every = events, seen, comment_every_seconds
        super().__init__(media_type=_EVENTS, headers={**_NOT_KEPT, **headers})
        del self.headers["content-length"]

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        # The head goes out at once, so that a client knows that it has been let in.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            await _send_all(send, self._events.begin())
            async for one in paced(self._seen, receive, seconds=self._every):
                await _send_all(send, self._told(one))
        except Problem as problem:
            await _send_all(send, self._events.fail(problem))
        await send({"type": "http.response.body", "body": b""})

    def _told(self, one: Streamed | None) -> Pieces:
        match one:
            case None:
                return (_COMMENT,)
            case Unfinished():
                return self._events.unfinished(one)
            case Delivery():
                return self._events.finish(one)
            case Begun():
                return ()


class WaitedForResponse(Response):
    """A plain answer that is waited for, with a space every so often where that is wanted.

    What is done before the first of them would be due is answered as ever. After it, the status has been sent: it is 200,
    and what the body says counts.
    """

    def __init__(self, body: Body, seen: AsyncGenerator[Streamed], *, space_every_seconds: float | None) -> None:
        self._body, self._seen, self._every = body, seen, space_every_seconds
        super().__init__(media_type=_JSON, headers=_NOT_KEPT)
        del self.headers["content-length"]

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_head = False
        pieces: Pieces = ()
        try:
            async for one in paced(self._seen, receive, seconds=self._every):
                if isinstance(one, Delivery):
                    pieces = self._body.whole(one)
                    if not has_head:
                        answer = PiecesResponse(pieces, media_type=_JSON, headers=self._body.headers(one))
                        await answer(scope, receive, send)
                        return
                elif one is None:
                    if not has_head:
                        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                        has_head = True
                    await _send_all(send, (_SPACE,))
        except Problem as problem:
            if not has_head:
                raise
            pieces = (self._body.trouble(problem),)
        await _send_all(send, pieces)
        await send({"type": "http.response.body", "body": b""})
