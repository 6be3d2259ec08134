"""A scripted upstream: a real HTTP server on loopback that paints flat pictures, or misbehaves as it is told to.

Written on bare sockets, so that it can do what no web framework lets one do: break off in the middle of a number, lie about
a length, hang up just when it is asked again. Each request plays one script; the last script is played again and again.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final

from PIL import Image

_END: Final = b"\r\n\r\n"
USAGE: Final = {
    "input_tokens": 12,
    "output_tokens": 4160,
    "total_tokens": 4172,
    "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
}


@dataclass(frozen=True)
class Heard:
    """One request as it came. `form`, `files`: of multipart; `json`: of JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        told = json.loads(self.body)
        assert isinstance(told, dict)
        return told

    @property
    def form(self) -> dict[str, str]:
        return {name: data.decode() for name, file, data in self._parts() if file is None}

    @property
    def files(self) -> list[tuple[str, str, bytes]]:
        """Each file's field, name, and bytes."""
        return [(name, file, data) for name, file, data in self._parts() if file is not None]

    @property
    def said(self) -> dict[str, Any]:
        """The fields, however they were sent."""
        return self.json if self.headers["content-type"] == "application/json" else dict(self.form)

    def _parts(self) -> list[tuple[str, str | None, bytes]]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        found = []
        for part in message.iter_parts():
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            name = part.get_param("name", header="content-disposition")
            found.append((str(name), part.get_filename(), data))
        return found


@dataclass
class Turn:
    """What a script has at hand: the request, the way back, and the server that it plays on."""

    heard: Heard
    writer: asyncio.StreamWriter
    there: Upstream

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces, each by itself."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(
        self,
        body: bytes | object,
        *,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        """An ordinary answer. `length`: what it claims to have, if that is not the truth."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = head_of(
            status, {"Content-Type": media_type, "Content-Length": str(length or len(data)), **(headers or {})}
        )
        await self.send(head, data)

    def hang_up(self, *, rudely: bool = False) -> None:
        """End the connection; `rudely`: with a reset."""
        if rudely:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


Script = Callable[[Turn], Awaitable[None]]


@dataclass(eq=False)
class Upstream:
    """`heard`: every request, in order. `began`: somebody has asked; `left`: a caller has hung up, or has been hung up on."""

    port: int = 0
    scripts: list[Script] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    fetched: list[Heard] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    at_once: int = 0
    at_once_max: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def plays(self, *scripts: Script) -> None:
        """From now on: these, one a request, the last one for ever."""
        self.scripts = list(scripts)

    def keeps(self, data: bytes, *, name: str = "otter.png", media_type: str = "image/png") -> str:
        """Lay a file there, for GET. Its address."""
        self.files[f"/pictures/{name}"] = (media_type, data)
        return f"http://127.0.0.1:{self.port}/pictures/{name}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as many requests as come."""
        self.connections += 1
        while not writer.is_closing():
            head = (await reader.readuntil(_END)).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            turn = Turn(Heard(method, path, headers, body), writer, self)
            if method == "GET":
                self.fetched.append(turn.heard)
                media_type, data = self.files.get(path, ("text/plain", b""))
                await turn.answer(data, status=200 if path in self.files else 404, media_type=media_type)
                continue
            self.heard.append(turn.heard)
            script = self.scripts[0] if len(self.scripts) == 1 else self.scripts.pop(0)
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
            self.began.set()
            try:
                await script(turn)
            finally:
                self.at_once -= 1


class _Connection(asyncio.StreamReaderProtocol):
    """Notes at once that the other side has hung up, also while nobody reads."""

    def __init__(self, there: Upstream, serve: Callable[..., Awaitable[None]]) -> None:
        super().__init__(asyncio.StreamReader(), serve)
        self._there = there

    def eof_received(self) -> bool | None:
        self._there.left.set()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._there.left.set()
        super().connection_lost(error)


@asynccontextmanager
async def upstream(*scripts: Script) -> AsyncIterator[Upstream]:
    """One for as long as the block runs; it paints unless it is told otherwise."""
    there = Upstream(scripts=list(scripts or (paints,)))
    underway: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        underway.add(task)
        try:
            await there.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side had enough, or the scene is over
        finally:
            underway.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.get_running_loop().create_server(lambda: _Connection(there, one), "127.0.0.1", 0)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()
        for task in tuple(underway):
            task.cancel()
        await asyncio.gather(*underway, return_exceptions=True)


# pictures ----------------------------------------------------------------------------------------------------------------


def picture(
    size: tuple[int, int] = (64, 64), file_format: str = "png", colour: tuple[int, int, int] = (9, 90, 160)
) -> bytes:
    """A flat picture, as a file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(
        file, file_format.upper(), **({"compress_level": 1} if file_format == "png" else {})
    )
    return file.getvalue()


def wanted(heard: Heard, number: int = 0) -> bytes:
    """The picture that was asked for: its size, its format, and its seed for a colour."""
    said = heard.said
    width, height = (int(edge) for edge in said.get("size", "1024x1024").split("x"))
    red, green, blue = ((int(said.get("seed", 0)) + number) % 2**24).to_bytes(3, "big")
    return picture((width, height), said.get("output_format", "png"), (red, green, blue))


def count_of(heard: Heard) -> int:
    """How many pictures were asked for."""
    return int(heard.said.get("n", 1))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def told(heard: Heard, *, count: int | None = None) -> dict[str, Any]:
    """OpenAI's answer to it."""
    many = count_of(heard) if count is None else count
    return {"created": 1, "data": [{"b64_json": b64(wanted(heard, number))} for number in range(many)], "usage": USAGE}


