"""A limner server as its callers see it: requests with a key, answers as JSON, the events of a task, pictures by link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from limner.mcp.events import Event, Reader

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
PICTURE_BYTES_MAX: Final = 128 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 120.0
# The server says every 15 seconds that a stream of events is alive.
_QUIET_SECONDS: Final = 45.0
_TRIES: Final = 2
_STREAM_TRIES: Final = 6
_STREAM_PAUSE_SECONDS: Final = 0.5
_MESSAGE_CHARACTERS_MAX: Final = 2000


class ApiTrouble(Exception):
    """There is no good answer; `message` is for the person who asked. `status`, `code`: as the server said, if it did."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is, and the key to use there. `address`: http(s)://host[:port][/path], nothing after it."""

    address: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A picture as it came."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a form."""

    data: bytes = field(repr=False)
    media_type: str
    name: str


class Line:
    """Connections to servers. Open it before calling; it keeps them until it is closed."""

    def __init__(self, *, user_agent: str) -> None:
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        assert self._session is None, "opened twice"
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": self._user_agent},
            # Each caller has a key of their own: nothing may be carried over from one to the next.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def to(self, place: Place) -> Api:
        """The server there."""
        assert self._session is not None, "called before it was opened"
        return Api(self._session, place)


class Api:
    """One server, with one key. Every method raises `ApiTrouble`."""

    def __init__(self, session: aiohttp.ClientSession, place: Place) -> None:
        self._session = session
        self._place = place

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._place.address

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The object at `path`."""
        return await self._answer("GET", path, params=query)

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """What is answered to `body` as JSON. With `idempotency_key` it is sent again if the connection breaks."""
        headers = {"Content-Type": "application/json"}
        data = None if body is None else orjson.dumps(body)
        return await self._answer("POST", path, data=lambda: data, headers=headers, idempotency_key=idempotency_key)

    async def post_form(
        self, path: str, fields: Sequence[tuple[str, str | Part]], *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """What is answered to a form, in the order of its fields."""
        return await self._answer("POST", path, data=lambda: _form(fields), headers={}, idempotency_key=idempotency_key)

    async def follow(self, path: str, *, tries: int = _STREAM_TRIES) -> AsyncGenerator[Event | None]:
        """The events at `path` up to `end`; None whenever the server says that there is nothing new.

        A stream that breaks is asked for again, until that has failed `tries` times without an event in between.
        """
        failed = 0
        while True:
            try:
                async with self._called("GET", path, headers={"Accept": "text/event-stream"}, quiet=True) as answer:
                    async for event in _events(answer):
                        yield event
                        if event is not None:
                            failed = 0
                            if event.name == "end":
                                return
            except ApiTrouble as trouble:
                if trouble.status is not None and trouble.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                if failed + 1 >= tries:
                    raise
            failed += 1
            if failed >= tries:
                raise ApiTrouble(f"the server at {self.address} ends its events before the task has ended")
            await asyncio.sleep(_STREAM_PAUSE_SECONDS * failed)

    async def picture(self, link: str, *, bytes_max: int = PICTURE_BYTES_MAX) -> Fetched:
        """The picture that a link of the server's leads to. The key is not sent: the link is enough."""
        addresses = [link]
        parts, ours = urlsplit(link), urlsplit(self.address)
        if parts.netloc != ours.netloc and "/files/" in parts.path:
            # The address in links is for callers outside; from here there may be no way to it.
            rest = link[link.index("/files/", link.index(parts.netloc)) :]
            addresses.append(self.address + rest)
        for number, address in enumerate(addresses, start=1):
            try:
                async with self._reached("GET", address) as answer:
                    if answer.status != HTTPStatus.OK:
                        raise _trouble(answer.status, await _read(answer, bytes_max=ANSWER_BYTES_MAX))
                    return Fetched(data=await _read(answer, bytes_max=bytes_max), media_type=answer.content_type)
            except ApiTrouble:
                if number == len(addresses):
                    raise
        raise AssertionError("there is always a last address")

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        data: Callable[[], object] | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        repeatable = method == "GET" or idempotency_key is not None
        named = {"Idempotency-Key": f'"{idempotency_key}"'} if idempotency_key else {}
        for number in range(1, _TRIES + 1):
            try:
                async with self._called(
                    method,
                    path,
                    data=None if data is None else data(),
                    headers={"Accept": "application/json", **(headers or {}), **named},
                    params=params,
                ) as answer:
                    return _object(await _read(answer, bytes_max=ANSWER_BYTES_MAX))
            except _BrokenError:
                if number == _TRIES or not repeatable:
                    raise
        raise AssertionError("the last try either answers or raises")

    @asynccontextmanager
    async def _called(self, method: str, path: str, *, quiet: bool = False, **more: Any) -> AsyncIterator[Any]:
        """A good answer of the server to a call with the key."""
        headers = {**more.pop("headers", {}), "Authorization": f"Bearer {self._place.key}"}
        if quiet:
            more["timeout"] = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_QUIET_SECONDS)
        async with self._reached(method, self.address + path, headers=headers, **more) as answer:
            if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise _trouble(answer.status, await _read(answer, bytes_max=ANSWER_BYTES_MAX))
            yield answer

    @asynccontextmanager
    async def _reached(self, method: str, address: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, address, allow_redirects=False, **more) as answer:
                yield answer
        except TimeoutError:
            raise ApiTrouble(f"the server at {self.address} did not answer in time") from None
        except aiohttp.ClientConnectorError:
            raise ApiTrouble(
                f"no limner answers at {self.address}: start it with `limner serve`, or name another with --address"
            ) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionError):
            raise _BrokenError(f"the server at {self.address} closed the connection before it had answered") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise ApiTrouble(f"{self.address} cannot be called: {type(error).__name__}") from None


class _BrokenError(ApiTrouble):
    """The connection ended too soon."""


def _form(fields: Sequence[tuple[str, str | Part]]) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields:
        if isinstance(value, Part):
            form.add_field(name, value.data, filename=value.name, content_type=value.media_type)
        else:
            form.add_field(name, value)
    return form


async def _events(answer: aiohttp.ClientResponse) -> AsyncGenerator[Event | None]:
    reader = Reader()
    async for piece in answer.content.iter_any():
        for event in reader.feed(piece):
            yield event


async def _read(answer: aiohttp.ClientResponse, *, bytes_max: int) -> bytes:
    pieces, size = [], 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > bytes_max:
            raise ApiTrouble(f"the answer has more than {bytes_max:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ApiTrouble("the server answered with something that is no JSON object: is it a limner?")
    return parsed


def _trouble(status: int, body: bytes) -> ApiTrouble:
    """The server's own sentence, if it said one; of its own faults also the id by which its log has them."""
    try:
        told = orjson.loads(body)
        message, code, trace_id = told["error"]["message"], told["error"].get("code"), told.get("trace_id")
    except (ValueError, LookupError, TypeError, AttributeError):
        message = code = trace_id = None
    if not isinstance(message, str) or not message:
        message = f"the server answered with status {status} and no reason"
    message = message[:_MESSAGE_CHARACTERS_MAX]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(trace_id, str):
        message += f" (trace id {trace_id})"
    return ApiTrouble(message, status=status, code=code if isinstance(code, str) else None)
