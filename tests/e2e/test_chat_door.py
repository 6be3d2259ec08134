"""The official `openai` package chats with a live server, and gets pictures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator

import openai
import pytest
import requests
from PIL import Image

from support.pictures import data_url, png
from support.server import Server

PROMPT = "A cute baby sea otter"
MODEL = "gpt-image-1"
MARKDOWN = re.compile(r"!\[([^\]]*)\]\((\S+)\)")


@pytest.fixture(params=["/v1", "/openai"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + request.param, api_key=server.owner_key, max_retries=0) as client:
        yield client


def size_at(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(requests.get(url, timeout=30).content)).size


def size_of(data: str | None) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(str(data)))).size


def link_in(content: str | None) -> str:
    found = MARKDOWN.fullmatch(str(content))
    assert found is not None
    return found[2]


def test_a_chat_completion(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": PROMPT},
        ],
        temperature=0.5,
        max_tokens=1000,
        extra_body={"size": "1536x1024"},
    )

    (choice,) = answer.choices
    assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", MODEL, "stop")
    assert size_at(link_in(choice.message.content)) == (1536, 1024)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.id.startswith("chatcmpl-")


def test_a_chat_goes_on(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": PROMPT}])
    second = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": PROMPT},
            {"role": "assistant", "content": first.choices[0].message.content},
            {"role": "user", "content": "Make it blue"},
        ],
    )
    third = client.chat.completions.create(
        model=MODEL,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Put a hat on it"},
                    {"type": "image_url", "image_url": {"url": data_url(png())}},
                ],
            }
        ],
    )

    for answer in (second, third):
        link = link_in(answer.choices[0].message.content)
        assert size_at(link)
        task_id = answer.id.removeprefix("chatcmpl-")
        base, key = str(client.base_url).rstrip("/"), client.api_key
        task = requests.get(f"{base}/images/tasks/{task_id}", headers={"authorization": f"Bearer {key}"}, timeout=30)
        assert task.json()["request"]["image"].startswith(("http", "file-"))


def test_chunks_of_a_chat(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    assert chunks[0].choices[0].delta.role == "assistant"
    content = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert size_at(link_in(content)) == (1024, 1024)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert len({one.id for one in chunks}) == 1


def test_the_stream_helper_puts_a_chat_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": PROMPT}],
        stream_options={"include_usage": True},
        extra_body={"n": 2},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()

    assert "content.done" in kinds
    assert len(MARKDOWN.findall(str(final.choices[0].message.content))) == 2
    assert final.choices[0].message.role == "assistant"
    assert final.usage is not None


async def test_the_async_client_chats(server: Server) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key) as client:
        stream = await client.chat.completions.create(
            model="dall-e-3", messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        content = "".join([one.choices[0].delta.content or "" async for one in stream])
        response = await client.responses.create(model=MODEL, input=PROMPT)

    assert link_in(content)
    assert response.output[0].type == "image_generation_call"


def test_refusals(client: openai.OpenAI) -> None:
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as unknown:
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Hello"}], stream=True)
    with pytest.raises(openai.BadRequestError) as tools:
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": PROMPT}],
            tools=[{"type": "function", "function": {"name": "f"}}],
        )
    with pytest.raises(openai.BadRequestError) as later:
        client.responses.create(model=MODEL, input=PROMPT, background=True)

    for caught, param in ((unknown, "model"), (tools, "tools"), (later, "background")):
        assert caught.value.param == param
        assert "/images/generations" in str(caught.value)


def test_a_response(client: openai.OpenAI) -> None:
    response = client.responses.create(
        model=MODEL, input=PROMPT, tools=[{"type": "image_generation", "size": "1024x1536", "quality": "low"}]
    )

    (call,) = response.output
    assert call.type == "image_generation_call"
    assert (call.status, call.size, call.quality, call.output_format) == ("completed", "1024x1536", "low", "png")
    assert size_of(call.result) == (1024, 1536)
    assert (response.status, response.error, response.output_text) == ("completed", None, "")
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


def test_a_response_goes_on(client: openai.OpenAI) -> None:
    first = client.responses.create(model=MODEL, input=PROMPT)
    second = client.responses.create(
        model=MODEL,
        input=[
            {"role": "user", "content": PROMPT},
            *[item.to_dict() for item in first.output],  # type: ignore[list-item]
            {"role": "user", "content": [{"type": "input_text", "text": "Make it blue"}]},
        ],
    )

    third = client.responses.create(model=MODEL, input="Make it green", previous_response_id=second.id)
    for response in (second, third):
        (call,) = response.output
        assert call.type == "image_generation_call"
        assert call.action == "edit"
    assert client.responses.retrieve(third.id).output == third.output


def test_events_of_a_response(client: openai.OpenAI) -> None:
    events = list(
        client.responses.create(
            model=MODEL, input=PROMPT, stream=True, tools=[{"type": "image_generation", "partial_images": 2}]
        )
    )

    assert [one.sequence_number for one in events] == list(range(len(events)))
    kinds = [one.type for one in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-3:] == [
        "response.image_generation_call.completed",
        "response.output_item.done",
        "response.completed",
    ]
    assert kinds.count("response.image_generation_call.partial_image") == 2
    for one in events:
        assert type(one).__name__.startswith("Response"), f"{one.type} is no event that the package knows"
        if one.type == "response.image_generation_call.partial_image":
            assert size_of(one.partial_image_b64)


def test_the_stream_helper_puts_a_response_together(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=PROMPT) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    assert kinds[-1] == "response.completed"
    assert final.status == "completed"
    assert final.output[0].type == "image_generation_call"
    assert size_of(final.output[0].result) == (1024, 1024)
