"""A request whose answer is read as it comes, and whose caller may hang up: straight to the application."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Message

from limner.flow.house import House
from limner.web.app import make_app
from support.people import Person
from support.wire import BODY_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: dict[str, Any]


class Line:
    """What the caller has at the ear."""

    def __init__(self, body: bytes = b"") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.is_over = False
        self._heard = asyncio.Event()
        self._hung_up = asyncio.Event()
        self._body: bytes | None = body

    async def receive(self) -> Message:
        """The request's body, and then nothing until the caller hangs up."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take what is answered."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            self.is_over = not message.get("more_body", False)
        self._heard.set()

    def hang_up(self) -> None:
        """Go away."""
        self._hung_up.set()

    @property
    def events(self) -> list[Event]:
        """The whole events that have come so far."""
        found = []
        for block in self.text.split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append(Event(name=fields["event"], id=fields.get("id", ""), data=json.loads(fields["data"])))
        return found

    async def until_over(self, *, seconds: float = 5) -> None:
        """Until the answer has ended."""
        async with asyncio.timeout(seconds):
            while not self.is_over:
                self._heard.clear()
                await self._heard.wait()

    async def says(self, text: str, *, seconds: float = 5) -> None:
        """Until the answer has the text in it."""
        async with asyncio.timeout(seconds):
            while text not in self.text:
                self._heard.clear()
                await self._heard.wait()

    async def until(self, *names: str, seconds: float = 5) -> list[Event]:
        """The events, once each of these has come, as often as it is named."""
        async with asyncio.timeout(seconds):
            while Counter(names) - Counter(event.name for event in self.events):
                self._heard.clear()
                await self._heard.wait()
        return self.events


@asynccontextmanager
async def calling(
    house: House,
    person: Person,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> AsyncIterator[Line]:
    """A request under way while the block runs; then its caller hangs up, and it must end by itself."""
    line = Line(body)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in (person.headers | (headers or {})).items()],
        "client": ("127.0.0.1", 1),
        "server": ("limner.test", 80),
    }
    app = make_app(house, body_bytes_max=BODY_BYTES_MAX)
    answering = asyncio.create_task(app(scope, line.receive, line.send))  # type: ignore[arg-type]
    try:
        yield line
        line.hang_up()
        async with asyncio.timeout(5):
            await answering
    finally:
        answering.cancel()
