"""A start with nothing configured but a key in the environment: real processes, with an upstream on loopback."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image

from support.chat import ChatServer, Turn, chat_server, replies
from support.server import Server, start

KEY = "sk-proj-of-the-operator"
REVISED = "A baby sea otter on its back, in morning light."
OVERLOADED = replies(503, b'{"error": {"message": "The engine is overloaded", "code": "server_is_overloaded"}}')

AtHand: TypeAlias = Callable[..., AbstractContextManager[tuple[Server, str]]]


def picture() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (1024, 1024), "teal").save(kept, "PNG")
    return kept.getvalue()


PICTURE = picture()


def paints() -> Turn:
    """Answers as OpenAI does."""
    counted = {"input_tokens": 9, "output_tokens": 1056, "total_tokens": 1065}
    data = [{"b64_json": base64.b64encode(PICTURE).decode(), "revised_prompt": REVISED}]
    return replies(200, json.dumps({"created": 1, "data": data, "usage": counted}).encode())


@pytest.fixture
def at_hand(new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> AtHand:
    """Starts a server that finds a key and that upstream, and what it says at the start."""

    @contextmanager
    def started(upstream: ChatServer, **environ: str) -> Iterator[tuple[Server, str]]:
        found = {"LIMNER_CATALOG__ENGINE": "", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": upstream.url}
        with new_database() as url:
            server = start(tmp_path / "data", database_url=url, environ={**found, **environ})
            try:
                yield server, banner_of(server)
            finally:
                assert server.stop() == 0, server.log.read_text()[-2000:]
            assert KEY not in server.log.read_text()

    return started


def banner_of(server: Server) -> str:
    """The rest of it, after the address."""
    assert server.process.stdout is not None
    lines = []
    for line in server.process.stdout:
        if "Try it" in line:
            break
        lines.append(line)
    return "".join(lines)


async def asked(server: Server, **body: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body, while the upstream goes on."""
    return await asyncio.to_thread(_asked, server, {"model": "dall-e-3", "prompt": "An otter", **body})


def _asked(server: Server, body: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
    headers = {"Authorization": f"Bearer {server.owner_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/v1/images/generations", json.dumps(body).encode(), headers)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, json.loads(answer.read())


async def test_a_key_in_the_environment_makes_a_relay_that_says_so(at_hand: AtHand) -> None:
    async with chat_server(paints()) as upstream:
        with at_hand(upstream) as (server, banner):
            status, headers, body = await asked(server, response_format="b64_json")

    assert "Engine     openai at 127.0.0.1, since OPENAI_API_KEY is set" in banner
    assert '(another: set catalog.engine = "illustrator")' in banner
    assert KEY not in banner
    assert (status, headers["x-limner-engine"]) == (200, "openai/main")
    (one,) = body["data"]
    with Image.open(io.BytesIO(base64.b64decode(one["b64_json"]))) as painted:
        assert (painted.size, painted.getpixel((0, 0))) == ((1024, 1024), (0, 128, 128))
    assert one["revised_prompt"] == REVISED
    assert body["usage"]["total_tokens"] == 1065
    (call,) = upstream.asked
    assert (call["model"], call["size"]) == ("gpt-image-2", "1024x1024")
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"
    assert upstream.targets == ["POST /v1/images/generations HTTP/1.1"]


async def test_an_upstream_in_trouble_is_no_reason_for_a_drawing(at_hand: AtHand) -> None:
    async with chat_server(OVERLOADED) as upstream:
        with at_hand(upstream) as (server, _):
            status, _, body = await asked(server)

    assert (status, body["error"]["code"]) == (503, "server_is_overloaded")
    assert "The engine is overloaded" not in str(body)


async def test_unless_the_operator_says_so(at_hand: AtHand) -> None:
    async with chat_server(OVERLOADED) as upstream:
        with at_hand(upstream, LIMNER_CATALOG__FALLBACKS='["fake: busy"]') as (server, _):
            status, headers, body = await asked(server)

    assert (status, headers["x-limner-engine"]) == (200, "fake")
    assert headers["x-limner-fallback"] == "openai/main=busy"
    assert body["warnings"] == ["painted by the engine fake in place of openai (busy)"]
    assert upstream.asked


async def test_one_setting_goes_before_what_is_at_hand(at_hand: AtHand) -> None:
    async with chat_server(paints()) as upstream:
        with at_hand(upstream, LIMNER_CATALOG__ENGINE="fake") as (server, banner):
            status, headers, _ = await asked(server)

    assert "Engine     fake\n" in banner
    assert (status, headers["x-limner-engine"]) == (200, "fake")
    assert upstream.asked == []


async def test_an_address_that_is_none_is_said_and_the_illustrator_paints(at_hand: AtHand) -> None:
    async with chat_server(paints()) as upstream:
        with at_hand(upstream, OPENAI_BASE_URL="nowhere") as (server, banner):
            _, headers, _ = await asked(server, output_format="svg")

    assert "Engine     illustrator, since nothing better can be used" in banner
    assert "OPENAI_API_KEY is set, but" in banner
    assert headers["x-limner-engine"] == "illustrator"