def head_of(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + _END


# what it can play --------------------------------------------------------------------------------------------------------


async def paints(turn: Turn) -> None:
    """What was asked for, as base64."""
    await turn.answer(told(turn.heard))


def paints_data(data: bytes, **more: Any) -> Script:
    """That file, whatever was asked for; `more`: beside it, such as a revised_prompt."""

    async def script(turn: Turn) -> None:
        await turn.answer({"data": [{"b64_json": b64(data), **more}] * count_of(turn.heard)})

    return script


def paints_fewer(count: int) -> Script:
    """So many, whatever was asked for."""

    async def script(turn: Turn) -> None:
        await turn.answer(told(turn.heard, count=count))

    return script


def links(link: str) -> Script:
    """An address and nothing else."""

    async def script(turn: Turn) -> None:
        await turn.answer({"data": [{"url": link}] * count_of(turn.heard)})

    return script


def answers(body: bytes | object, *, status: int = 200, media_type: str = "application/json", **headers: str) -> Script:
    """That, with headers such as retry_after="1"."""

    async def script(turn: Turn) -> None:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        await turn.answer(body, status=status, media_type=media_type, headers=more)

    return script


def refuses(
    status: int, message: str = "no", *, code: str | None = None, param: str | None = None, **headers: str
) -> Script:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "error", "code": code, "param": param}
    return answers({"error": error}, status=status, **headers)


async def drips(turn: Turn) -> None:
    """In pieces of a few kilobytes, each when the last one has gone."""
    body = json.dumps(told(turn.heard)).encode()
    await turn.send(head_of(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}))
    for start in range(0, len(body), 3001):
        await turn.send(body[start : start + 3001])
        await asyncio.sleep(0)


async def chunks(turn: Turn) -> None:
    """Chunked, cut where it hurts: single bytes, and a large piece."""
    body = json.dumps(told(turn.heard)).encode()
    await turn.send(head_of(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
    for piece in [body[:1], body[1:2], body[2:40], body[40:-1], body[-1:]]:
        await turn.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")
    await turn.send(b"0\r\n\r\n")


async def zips(turn: Turn) -> None:
    """Compressed, although nobody asked for that."""
    body = gzip.compress(json.dumps(told(turn.heard)).encode(), 1)
    await turn.answer(body, headers={"Content-Encoding": "gzip"})


async def hangs(turn: Turn) -> None:
    """Says nothing until it is released."""
    await turn.there.release.wait()
    await paints(turn)


def in_groups(count: int) -> Script:
    """Paints when so many have asked at once."""
    barrier = asyncio.Barrier(count)

    async def script(turn: Turn) -> None:
        await barrier.wait()
        await paints(turn)

    return script


async def hangs_within(turn: Turn) -> None:
    """Begins, and says no more until it is released."""
    body = json.dumps(told(turn.heard)).encode()
    await turn.send(head_of(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}), body[:100])
    await turn.there.release.wait()
    await turn.send(body[100:])


async def breaks(turn: Turn) -> None:
    """Hangs up in the middle of the picture."""
    body = json.dumps(told(turn.heard)).encode()
    await turn.send(head_of(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}), body[:500])
    turn.hang_up()


async def hangs_up(turn: Turn) -> None:
    """Hangs up without a word."""
    turn.hang_up()


async def resets(turn: Turn) -> None:
    """The same, rudely."""
    turn.hang_up(rudely=True)


async def paints_and_leaves(turn: Turn) -> None:
    """Paints, says that the connection stays, and hangs up after it all the same."""
    await paints(turn)
    turn.hang_up()


async def half_closes(turn: Turn) -> None:
    """Closes its side after a piece of the answer, and leaves the other open."""
    body = json.dumps(told(turn.heard)).encode()
    await turn.send(head_of(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}), body[:500])
    turn.writer.write_eof()
    await turn.there.release.wait()


async def never_ends(turn: Turn) -> None:
    """Sends and sends."""
    await turn.send(head_of(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
    piece = b'{"data": [{"b64_json": "' + b"A" * 65_000
    while not turn.writer.is_closing():
        await turn.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")


async def talks_nonsense(turn: Turn) -> None:
    """No HTTP at all."""
    await turn.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n\x00\x01\x02")
    turn.hang_up()


# streams -----------------------------------------------------------------------------------------------------------------


def event(kind: str, **more: Any) -> bytes:
    """One event as OpenAI sends it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def streams(*, partials: int = 2, then: bytes | None = None, cut: int = 1000) -> Script:
    """Unfinished pictures, then the finished one, or `then` in its place; cut into pieces of `cut` bytes."""

    async def script(turn: Turn) -> None:
        heard = turn.heard
        sent = b": hello\n\n"
        for number in range(partials):
            unfinished = b64(picture((32, 32), "png", (number, 0, 0)))
            sent += event("image_generation.partial_image", b64_json=unfinished, partial_image_index=number)
        done = event("image_generation.completed", b64_json=b64(wanted(heard)), usage=USAGE)
        sent += done if then is None else then
        await turn.send(head_of(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
        for start in range(0, len(sent), cut):
            piece = sent[start : start + cut]
            await turn.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")
        await turn.send(b"0\r\n\r\n")

    return script


def streams_when_released(*, kind: str = "image_generation") -> Script:
    """One unfinished picture; the finished one only when it is released."""

    async def script(turn: Turn) -> None:
        async def send(piece: bytes) -> None:
            await turn.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")

        await turn.send(head_of(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
        await send(event(f"{kind}.partial_image", b64_json=b64(picture((32, 32))), partial_image_index=0))
        await turn.there.release.wait()
        await send(event(f"{kind}.completed", b64_json=b64(wanted(turn.heard)), usage=USAGE))
        await turn.send(b"0\r\n\r\n")

    return script
