"""dall-e-3 as OpenAI's own client asks for it, painted by an upstream that has only gpt-image: real processes and sockets."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import openai
import pytest
import requests
from PIL import Image

from support.server import Server, start
from support.upstream import Upstream, breaks, refuses, upstream

PROMPT = "A cute baby sea otter"
KEY = "sk-of-the-operator-1234567890"

Relaying: TypeAlias = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def relaying(new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Relaying:
    """Starts a server whose models are painted by that upstream, as a file of settings says."""

    @contextmanager
    def started(there: Upstream, *, more: str = "") -> Iterator[Server]:
        file = tmp_path / "limner.toml"
        file.write_text(
            f"""
            [catalog]
            engine = "openai"
            {more}

            [engines.openai]
            plug = "openai_relay"
            backoff_seconds = 0

            [engines.openai.upstreams.main]
            address = "{there.address}"
            key = "{KEY}"
            model = "gpt-image-1.5"
            """
        )
        environ = {"LIMNER_CONFIG": str(file), "LIMNER_CATALOG__ENGINE": "openai"}
        with new_database() as url:
            server = start(tmp_path / "data", database_url=url, environ=environ)
            try:
                yield server
            finally:
                assert server.stop() == 0, server.log.read_text()[-2000:]
            log = server.log.read_text()
            assert not [word for word in (KEY, PROMPT) if word in log]

    return started


Answer: TypeAlias = tuple[Any, openai.types.ImagesResponse]


async def asked(server: Server, **words: Any) -> Answer:
    """The headers and the body of the answer, while the upstream goes on."""
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        raw = await client.images.with_raw_response.generate(model="dall-e-3", prompt=PROMPT, **words)
        return raw.headers, raw.parse()


async def test_dall_e_3_is_painted_by_gpt_image_and_nobody_can_tell(relaying: Relaying) -> None:
    async with upstream() as there:
        with relaying(there) as server:
            headers, answer = await asked(
                server, quality="hd", style="vivid", size="1792x1024", response_format="url", user="ada"
            )
            assert answer.data is not None
            (one,) = answer.data
            opened = await asyncio.to_thread(requests.get, str(one.url), timeout=30)

    assert str(one.url).startswith(server.url)
    with Image.open(io.BytesIO(opened.content)) as picture:
        assert picture.size == (1792, 1024)
    (heard,) = there.heard
    said = heard.json
    assert one.revised_prompt == said["prompt"]
    assert said["prompt"].startswith(f"{PROMPT}. Vivid style")
    assert (said["model"], said["quality"], said["size"]) == ("gpt-image-1.5", "high", "1536x1024")
    assert not {"style", "response_format"} & set(said)
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-limner-engine"] == "openai/main"
    assert "1536x1024" in headers["x-limner-warnings"]


async def test_several_troubles_later_the_next_engine_of_the_chain_paints(relaying: Relaying) -> None:
    async with upstream(refuses(500, f"boom {KEY}")) as there:
        with relaying(there, more='fallbacks = ["illustrator"]') as server:
            headers, answer = await asked(server, response_format="b64_json")

    assert len(there.heard) == 3
    assert headers["x-limner-engine"] == "illustrator"
    assert "openai/main=failed" in headers["x-limner-fallback"]
    assert answer.data is not None
    assert answer.data[0].b64_json
    assert "boom" not in answer.to_json() + str(headers)


async def test_what_breaks_off_is_asked_once_and_then_of_the_next_engine(relaying: Relaying) -> None:
    async with upstream(breaks) as there:
        with relaying(there, more='fallbacks = ["illustrator: failed"]') as server:
            headers, _ = await asked(server)

    assert len(there.heard) == 1
    assert headers["x-limner-fallback"] == "openai/main=failed"


async def test_what_the_upstream_will_not_paint_is_not_painted_by_another(relaying: Relaying) -> None:
    blocked = refuses(400, "Your request was rejected by the safety system.", code="moderation_blocked")
    async with upstream(blocked) as there:
        with (
            relaying(there, more='fallbacks = ["illustrator"]') as server,
            pytest.raises(openai.BadRequestError) as caught,
        ):
            await asked(server)

    assert caught.value.code == "content_policy_violation"
    assert len(there.heard) == 1
