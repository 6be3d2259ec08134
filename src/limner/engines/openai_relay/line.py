"""The line to one upstream: what is sent over it, and what comes back, piece by piece.

aiohttp with a read buffer of megabytes is as quick here as a parser of our own: 1.4 ms of CPU for an answer of 2 MB with the
decoding in it, against 1.85 ms with the buffer that it has by itself (docs/relays.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import limner
from limner.engines import EngineFailed, EngineTrouble
from limner.engines.openai_relay.options import UpstreamOptions
from limner.engines.openai_relay.troubles import Judged, Stage, answered, broke

if TYPE_CHECKING:
    import aiohttp

    from limner.engines.openai_relay.requests import Call

_BUFFER_BYTES: Final = 4 * 1024 * 1024
# uvicorn, under which most of these servers run, hangs up after five seconds of silence: hang up before it does.
_KEPT_SECONDS: Final = 4.0
_ERROR_BYTES_MAX: Final = 64 * 1024
# Bodies with pictures go out in pieces of this size, so that nobody else waits for them.
_PIECE_BYTES: Final = 256 * 1024


class CallBroke(Exception):
    """A call came to no picture. `judged`: what that means; `may_repeat_here`: the same upstream may be asked again."""

    def __init__(self, judged: Judged, *, may_repeat_here: bool) -> None:
        super().__init__(judged.trouble.message)
        self.judged = judged
        self.may_repeat_here = may_repeat_here

    @property
    def trouble(self) -> EngineTrouble:
        """What it is for whoever called."""
        return self.judged.trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that is a success, whose body is yet to come. `is_stream`: it is text/event-stream."""

    is_stream: bool
    pieces: AsyncGenerator[bytes] = field(repr=False)

    async def whole(self) -> bytes:
        """The body in one."""
        async with aclosing(self.pieces) as pieces:
            found = [piece async for piece in pieces]
        return found[0] if len(found) == 1 else b"".join(found)


class _Progress:
    """How far a call has come, as aiohttp tells it."""

    __slots__ = ("has_answer", "is_kept", "stands")

    def __init__(self) -> None:
        self.stands = False
        self.is_kept = False
        self.has_answer = False

    @property
    def stage(self) -> Stage:
        if self.has_answer:
            return "answer"
        return "send" if self.stands else "connect"


