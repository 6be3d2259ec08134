"""A language model before the engine: a server in a process of its own, a chat server on loopback, requests over sockets."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from support.chat import ChatServer, chat_server, hangs, replies, says
from support.server import Server, start

PROMPT = "A cute baby sea otter"
RICHER = "A cute baby sea otter floats on its back in a calm bay at dawn, painted in soft watercolours."
KEY = "sk-of-the-language-model"

Revising: TypeAlias = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def revising(new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Revising:
    """Starts a server that has prompts rewritten by that one."""

    @contextmanager
    def started(chat: ChatServer, *, seconds: float = 10) -> Iterator[Server]:
        environ = {
            "LIMNER_REVISE__MODE": "chat",
            "LIMNER_REVISE__URL": chat.url,
            "LIMNER_REVISE__KEY": KEY,
            "LIMNER_REVISE__MODEL": "pen",
            "LIMNER_REVISE__TIMEOUT_SECONDS": str(seconds),
        }
        with new_database() as url:
            server = start(tmp_path / "data", database_url=url, environ=environ)
            try:
                yield server
            finally:
                assert server.stop() == 0, server.log.read_text()[-2000:]

    return started


async def asked(server: Server, **body: Any) -> dict[str, Any]:
    """The answer to a request of the owner's, over a socket, while the chat server goes on."""
    return await asyncio.to_thread(_asked, server, {"model": "dall-e-3", "prompt": PROMPT, **body})


def _asked(server: Server, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.owner_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/v1/images/generations", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.loads(answer.read())
        return told


async def test_the_answer_has_what_the_engine_was_given(revising: Revising) -> None:
    async with chat_server(says(f"Sure, here it is:\n\n{RICHER}")) as chat:
        with revising(chat) as server:
            answer = await asked(server)
            log = server.log.read_text()

    # The engine here says what it was given, and nothing else.
    assert answer["data"][0]["revised_prompt"] == RICHER
    (call,) = chat.asked
    assert (call["model"], call["messages"][-1]["content"]) == ("pen", PROMPT)
    assert chat.headers[0]["authorization"] == f"Bearer {KEY}"
    assert not [word for word in (KEY, PROMPT, RICHER) if word in log]


async def test_one_that_hangs_holds_nobody_up_for_longer_than_it_may(revising: Revising) -> None:
    async with chat_server(hangs) as chat:
        with revising(chat, seconds=0.5) as server:
            began = time.monotonic()
            answer = await asked(server)
            took = time.monotonic() - began
            log = server.log.read_text()

    assert answer["data"][0]["revised_prompt"] == PROMPT
    assert 0.5 <= took < 5
    assert len(chat.asked) == 1
    assert "prompt.kept" in log
    assert "timeout" in log


async def test_after_three_troubles_nobody_waits_for_it_any_more(revising: Revising) -> None:
    async with chat_server(replies(503, b"{}")) as chat:
        with revising(chat) as server:
            answers = [await asked(server) for _ in range(5)]

    assert [answer["data"][0]["revised_prompt"] for answer in answers] == [PROMPT] * 5
    assert len(chat.asked) == 3
