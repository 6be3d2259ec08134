"""One question to a language model, and all that can become of it."""

from __future__ import annotations

import pytest

from limner.kit.chat import Chat, ChatServer, ChatTrouble
from support.chat import Turn, chat_server, hangs, hangs_up, never_ends, replies, says, stops_halfway


def server_at(url: str, *, seconds: float = 5.0, key: str | None = None) -> ChatServer:
    return ChatServer(url=url, model="small-1", key=key, seconds=seconds, options={"temperature": 0.25})


async def test_it_asks_as_openai_s_clients_do() -> None:
    async with (
        chat_server(says("A pear.")) as server,
        Chat(server_at(server.url, key="sk-theirs")) as chat,
    ):
        assert await chat.ask("pear", instruction="Say more.") == "A pear."

    assert server.targets == ["POST /v1/chat/completions HTTP/1.1"]
    assert server.headers[0]["authorization"] == "Bearer sk-theirs"
    assert server.asked == [
        {
            "temperature": 0.25,
            "model": "small-1",
            "messages": [{"role": "system", "content": "Say more."}, {"role": "user", "content": "pear"}],
            "stream": False,
        }
    ]


async def test_without_a_key_it_sends_none() -> None:
    async with chat_server(says("A pear.")) as server, Chat(server_at(f"{server.url}/chat/completions/")) as chat:
        await chat.ask("pear", instruction="Say more.")

    assert "authorization" not in server.headers[0]
    assert server.targets == ["POST /v1/chat/completions HTTP/1.1"]


def test_the_key_is_in_no_repr() -> None:
    assert "sk-theirs" not in repr(server_at("http://127.0.0.1:1", key="sk-theirs"))


async def test_text_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "A green "}, {"type": "image_url", "text": 1}, {"type": "text", "text": "pear."}]
    async with chat_server(says(parts)) as server, Chat(server_at(server.url)) as chat:
        assert await chat.ask("pear", instruction="") == "A green pear."


@pytest.mark.parametrize(
    ("turn", "reason", "is_theirs"),
    [
        (replies(500, b'{"error": {}}'), "status_500", True),
        (replies(429, b"{}", retry_after="1"), "status_429", True),
        (replies(400, b"{}"), "status_400", False),
        (replies(302, b"", location="http://127.0.0.1:1/"), "status_302", True),
        (replies(200, b"<html>"), "not_understood", True),
        (replies(200, b"[]"), "not_understood", True),
        (replies(200, b'{"choices": []}'), "not_understood", True),
        (replies(200, b'{"choices": [{"message": "A pear"}]}'), "not_understood", True),
        (replies(200, b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "not_understood", True),
        (stops_halfway, "unreachable", True),
        (hangs_up, "unreachable", True),
        (never_ends, "too_large", True),
        (says(None), "empty", False),
        (says(" \n"), "empty", False),
        (says(7), "empty", False),
        (says("A pear and", finish="length"), "cut_off", False),
        (says("A pear", finish="content_filter"), "refused", False),
        (says(None, refusal="No pears."), "refused", False),
    ],
)
async def test_what_is_no_answer_is_said_in_a_word(turn: Turn, reason: str, *, is_theirs: bool) -> None:
    async with chat_server(turn) as server, Chat(server_at(server.url)) as chat:
        with pytest.raises(ChatTrouble) as caught:
            await chat.ask("pear", instruction="")

    assert (caught.value.reason, caught.value.is_theirs) == (reason, is_theirs)


async def test_a_server_that_hangs_is_given_up() -> None:
    async with chat_server(hangs) as server, Chat(server_at(server.url, seconds=0.2)) as chat:
        with pytest.raises(ChatTrouble, match="timeout"):
            await chat.ask("pear", instruction="")

    assert len(server.asked) == 1


async def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    async with chat_server(hangs_up, says("A pear.")) as server, Chat(server_at(server.url)) as chat:
        assert await chat.ask("pear", instruction="") == "A pear."

    assert len(server.asked) == 2


async def test_nobody_there() -> None:
    async with Chat(server_at("http://127.0.0.1:1/v1")) as chat:
        with pytest.raises(ChatTrouble, match="unreachable"):
            await chat.ask("pear", instruction="")


async def test_a_long_answer_comes_whole() -> None:
    text = "pear " * 10_000
    async with chat_server(says(text)) as server, Chat(server_at(server.url)) as chat:
        assert await chat.ask("pear", instruction="") == text
