"""The client side of `limner mcp`, against servers that do not behave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from limner.mcp.api import Api, ApiTrouble, Line, Part, Place
from limner.mcp.events import Event

HANGS_UP = b""


@dataclass(eq=False)
class Odd:
    """A server that answers one request after the other with the given bytes, and closes."""

    answers: list[bytes]
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            await writer.drain()
        writer.close()


@asynccontextmanager
async def odd(*answers: bytes) -> AsyncIterator[tuple[Odd, Api]]:
    told = Odd(answers=list(answers))
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.port = server.sockets[0].getsockname()[1]
    async with server, Line(user_agent="otter/1") as line:
        yield told, line.to(Place(address=told.url, key="sk-grace"))


def says(status: int, body: object, *, media_type: str = "application/json", extra: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: {media_type}\r\ncontent-length: {len(data)}\r\n{extra}\r\n"
    return head.encode() + data


def streams(*events: tuple[str, dict[str, Any]], comment: bool = False) -> bytes:
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return (head + text + (": still here\n\n" if comment else "")).encode()


async def heard(api: Api) -> Sequence[Event | None]:
    return [event async for event in api.follow("/events")]


async def test_the_key_goes_to_the_server_and_into_no_repr() -> None:
    async with odd(says(200, {"otter": 1})) as (told, api):
        assert await api.get("/v1/models", query={"limit": "1"}) == {"otter": 1}

    assert "GET /v1/models?limit=1 HTTP/1.1" in told.asked[0]
    assert "Authorization: Bearer sk-grace" in told.asked[0]
    assert "User-Agent: otter/1" in told.asked[0]
    assert "sk-grace" not in repr(Place(address=told.url, key="sk-grace"))


async def test_an_error_is_told_in_the_servers_own_words() -> None:
    body = {"error": {"message": "no such size", "code": "invalid_value"}, "trace_id": "t-1"}
    async with odd(says(400, body), says(500, body)) as (_, api):
        with pytest.raises(ApiTrouble, match=r"^no such size$") as theirs:
            await api.post("/v1/images/generations", {})
        with pytest.raises(ApiTrouble, match=r"^no such size \(trace id t-1\)$"):
            await api.get("/v1/images/tasks")

    assert (theirs.value.status, theirs.value.code) == (400, "invalid_value")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "busy"}', b'{"error": {"message": ""}}'])
async def test_an_error_without_a_reason_has_its_status(body: bytes) -> None:
    async with odd(says(502, body)) as (_, api):
        with pytest.raises(ApiTrouble, match="status 502 and no reason"):
            await api.get("/")


async def test_something_else_than_limner_is_noticed() -> None:
    async with odd(says(200, b"<html>")) as (_, api):
        with pytest.raises(ApiTrouble, match="is it a limner"):
            await api.get("/")


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with odd(says(302, b"", extra="location: /elsewhere\r\n")) as (told, api):
        with pytest.raises(ApiTrouble, match="status 302"):
            await api.get("/")

    assert len(told.asked) == 1


async def test_what_may_be_asked_twice_is_when_the_connection_breaks() -> None:
    async with odd(HANGS_UP, says(200, {})) as (told, api):
        assert await api.get("/") == {}
    assert len(told.asked) == 2

    async with odd(HANGS_UP, says(200, {})) as (told, api):
        await api.post("/", {}, idempotency_key="k-1")
    assert all('Idempotency-Key: "k-1"' in head for head in told.asked)
    assert len(told.asked) == 2

    async with odd(HANGS_UP, says(200, {})) as (told, api):
        with pytest.raises(ApiTrouble, match="closed the connection"):
            await api.post("/", {})
    assert len(told.asked) == 1


async def test_a_form_is_made_anew_for_each_try() -> None:
    part = Part(data=b"otter", media_type="image/png", name="otter.png")
    async with odd(HANGS_UP, says(200, {"task_id": "t"})) as (told, api):
        answer = await api.post_form("/", [("prompt", "hat"), ("image[0]", part)], idempotency_key="k")

    assert answer == {"task_id": "t"}
    assert [("multipart/form-data" in head) for head in told.asked] == [True, True]


async def test_events_that_break_off_are_asked_for_again() -> None:
    first = streams(("task", {"status": "running"}), comment=True)
    async with odd(first, HANGS_UP, streams(("task", {"status": "succeeded"}), ("end", {"id": 1}))) as (told, api):
        events = await heard(api)

    assert [event and event.name for event in events] == ["task", None, "task", "end"]
    assert len(told.asked) == 3


async def test_events_are_not_asked_for_for_ever() -> None:
    async with odd(streams(), HANGS_UP) as (told, api):
        with pytest.raises(ApiTrouble):
            _ = [event async for event in api.follow("/events", tries=2)]
        assert len(told.asked) <= 3  # the HTTP library may try once more by itself
        with pytest.raises(ApiTrouble, match="closed the connection"):
            _ = [event async for event in api.follow("/events", tries=1)]


async def test_events_that_are_refused_are_not_asked_for_again() -> None:
    async with odd(says(404, {"error": {"message": "there is no such task"}})) as (told, api):
        with pytest.raises(ApiTrouble, match="there is no such task"):
            await heard(api)

    assert len(told.asked) == 1


async def test_a_picture_is_had_without_the_key() -> None:
    async with odd(says(200, b"otter", media_type="image/png")) as (told, api):
        fetched = await api.picture(f"{told.url}/files/otter.png?sig=1")

    assert (fetched.data, fetched.media_type) == (b"otter", "image/png")
    assert "authorization" not in told.asked[0].lower()


async def test_a_link_for_callers_outside_is_tried_at_the_servers_own_address() -> None:
    async with odd(says(200, b"otter", media_type="image/png")) as (told, api):
        fetched = await api.picture("http://127.0.0.1:9/limner/files/otter.png?sig=1")

    assert fetched.data == b"otter"
    assert told.asked[0].startswith("GET /files/otter.png?sig=1 ")


async def test_a_picture_that_is_too_large_is_left() -> None:
    async with odd(says(200, b"otter" * 100, media_type="image/png")) as (told, api):
        with pytest.raises(ApiTrouble, match="more than 10 bytes"):
            await api.picture(f"{told.url}/files/otter.png", bytes_max=10)


async def test_nobody_there_is_told_with_what_to_do() -> None:
    async with Line(user_agent="otter/1") as line:
        with pytest.raises(ApiTrouble, match=r"no limner answers at http://127.0.0.1:9: start it"):
            await line.to(Place(address="http://127.0.0.1:9", key="sk-grace")).get("/")
