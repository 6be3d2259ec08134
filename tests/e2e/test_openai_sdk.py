"""The official `openai` package against a live server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx2
import openai
import pytest
import requests
from PIL import Image

from limner.accounts import service as accounts
from limner.flow.house import House
from support.people import join
from support.server import Server

PROMPT = "A cute baby sea otter"


@pytest.fixture(params=["/v1", "/openai"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + request.param, api_key=server.owner_key, max_retries=0) as client:
        yield client


def of(server: Server, key: str, *, prefix: str = "/v1", max_retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url + prefix, api_key=key, max_retries=max_retries)


def test_a_link_to_a_picture(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="dall-e-3", prompt=PROMPT, size="1792x1024", response_format="url")

    assert answer.created > 1_700_000_000
    assert answer.data is not None
    opened = requests.get(str(answer.data[0].url), timeout=30)
    assert Image.open(io.BytesIO(opened.content)).size == (1792, 1024)
    assert answer.data[0].revised_prompt


def test_the_picture_itself(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="dall-e-2", prompt=PROMPT, n=2, size="256x256", response_format="b64_json")

    assert answer.data is not None
    assert len(answer.data) == 2
    for picture in answer.data:
        assert Image.open(io.BytesIO(base64.b64decode(str(picture.b64_json)))).size == (256, 256)


def test_gpt_image_models_answer_with_bytes_and_usage(server: Server) -> None:
    with of(server, server.owner_key) as client:
        answer = client.images.generate(model="gpt-image-1", prompt=PROMPT, quality="high", size="1536x1024")

    assert answer.data is not None
    assert answer.data[0].url is None
    assert Image.open(io.BytesIO(base64.b64decode(str(answer.data[0].b64_json)))).size == (1536, 1024)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.model_extra is not None
    assert answer.model_extra["task_id"]
    assert answer.model_extra["trace_id"] == answer._request_id


async def test_the_async_client(server: Server) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key) as client:
        answer = await client.images.generate(model="dall-e-3", prompt=PROMPT, response_format="b64_json")
        models = [model.id async for model in client.models.list()]

    assert answer.data is not None
    assert Image.open(io.BytesIO(base64.b64decode(str(answer.data[0].b64_json)))).size == (1024, 1024)
    assert "gpt-image-1" in models


def test_models(client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}

    assert {"dall-e-2", "dall-e-3", "gpt-image-1"} <= set(models)
    assert client.models.retrieve("dall-e-3").owned_by == "limner"


def test_a_wrong_key(server: Server) -> None:
    with of(server, "sk-wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()

    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id


def test_an_unknown_model(server: Server) -> None:
    with of(server, server.owner_key) as client, pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(model="dall-e-9", prompt=PROMPT)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_wrong_value(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="dall-e-3", prompt=PROMPT, n=3)

    assert caught.value.param == "n"
    assert "must be 1" in str(caught.value)


def test_a_wrong_path(server: Server) -> None:
    with of(server, server.owner_key) as client, pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="gpt-5", input="An otter")

    assert caught.value.code == "unknown_url"


async def test_a_disabled_key(server: Server, inside: House) -> None:
    eve = await join(inside, "eve")
    async with inside.database.statement() as tx:
        await accounts.disable_key(tx, id_=eve.key.id, now=inside.clock.now())

    for prefix in ("/v1", "/openai"):
        with of(server, eve.secret, prefix=prefix) as client, pytest.raises(openai.PermissionDeniedError):
            client.models.list()


async def test_no_credits_are_told_once(server: Server, inside: House) -> None:
    eve = await join(inside, "eve without credits", credits_start=0)
    asked = 0

    def count(_request: httpx2.Request) -> None:
        nonlocal asked
        asked += 1

    with (
        httpx2.Client(event_hooks={"request": [count]}) as http,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=eve.secret, max_retries=5, http_client=http) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.images.generate(model="dall-e-2", prompt=PROMPT)

    assert caught.value.code == "insufficient_quota"
    assert asked == 1


async def test_no_credits_at_the_vendor_s_prefix(server: Server, inside: House) -> None:
    eve = await join(inside, "eve at the vendor's", credits_start=0)

    with of(server, eve.secret, prefix="/openai") as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.images.generate(model="dall-e-2", prompt=PROMPT)

    assert caught.value.code == "used_up"


async def test_too_many_requests(server: Server, inside: House) -> None:
    grace = await join(inside, "grace", requests_per_minute=1)

    with of(server, grace.secret) as client:
        client.images.generate(model="dall-e-2", prompt=PROMPT)
        with pytest.raises(openai.RateLimitError) as caught:
            client.images.generate(model="dall-e-2", prompt=PROMPT)

    assert caught.value.code == "rate_limit_exceeded"
    assert 55 <= int(caught.value.response.headers["retry-after"]) <= 60


async def test_the_sdk_waits_as_long_as_it_is_told(server: Server, inside: House) -> None:
    grace = await join(inside, "grace who waits", requests_per_minute=60)
    with of(server, grace.secret, max_retries=2) as client:
        client.images.generate(model="dall-e-2", prompt=PROMPT)
        async with inside.database.statement() as tx:
            await tx.run("UPDATE rate_limits SET tokens = 0.4 WHERE api_key_id = $1", grace.key.id)

        answer = client.images.with_raw_response.generate(model="dall-e-2", prompt=PROMPT)

    assert answer.retries_taken == 1
    assert answer.headers["x-credits-cost"] == "0.020000"