class Line:
    """Calls one upstream. Open it in the loop that uses it; it keeps connections until it is closed."""

    def __init__(self, options: UpstreamOptions) -> None:
        self._options = options
        self._keys = () if options.key is None else (options.key,)
        self._origin = _origin_of(options.base)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready. Calls nobody."""
        # aiohttp takes a third of a second: a relay that is never asked does not pay for it.
        import aiohttp

        assert self._session is None, "opened twice"
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_stands)
        trace.on_connection_reuseconn.append(_stands_again)
        self._session = aiohttp.ClientSession(
            # How many there are at once is decided where the upstream is chosen.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._options.connect_seconds),
            headers={"User-Agent": f"limner/{limner.__version__}", "Accept-Encoding": "identity"},
            read_bufsize=_BUFFER_BYTES,
            trace_configs=[trace],
        )

    async def close(self) -> None:
        """Hang up; calls under way fail."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def call(self, call: Call) -> AsyncGenerator[Reply]:
        """Send it, and answer with what comes back. Leaving early hangs up.

        Raises `CallBroke`, also while the reply is read: for whatever is no success, and when the time is up.
        """
        import aiohttp

        assert self._session is not None, "called before it was opened"
        progress = _Progress()
        silence = _Silence(self._options.idle_seconds)
        try:
            async with (
                asyncio.timeout(self._options.seconds),
                silence.limit,
                self._session.post(
                    call.url,
                    data=call.body[0] if len(call.body) == 1 else _pieces(call.body),
                    headers=call.headers,
                    # The key goes to this address and to no other.
                    allow_redirects=False,
                    trace_request_ctx=progress,
                ) as answer,
            ):
                progress.has_answer = True
                silence.broken()
                if answer.status != HTTPStatus.OK and not HTTPStatus.OK < answer.status < HTTPStatus.MULTIPLE_CHOICES:
                    raise await self._refusal(answer, pictures=call.count)
                yield Reply(
                    is_stream=answer.content_type == "text/event-stream",
                    pieces=self._body(answer, silence, pictures=call.count),
                )
        except TimeoutError:
            # Both limits, the one on connecting too, end up here.
            raise self._broke(progress, timed_out=True, said="no answer in time", pictures=call.count) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: what aiohttp makes of an answer that is no HTTP in some places.
            said = f"{type(error).__name__}: {error}"
            raise self._broke(progress, timed_out=False, said=said, pictures=call.count, error=error) from error

    async def fetch(self, url: str, *, bytes_max: int) -> bytes | None:
        """What lies at an address of the upstream's own; None if the address is not its own. Raises `EngineFailed`."""
        import aiohttp

        assert self._session is not None, "called before it was opened"
        if _origin_of(url) != self._origin:
            return None
        headers = dict(self._options.headers)
        if self._options.key is not None:
            headers["Authorization"] = f"Bearer {self._options.key}"
        try:
            async with (
                asyncio.timeout(self._options.idle_seconds),
                self._session.get(url, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    raise self._lost(f"the address of the picture answered {answer.status}")
                pieces, size = [], 0
                async for piece in answer.content.iter_any():
                    size += len(piece)
                    if size > bytes_max:
                        raise self._lost(f"the picture has more than {bytes_max} bytes")
                    pieces.append(piece)
                return b"".join(pieces)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise self._lost(f"{type(error).__name__}: {error}") from error

    async def _body(self, answer: aiohttp.ClientResponse, silence: _Silence, *, pictures: int) -> AsyncGenerator[bytes]:
        size, size_max = 0, self._options.answer_bytes_max
        async for piece in answer.content.iter_any():
            silence.broken()
            size += len(piece)
            if size > size_max:
                raise EngineFailed(
                    f"the upstream sent more than {size_max} bytes", part=self._options.name, lost_pictures=pictures
                )
            yield piece

    async def _refusal(self, answer: aiohttp.ClientResponse, *, pictures: int) -> CallBroke:
        body = b""
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) >= _ERROR_BYTES_MAX:
                break
        judged = answered(
            status=answer.status,
            headers=answer.headers,
            body=body[:_ERROR_BYTES_MAX],
            part=self._options.name,
            keys=self._keys,
            pictures=pictures,
        )
        may_repeat = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _LATER
        return CallBroke(judged, may_repeat_here=may_repeat and judged.is_safe_to_retry)

    def _broke(
        self, progress: _Progress, *, timed_out: bool, said: str, pictures: int, error: Exception | None = None
    ) -> CallBroke:
        import aiohttp

        stage = progress.stage
        # A connection that had been kept, and was closed just when it was used again: the upstream has not read a word.
        unheard = (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError)
        if stage == "send" and progress.is_kept and isinstance(error, unheard):
            stage = "connect"
        judged = broke(
            stage=stage,
            timed_out=timed_out,
            said=said,
            part=self._options.name,
            keys=self._keys,
            pictures=pictures,
        )
        return CallBroke(judged, may_repeat_here=judged.is_safe_to_retry)

    def _lost(self, said: str) -> EngineFailed:
        """A picture that was painted, and cannot be had."""
        return EngineFailed(
            "the upstream's picture cannot be fetched from where it says it is",
            said=said,
            part=self._options.name,
            lost_pictures=1,
        )


_LATER: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class _Silence:
    """A limit on silence, which counts only once an answer has begun: `limit` is to be entered."""

    def __init__(self, seconds: float) -> None:
        self.limit = asyncio.timeout(None)
        self._seconds = seconds

    def broken(self) -> None:
        """Something has come."""
        self.limit.reschedule(asyncio.get_running_loop().time() + self._seconds)


async def _stands(_session: object, context: object, _params: object) -> None:
    _progress_of(context).stands = True


async def _stands_again(_session: object, context: object, _params: object) -> None:
    progress = _progress_of(context)
    progress.stands = progress.is_kept = True


def _progress_of(context: object) -> _Progress:
    given = getattr(context, "trace_request_ctx", None)
    return given if isinstance(given, _Progress) else _Progress()


async def _pieces(body: tuple[bytes, ...]) -> AsyncGenerator[bytes]:
    for piece in body:
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece if len(piece) <= _PIECE_BYTES else piece[start : start + _PIECE_BYTES]


def _origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Who answers at an address: scheme, host, port."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, (parts.hostname or "").lower(), port)
