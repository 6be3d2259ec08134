"""A server that speaks OpenAI's chat completions, on loopback, and answers as it is told to: well, badly, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Turn = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What is done with one request; the connection is closed afterwards."""


@dataclass(eq=False)
class ChatServer:
    """`turns`: what is done with the first request, the second one...; the last one goes on for ever."""

    port: int = 0
    turns: list[Turn] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.targets.append(head[0])
            self.headers.append(headers)
            self.asked.append(json.loads(body))
            self.began.set()
            turn = self.turns[0] if len(self.turns) == 1 else self.turns.pop(0)
            await turn(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def chat_server(*turns: Turn) -> AsyncIterator[ChatServer]:
    """One for as long as the block runs."""
    told = ChatServer(turns=list(turns))
    underway: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        underway.add(task)
        try:
            await told.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the scene is over
        finally:
            underway.discard(task)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        for task in tuple(underway):
            task.cancel()
        await asyncio.gather(*underway, return_exceptions=True)


def says(text: object, *, finish: str = "stop", **message: Any) -> Turn:
    """Answers with that text."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    body = {"id": "c-1", "object": "chat.completion", "choices": [choice], "usage": {"total_tokens": 7}}
    return replies(200, json.dumps(body).encode())


def replies(status: int, body: bytes, **headers: str) -> Turn:
    """Answers with those bytes."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def turn(writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"connection: close\r\n{lines}\r\n".encode()
        )
        writer.write(body)
        await writer.drain()

    return turn


async def hangs(_writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def hangs_up(_writer: asyncio.StreamWriter) -> None:
    """Closes the connection instead of answering."""


async def stops_halfway(writer: asyncio.StreamWriter) -> None:
    """Promises more than it sends."""
    writer.write(b'HTTP/1.1 200 Said\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"choices":[{')
    await writer.drain()


async def never_ends(writer: asyncio.StreamWriter) -> None:
    """Goes on and on, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 Said\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()
