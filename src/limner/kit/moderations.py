"""Asking a server what it thinks of a text or a picture: any that speaks OpenAI's moderations, at an address of the operator's.

One question is one call with one time limit. What comes back is an `Opinion`, or `ModerationTrouble` with a word that says
why there is none; never more than `ANSWER_BYTES_MAX` of whatever it is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp
import orjson
import pybase64

ANSWER_BYTES_MAX: Final = 1024 * 1024
CATEGORIES_MAX: Final = 100
_NAME_CHARACTERS_MAX: Final = 100
_PATH: Final = "/moderations"
_CONNECTIONS_MAX: Final = 64
_CONNECT_SECONDS: Final = 5.0
_TRIES: Final = 2


class ModerationTrouble(Exception):
    """There is no opinion. `reason`: a word for the log. `is_theirs`: the server is to blame, not the question."""

    def __init__(self, reason: str, *, is_theirs: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_theirs = is_theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What it thinks. `flagged`: it would not have that. `categories`: by name, whether that is why; `scores`: 0 to 1."""

    flagged: bool
    categories: Mapping[str, bool] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


def opinion_of(answer: object) -> Opinion:
    """The opinion that a JSON value is: OpenAI's results[0], or true or false for whether it is flagged. Raises ValueError."""
    if isinstance(answer, bool):
        return Opinion(flagged=answer)
    if not isinstance(answer, Mapping):
        msg = "neither true or false nor an object"
        raise ValueError(msg)  # noqa: TRY004 - it is an answer that is wrong, not a call
    flagged, categories, scores = (answer.get(name) for name in ("flagged", "categories", "category_scores"))
    told = {_name(name): value for name, value in _items(categories) if isinstance(value, bool)}
    if not isinstance(flagged, bool):
        if not told:
            msg = "it does not say whether it is flagged"
            raise ValueError(msg)
        flagged = any(told.values())
    return Opinion(
        flagged=flagged,
        categories=told,
        scores={_name(name): float(value) for name, value in _items(scores) if _is_score(value)},
    )


def _items(value: object) -> list[tuple[Any, Any]]:
    return list(value.items())[:CATEGORIES_MAX] if isinstance(value, Mapping) else []


def _name(value: object) -> str:
    return str(value).replace("\0", "")[:_NAME_CHARACTERS_MAX]


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationServer:
    """Where it is. `url`: what /moderations is put after, unless it ends so. `model` None: its own choice.

    `seconds`: for a whole answer.
    """

    url: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)
    seconds: float = 5.0


class Moderations:
    """A line to one such server. Open it before asking; it keeps its connections until it is closed."""

    def __init__(self, server: ModerationServer) -> None:
        base = server.url.rstrip("/")
        self._url = base if base.endswith(_PATH) else base + _PATH
        self.server: Final = server
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready. Calls nobody."""
        assert self._session is None, "opened twice"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.server.key:
            headers["Authorization"] = f"Bearer {self.server.key}"
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

    async def of_text(self, text: str) -> Opinion:
        """What it thinks of a text. Raises `ModerationTrouble`."""
        return await self._ask(orjson.dumps({**self._named(), "input": text}))

    async def of_picture(self, data: bytes, *, media_type: str) -> Opinion:
        """What it thinks of a picture. Raises `ModerationTrouble`."""
        # Megabytes: the loop goes on meanwhile.
        body = await asyncio.to_thread(self._picture_body, data, media_type)
        return await self._ask(body)

    def _named(self) -> dict[str, str]:
        return {"model": self.server.model} if self.server.model else {}

    def _picture_body(self, data: bytes, media_type: str) -> bytes:
        mark = "%"  # a stand-in of one byte that appears nowhere else: no JSON library has to go through the picture
        address = {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{mark}"}}
        head, _, tail = orjson.dumps({"input": [address], **self._named()}).partition(mark.encode())
        return b"".join((head, pybase64.b64encode(data), tail))

    async def _ask(self, body: bytes) -> Opinion:
        try:
            async with asyncio.timeout(self.server.seconds):
                return _opinion_in(await self._answer(body))
        except TimeoutError:
            raise ModerationTrouble("timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ModerationTrouble("unreachable") from error

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
                raise ModerationTrouble(f"status_{answer.status}", is_theirs=answer.status != HTTPStatus.BAD_REQUEST)
            pieces, size = [], 0
            async for piece in answer.content.iter_any():
                size += len(piece)
                if size > ANSWER_BYTES_MAX:
                    raise ModerationTrouble("too_large")
                pieces.append(piece)
        return b"".join(pieces)


def _opinion_in(body: bytes) -> Opinion:
    try:
        return opinion_of(orjson.loads(body)["results"][0])
    except (ValueError, LookupError, TypeError):
        raise ModerationTrouble("not_understood") from None
