"""Asking a language model one thing: any server that speaks OpenAI's chat completions, at an address of the operator's own.

One question is one call, with one time limit for all of it. What comes back is text, or `ChatTrouble` with a word that says
why there is none; never an answer that was cut off, and never more than `ANSWER_BYTES_MAX` of whatever it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp
import orjson

ANSWER_BYTES_MAX: Final = 1024 * 1024
_PATH: Final = "/chat/completions"
_CONNECTIONS_MAX: Final = 64
_CONNECT_SECONDS: Final = 5.0
_TRIES: Final = 2


class ChatTrouble(Exception):
    """There is no answer. `reason`: a word for the log. `is_theirs`: the server is to blame, not the question."""

    def __init__(self, reason: str, *, is_theirs: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_theirs = is_theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatServer:
    """Where the model is. `url`: what /chat/completions is put after, unless it ends so. `seconds`: for a whole answer.

    `options`: further fields of every request (temperature, max_tokens...), as the server knows them.
    """

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    seconds: float = 15.0
    options: Mapping[str, Any] = field(default_factory=dict)


class Chat:
    """A line to one such server. Open it before asking; it keeps its connections until it is closed."""

    def __init__(self, server: ChatServer) -> None:
        base = server.url.rstrip("/")
        self._url = base if base.endswith(_PATH) else base + _PATH
        self._server = server
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready. Calls nobody."""
        assert self._session is None, "opened twice"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._server.key:
            headers["Authorization"] = f"Bearer {self._server.key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole has a limit of its own, which holds across tries.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """Hang up."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(self, text: str, *, instruction: str) -> str:
        """What the model answers to `text`, told beforehand what it is to do with it. Raises `ChatTrouble`."""
        request = {
            **self._server.options,
            "model": self._server.model,
            "messages": [{"role": "system", "content": instruction}, {"role": "user", "content": text}],
            "stream": False,
        }
        try:
            async with asyncio.timeout(self._server.seconds):
                return _text_of(await self._answer(orjson.dumps(request)))
        except TimeoutError:
            raise ChatTrouble("timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ChatTrouble("unreachable") from error

    async def _answer(self, body: bytes) -> bytes:
        """One call. A connection that had been kept and was closed at their end meanwhile is made anew, once."""
        for _ in range(_TRIES - 1):
            try:
                return await self._call(body)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                continue
        return await self._call(body)

    async def _call(self, body: bytes) -> bytes:
        assert self._session is not None, "asked before it was opened"
        # The key goes to this address and to no other.
        async with self._session.post(self._url, data=body, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise ChatTrouble(f"status_{answer.status}", is_theirs=answer.status != HTTPStatus.BAD_REQUEST)
            pieces, size = [], 0
            async for piece in answer.content.iter_any():
                size += len(piece)
                if size > ANSWER_BYTES_MAX:
                    raise ChatTrouble("too_large")
                pieces.append(piece)
        return b"".join(pieces)


def _text_of(body: bytes) -> str:
    try:
        choice = orjson.loads(body)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ChatTrouble("not_understood") from None
    if refusal or finish == "content_filter":
        raise ChatTrouble("refused", is_theirs=False)
    if finish == "length":
        raise ChatTrouble("cut_off", is_theirs=False)
    text = _joined(content)
    if not text.strip():
        raise ChatTrouble("empty", is_theirs=False)
    return text


def _joined(content: object) -> str:
    """The text of a message, which some servers give in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") in (None, "text")]
    return "".join(text for text in texts if isinstance(text, str))
