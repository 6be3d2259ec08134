"""The chat door: POST .../chat/completions and .../responses with an image model."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest

from limner.engines import EngineFailed
from limner.flow.house import House
from limner.flow.wait import until_ended
from limner.images import service as images
from limner.kit.clock import StillClock
from limner.web.dialects.chat.parse import CHAT_PASSED_OVER, RESPONSES_PASSED_OVER
from limner.web.dialects.chat.routes import routes
from support.open_line import Line, calling
from support.painters import Breaking, Lazy, Painter, Showing, Waiting, with_painter
from support.people import Person, balance_of
from support.pictures import data_url, mask, png
from support.shelves import task_rows
from support.wire import PREFIXES, client_of
from support.workers import at_work

MODEL = "gpt-image-1"
PNG = b"\x89PNG"
LINK = re.compile(r"!\[([^\]]*)\]\((\S+)\)")


async def say(
    house: House, person: Person, path: str, *, headers: dict[str, str] | None = None, **body: Any
) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(path, json=body, headers=person.headers | (headers or {}))


async def chat(
    house: House,
    person: Person,
    *messages: Any,
    prefix: str = "/v1",
    headers: dict[str, str] | None = None,
    **body: Any,
) -> httpx2.Response:
    """The messages may be texts: of the user, and of the assistant, in turns."""
    told = [
        one if isinstance(one, dict) else {"role": "assistant" if place % 2 else "user", "content": one}
        for place, one in enumerate(messages)
    ]
    body = {"model": MODEL, "messages": told, **body}
    return await say(house, person, f"{prefix}/chat/completions", headers=headers, **body)


async def respond(house: House, person: Person, given: Any, *, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    return await say(house, person, f"{prefix}/responses", **{"model": MODEL, "input": given, **body})


def message(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["choices"][0]["message"]
    return found


def painted_from(answer: httpx2.Response) -> str:
    """What the engine says that it painted from."""
    found = LINK.search(message(answer)["content"])
    assert found is not None
    return found[1]


def fault(answer: httpx2.Response, *, status: int = 400) -> tuple[str, str | None, str]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return error["code"], error["param"], error["message"]


def chunks(line: Line) -> list[dict[str, Any]]:
    return [
        orjson.loads(block.removeprefix("data: ")) for block in line.text.split("\n\n") if block.startswith("data: {")
    ]


def parts(text: str, *urls: str) -> dict[str, Any]:
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [{"type": "text", "text": text}, *pictures]}


# chat completions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_grace_chats_and_gets_her_picture(house: House, grace: Person, prefix: str) -> None:
    before = (await balance_of(house, grace)).free
    answer = await chat(house, grace, "A sea otter", prefix=prefix)

    said = message(answer)
    found = LINK.fullmatch(said["content"])
    assert found is not None
    assert found[1] == "A sea otter"
    assert said["images"] == [{"type": "image_url", "index": 0, "image_url": {"url": found[2]}}]
    async with client_of(house) as client:
        assert (await client.get(found[2])).content.startswith(PNG)
    told = answer.json()
    assert (told["object"], told["model"], told["id"]) == ("chat.completion", MODEL, f"chatcmpl-{told['task_id']}")
    assert told["created"] == int(house.clock.now().timestamp())
    assert told["choices"][0]["finish_reason"] == "stop"
    assert told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"] == told["usage"]["total_tokens"] > 0
    assert answer.headers["x-credits-cost"] != "0.000000"
    (row,) = await task_rows(house)
    assert (row["kind"], row["prefix"], row["status"]) == ("chat_completions_image", prefix, "succeeded")
    assert (await balance_of(house, grace)).free < before


async def test_several_pictures_are_one_answer(house: House, grace: Person) -> None:
    said = message(await chat(house, grace, "A sea otter", n=2))

    assert len(LINK.findall(said["content"])) == 2
    assert said["content"].count("\n\n") == 1
    assert [one["index"] for one in said["images"]] == [0, 1]


async def test_the_fields_of_the_images_api_count(house: House, grace: Person) -> None:
    answer = await chat(house, grace, "A sea otter", extra_body={"size": "1536x1024"}, quality="high", seed=7)
    (row,) = await task_rows(house)

    assert answer.status_code == 200
    request = orjson.loads(row["request"]) if isinstance(row["request"], str | bytes) else row["request"]
    assert (request["size"], request["quality"], request["seed"]) == ("1536x1024", "high", 7)
    assert fault(await chat(house, grace, "A sea otter", size="1x1"))[1] == "size"
    assert fault(await chat(house, grace, "A sea otter", siez="1024x1024"))[:2] == ("unknown_parameter", "siez")


async def test_bytes_for_who_cannot_follow_links(house: House, grace: Person) -> None:
    said = message(await chat(house, grace, "A sea otter", response_format="b64_json"))

    found = LINK.fullmatch(said["content"])
    assert found is not None
    kind, _, data = found[2].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(PNG)


async def test_what_steers_words_is_passed_over(house: House, grace: Person) -> None:
    answer = await chat(
        house,
        grace,
        {"role": "system", "content": "You are a helpful assistant"},
        {"role": "user", "content": "A sea otter"},
        temperature=0.7,
        top_p=1,
        max_tokens=4096,
        stop=["\n"],
        presence_penalty=0,
        frequency_penalty=0,
        logit_bias={},
        tools=[],
        tool_choice="auto",
        response_format={"type": "text"},
        modalities=["image", "text"],
        metadata={"chat": "1"},
        stream=False,
        user="otto",
    )

    assert painted_from(answer) == "A sea otter"
    (row,) = await task_rows(house)
    assert "temperature" not in str(row["request"])
    assert "otto" in str(row["request"])


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"async": True}, "async"),
        ({"callback_url": "https://grace.test/"}, "callback_url"),
        ({"timeout": 3}, "timeout"),
        ({"partial_images": 2, "stream": True}, "partial_images"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages[0].content[0]"),
    ],
)  # fmt: skip
async def test_what_is_no_picture_is_refused_with_the_right_route(
    house: House, grace: Person, prefix: str, body: dict[str, Any], param: str
) -> None:
    code, at, words = fault(await chat(house, grace, "A sea otter", prefix=prefix, **body))

    assert code == ("not_implemented" if prefix == "/v1" else "api_not_implemented")
    assert at == param
    assert f"{prefix}/images/generations" in words
    assert await task_rows(house) == []


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
async def test_a_model_of_words_is_refused_with_the_right_route(house: House, grace: Person, path: str) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
    if path == "responses":
        body = {"model": "gpt-4o", "input": "Hello"}
    code, at, words = fault(await say(house, grace, f"/v1/{path}", **body), status=404)

    assert (code, at) == ("model_not_found", "model")
    assert "This server paints" in words
    assert "POST /v1/images/generations" in words
    assert fault(await say(house, grace, f"/openai/{path}", **body))[0] == "bad_request"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "A sea otter"}, "messages"),
        ({"messages": ["A sea otter"]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "content": "A sea otter"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"messages": [parts("x", "ftp://x")]}, "messages[0].content[1]"),
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"prompt": "x"}, "prompt"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": "yes"}, "stream_options"),
        ({"response_format": "png"}, "response_format"),
        ({"response_format": 7}, "response_format"),
        ({"extra_body": 7}, "extra_body"),
        ({"extra_body": {"n": 2}, "n": 1}, "n"),
        ({"action": "paint"}, "action"),
        ({"action": ["edit"]}, "action"),
        ({"input_fidelity": 7}, "input_fidelity"),
        ({"modalities": 7}, "modalities"),
    ],
)
async def test_a_body_that_is_wrong(house: House, grace: Person, body: dict[str, Any], param: str) -> None:
    told = {"model": MODEL, "messages": [{"role": "user", "content": "A sea otter"}], **body}

    assert fault(await say(house, grace, "/v1/chat/completions", **told))[1] == param


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/responses"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"7", b'{"model": "x", "messages": [{"role": "user", "content": "\xff"}]}']
)
async def test_a_body_that_is_no_json(house: House, grace: Person, path: str, content: bytes) -> None:
    async with client_of(house) as client:
        answer = await client.post(path, content=content, headers=grace.headers)

    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


async def test_a_body_that_is_too_deep_or_has_nul(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        deep = b'{"model": "gpt-image-1", "messages": [{"role": "user", "content": "x"}], "x": %b1%b}' % (
            b"[" * 600,
            b"]" * 600,
        )
        answer = await client.post("/v1/chat/completions", content=deep, headers=grace.headers)
        assert answer.status_code == 400
    assert fault(await chat(house, grace, "A sea\x00otter"))[1] == "prompt"


async def test_nobody_chats_without_a_key(house: House) -> None:
    async with client_of(house) as client:
        for path in ("chat/completions", "responses"):
            assert (await client.post(f"/v1/{path}", json={})).status_code == 401


async def test_eve_has_nothing_and_gets_nowhere(house: House, eve: Person) -> None:
    assert fault(await chat(house, eve, "A sea otter"), status=429)[0] == "insufficient_quota"
    assert fault(await respond(house, eve, "A sea otter", prefix="/openai"), status=403)[0] == "used_up"


async def test_the_same_key_is_the_same_picture(house: House, grace: Person) -> None:
    key = {"idempotency-key": "otter-1"}
    first = await chat(house, grace, "A sea otter", headers=key)
    again = await chat(house, grace, "A sea otter", headers=key)

    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await task_rows(house)) == 1
    assert fault(await chat(house, grace, "A fox", headers=key), status=422)[0] == "idempotency_key_reused"


async def test_tasks_of_chats_are_listed_by_their_kind(house: House, grace: Person) -> None:
    task_id = (await chat(house, grace, "A sea otter")).json()["task_id"]
    await respond(house, grace, "A fox")
    async with client_of(house) as client:
        listed = await client.get("/v1/images/tasks?kind=chat_completions_image", headers=grace.headers)
        body = {"action": "retrieve_batch", "type": "chat_completions_image", "created_at_min": 0}
        batch = await client.post("/openai/tasks", json=body, headers=grace.headers)
        both = await client.get("/v1/images/tasks", headers=grace.headers)

    assert [one["id"] for one in listed.json()["data"]] == [task_id]
    assert [one["id"] for one in batch.json()["items"]] == [task_id]
    assert {one["kind"] for one in both.json()["data"]} == {"chat_completions_image", "responses_image"}


async def test_words_that_would_break_out_of_the_markdown(house: House, grace: Person) -> None:
    text = 'An otter](http://evil.test/) <img src=x onerror="alert(1)"> [x](javascript:1) `a`\n\n# Title *b* & 水獭'
    content = message(await chat(house, grace, text))["content"]
    found = LINK.fullmatch(content)

    assert found is not None
    assert not set(found[1]) & set('[]()<>"`#*&\n')
    assert "水獭" in found[1]
    assert found[2].startswith("http://limner.test/files/")


def test_what_is_passed_over_is_written_down() -> None:
    page = (Path(__file__).parents[3] / "docs" / "chat.md").read_text(encoding="utf-8")
    for name in CHAT_PASSED_OVER | RESPONSES_PASSED_OVER:
        assert f"`{name}`" in page, name


async def test_the_openapi_document_knows_the_chat_door(house: House) -> None:
    async with client_of(house) as client:
        document = (await client.get("/openapi.json")).json()

    for one in routes():
        for method in set(one.methods or ()) - {"HEAD"}:
            assert method.lower() in document["paths"][one.path]
    names = [one["operationId"] for known in document["paths"].values() for one in known.values()]
    assert len(names) == len(set(names))
    for used in re.findall(r"#/components/schemas/(\w+)", orjson.dumps(document).decode()):
        assert used in document["components"]["schemas"]


async def test_the_numbers_that_the_page_shows(house: House, grace: Person) -> None:
    usage = (await chat(house, grace, "A cute baby sea otter")).json()["usage"]
    page = (Path(__file__).parents[3] / "docs" / "chat.md").read_text(encoding="utf-8")

    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert f'"{name}": {usage[name]}' in page


# pictures in the conversation --------------------------------------------------------------------------------------------


async def test_pictures_of_the_last_message_are_what_is_started_from(house: House, grace: Person) -> None:
    answer = await chat(house, grace, parts("Put a hat on it", data_url(png()), data_url(png(32, 32))))

    assert painted_from(answer) == "Put a hat on it from 2 pictures"
    (row,) = await task_rows(house)
    assert row["kind"] == "chat_completions_image"


async def test_make_it_blue(house: House, grace: Person) -> None:
    first = message(await chat(house, grace, "A sea otter"))["content"]
    answer = await chat(house, grace, "A sea otter", f"Here it is: {first}", "Make it blue")

    assert painted_from(answer) == "Make it blue from 1 picture"


async def test_make_it_blue_when_the_link_has_long_expired(house: House, grace: Person) -> None:
    first = message(await chat(house, grace, "A sea otter"))["content"]
    later = replace(house, clock=StillClock(house.clock.now() + timedelta(seconds=house.link_seconds + 60)))
    async with client_of(later) as client:
        assert (await client.get(LINK.findall(first)[0][1])).status_code == 403

    answer = await chat(later, grace, "A sea otter", first, "Make it blue")

    assert painted_from(answer) == "Make it blue from 1 picture"


async def test_the_picture_of_somebody_else_needs_a_good_link(house: House, grace: Person, ada: Person) -> None:
    first = message(await chat(house, ada, "A sea otter"))["content"]
    assert painted_from(await chat(house, grace, "A sea otter", first, "Make it blue")) == "Make it blue from 1 picture"
    forged = first.replace("sig=", "sig=x")
    code, at, _ = fault(await chat(house, grace, "A sea otter", forged, "Make it blue"), status=403)
    assert (code, at) == ("link_invalid", "messages[1]")


async def test_a_new_picture_in_the_same_chat(house: House, grace: Person) -> None:
    first = message(await chat(house, grace, "A sea otter"))["content"]

    assert painted_from(await chat(house, grace, "A sea otter", first, "A fox", action="generate")) == "A fox"
    assert painted_from(await chat(house, grace, "A sea otter", "Sorry, it broke", "A fox")) == "A fox"
    for elsewhere in ("![x](https://elsewhere.test/x.png)", first.replace("limner.test", "elsewhere.test")):
        assert painted_from(await chat(house, grace, "A sea otter", elsewhere, "A fox")) == "A fox"


async def test_actions_that_cannot_be(house: House, grace: Person) -> None:
    assert fault(await chat(house, grace, "Make it blue", action="edit"))[1] == "action"
    assert fault(await chat(house, grace, parts("A fox", data_url(png())), action="generate"))[1] == "action"


async def test_the_pictures_beside_the_text_count_as_well(house: House, grace: Person) -> None:
    said = message(await chat(house, grace, "A sea otter"))
    answer = {"role": "assistant", "content": None, "images": said["images"]}

    assert (
        painted_from(await chat(house, grace, "A sea otter", answer, "Make it blue")) == "Make it blue from 1 picture"
    )


async def test_a_picture_that_has_been_deleted(house: House, grace: Person) -> None:
    told = await chat(house, grace, "A sea otter")
    async with house.database.statement() as tx:
        await tx.run("DELETE FROM images")
    code, at, words = fault(await chat(house, grace, "A sea otter", message(told)["content"], "Make it blue"))

    assert (code, at) == ("failed_to_download_image", "messages[1]")
    assert "new conversation" in words


class FromWords(Painter):
    """Starts from words alone."""

    images_max = 0


async def test_an_engine_that_starts_from_words_alone(house: House, grace: Person) -> None:
    house = with_painter(house, FromWords())
    first = message(await chat(house, grace, "A sea otter"))["content"]

    assert painted_from(await chat(house, grace, "A sea otter", first, "A fox")) == "A fox"
    assert fault(await chat(house, grace, parts("Put a hat on it", data_url(png()))))[1] == "messages"
    assert fault(await chat(house, grace, "A sea otter", first, "A fox", action="edit"))[1] == "messages"


async def test_a_picture_that_is_larger_than_ordinary_bodies(house: House, grace: Person) -> None:
    large = data_url(png(400, 400))
    assert len(large) > 65_536

    assert painted_from(await chat(house, grace, parts("Put a hat on it", large))) == "Put a hat on it from 1 picture"


# streamed chats ----------------------------------------------------------------------------------------------------------


def streamed(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "A sea otter"}]
    return orjson.dumps({"model": MODEL, "messages": messages, "stream": True, **fields})


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_chat_is_streamed(house: House, grace: Person, prefix: str) -> None:
    painter = Showing()
    house = replace(with_painter(house, painter), comment_seconds=0.01)
    body = streamed(stream_options={"include_usage": True})
    async with calling(house, grace, f"{prefix}/chat/completions", method="POST", body=body) as line:
        await line.says(": still painting\n\n")
        (first,) = chunks(line)
        painter.may_show.put_nowait(None)
        await line.says("data: [DONE]\n\n")

    assert line.status == 200
    assert line.headers["content-type"].startswith("text/event-stream")
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said, end, usage = chunks(line)[1:]
    assert LINK.fullmatch(said["choices"][0]["delta"]["content"])
    assert (end["choices"][0]["delta"], end["choices"][0]["finish_reason"]) == ({}, "stop")
    assert end["task_id"] == first["id"].removeprefix("chatcmpl-")
    assert (usage["choices"], first["usage"]) == ([], None)
    assert usage["usage"]["total_tokens"] > 0
    assert {one["object"] for one in chunks(line)} == {"chat.completion.chunk"}


async def test_usage_is_streamed_only_where_it_is_asked_for(house: House, grace: Person) -> None:
    async with calling(house, grace, "/v1/chat/completions", method="POST", body=streamed()) as line:
        await line.says("[DONE]")

    assert all("usage" not in one for one in chunks(line))
    assert len(chunks(line)) == 3


async def test_trouble_in_a_streamed_chat(house: House, grace: Person) -> None:
    assert fault(await chat(house, grace, "A sea otter", stream=True, size="1x1"))[1] == "size"

    house = with_painter(house, Breaking(EngineFailed("the brush broke")))
    async with calling(house, grace, "/v1/chat/completions", method="POST", body=streamed()) as line:
        await line.says("the brush broke")

    assert line.status == 200
    last = chunks(line)[-1]
    assert last["error"]["code"] == "engine_failed"
    assert "[DONE]" not in line.text
    assert (await balance_of(house, grace)).held == 0


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
async def test_a_plain_answer_is_kept_alive(house: House, grace: Person, path: str) -> None:
    painter = Showing()
    house = with_painter(replace(house, keep_alive_seconds=0.01), painter)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    if path == "responses":
        body = {"model": MODEL, "input": "x"}
    async with calling(house, grace, f"/v1/{path}", method="POST", body=orjson.dumps(body)) as line:
        await line.says("  ")
        painter.may_show.put_nowait(None)
        await line.says("task_id")

    assert orjson.loads(line.text)["object"] == ("response" if path == "responses" else "chat.completion")


# responses ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_response_is_the_picture(house: House, grace: Person, prefix: str) -> None:
    tool = {"type": "image_generation", "size": "1536x1024", "quality": "high"}
    answer = await respond(house, grace, "A sea otter", prefix=prefix, tools=[tool], metadata={"a": "\x00"})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["object"], told["status"], told["id"]) == ("response", "completed", f"resp_{told['task_id']}")
    (call,) = told["output"]
    assert base64.b64decode(call.pop("result")).startswith(PNG)
    assert call == {
        "id": f"ig_{told['task_id']}",
        "type": "image_generation_call",
        "status": "completed",
        "action": "generate",
        "revised_prompt": "A sea otter",
        "size": "1536x1024",
        "quality": "high",
        "background": "opaque",
        "output_format": "png",
    }
    assert told["tools"] == [tool]
    assert told["metadata"] == {"a": "\x00"}
    assert told["usage"]["input_tokens_details"].items() >= {"cached_tokens": 0, "cache_write_tokens": 0}.items()
    assert told["usage"]["output_tokens_details"]["reasoning_tokens"] == 0
    assert told["usage"]["input_tokens"] + told["usage"]["output_tokens"] == told["usage"]["total_tokens"] > 0
    (row,) = await task_rows(house)
    assert row["kind"] == "responses_image"


async def test_the_model_may_be_the_tool_s(house: House, grace: Person) -> None:
    tools = [{"type": "image_generation", "model": "gpt-image-1"}]
    answer = await respond(house, grace, "A sea otter", model="gpt-5", tools=tools)

    assert answer.json()["model"] == "gpt-image-1"


async def test_several_pictures_of_a_response(house: House, grace: Person) -> None:
    output = (await respond(house, grace, "A sea otter", n=2)).json()["output"]

    assert [one["status"] for one in output] == ["completed", "completed"]
    assert output[1]["id"] == f"{output[0]['id']}_1"


async def test_a_picture_that_did_not_come_has_failed(house: House, grace: Person) -> None:
    house = with_painter(house, Lazy(pictures=1))
    output = (await respond(house, grace, "A sea otter", n=2)).json()["output"]

    assert [one["status"] for one in output] == ["completed", "failed"]
    assert output[1]["result"] is None


async def test_a_response_starts_from_pictures(house: House, grace: Person) -> None:
    content = [{"type": "input_text", "text": "Put a hat on it"}, {"type": "input_image", "image_url": data_url(png())}]
    given = [{"role": "developer", "content": "Be nice"}, {"role": "user", "content": content}]
    tool = {"type": "image_generation", "input_image_mask": {"image_url": data_url(mask())}, "input_fidelity": "high"}
    told = (await respond(house, grace, given, tools=[tool])).json()

    (call,) = told["output"]
    assert call["revised_prompt"] == "Put a hat on it (from 1 picture and a mask)"
    assert call["action"] == "edit"
    assert told["tools"] == [{"type": "image_generation", "input_fidelity": "high"}]


async def test_which_of_several_is_meant_cannot_be_told_when_one_has_been_deleted(house: House, grace: Person) -> None:
    first = (await respond(house, grace, "A sea otter", n=2)).json()
    task_id = UUID(first["task_id"])
    async with house.database.transaction() as tx:
        await images.delete(tx, account_id=grace.account.id, task_id=task_id, index=0, now=house.clock.now())
    blue = {"role": "user", "content": "Make it blue"}
    for place in range(2):
        call = {"type": "image_generation_call", "id": first["output"][place]["id"]}
        code, at, _ = fault(await respond(house, grace, [blue, call]))
        assert (code, at) == ("failed_to_download_image", "input[1]")


@pytest.mark.parametrize("as_echo", [False, True])
async def test_a_response_goes_on_from_an_earlier_one(house: House, grace: Person, *, as_echo: bool) -> None:
    first = (await respond(house, grace, "A sea otter", n=2)).json()["output"][1]
    call = first if as_echo else {"type": "image_generation_call", "id": first["id"]}
    blue = {"role": "user", "content": "Make it blue"}
    before, behind = [{"role": "user", "content": "A sea otter"}, call, blue], [blue, call]
    for given in (before, behind):
        (painted,) = (await respond(house, grace, given)).json()["output"]
        assert painted["revised_prompt"] == "Make it blue (from 1 picture)"


async def test_a_response_goes_on_from_somebody_else_s_picture_only_by_its_bytes(
    house: House, grace: Person, ada: Person
) -> None:
    theirs = (await respond(house, ada, "A sea otter")).json()["output"][0]
    blue = {"role": "user", "content": "Make it blue"}
    code, at, _ = fault(await respond(house, grace, [blue, {"type": "image_generation_call", "id": theirs["id"]}]))
    assert (code, at) == ("invalid_value", "input[1]")

    other = {"type": "image_generation_call", "id": "ig_of_another_server", "result": theirs["result"]}
    (painted,) = (await respond(house, grace, [other, blue])).json()["output"]
    assert painted["revised_prompt"] == "Make it blue (from 1 picture)"
    assert fault(await respond(house, grace, [blue, {"type": "image_generation_call", "id": "ig_x"}]))[1] == "input[1]"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"text": {"format": {"type": "json_object"}}}, "text"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "image_generation"}, {"type": "function", "name": "f"}]}, "tools[1]"),
        ({"async": True}, "async"),
    ],
)
async def test_what_a_response_cannot_be(house: House, grace: Person, body: dict[str, Any], param: str) -> None:
    code, at, words = fault(await respond(house, grace, "A sea otter", **body))

    assert (code, at) == ("not_implemented", param)
    assert "/v1/images/generations" in words
    assert await task_rows(house) == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"type": "image_generation"}] * 2}, "tools"),
        ({"tools": [{"type": "image_generation", "size": "1x1"}]}, "size"),
        ({"tools": [{"type": "image_generation", "size": "1024x1024"}], "size": "auto"}, "size"),
        ({"tools": [{"type": "image_generation", "input_image_mask": {"image_url": data_url(mask())}}]}, "input_image_mask"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"previous_response_id": 7}, "previous_response_id"),
        ({"response_format": "url"}, "response_format"),
        ({"partial_images": 2}, "partial_images"),
    ],
)  # fmt: skip
async def test_a_response_asked_for_wrongly(house: House, grace: Person, body: dict[str, Any], param: str) -> None:
    answer = await say(house, grace, "/v1/responses", **{"model": MODEL, "input": "A sea otter", **body})

    assert fault(answer)[1] == param


async def test_what_else_responses_are_sent_is_passed_over(house: House, grace: Person) -> None:
    answer = await respond(
        house,
        grace,
        "A sea otter",
        instructions="Be nice",
        store=True,
        background=False,
        temperature=1,
        top_p=1,
        max_output_tokens=100,
        reasoning={"effort": "low"},
        text={"format": {"type": "text"}},
        tool_choice={"type": "image_generation"},
        include=["reasoning.encrypted_content"],
        truncation="auto",
        parallel_tool_calls=True,
    )

    assert answer.json()["output"][0]["revised_prompt"] == "A sea otter"
    assert answer.json()["store"] is False


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_response_is_streamed(house: House, grace: Person, prefix: str) -> None:
    painter = Showing()
    house = with_painter(house, painter)
    tools = [{"type": "image_generation", "partial_images": 2}]
    body = orjson.dumps({"model": MODEL, "input": "A sea otter", "stream": True, "tools": tools})
    call = "response.image_generation_call"
    async with calling(house, grace, f"{prefix}/responses", method="POST", body=body) as line:
        await line.until(f"{call}.generating")
        painter.may_show.put_nowait(0)
        await line.until(f"{call}.partial_image")
        painter.may_show.put_nowait(1)
        await line.until(*[f"{call}.partial_image"] * 2)
        painter.may_show.put_nowait(None)
        events = await line.until("response.completed")

    assert [one.name for one in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        f"{call}.in_progress",
        f"{call}.generating",
        f"{call}.partial_image",
        f"{call}.partial_image",
        f"{call}.completed",
        "response.output_item.done",
        "response.completed",
    ]
    assert [one.data["sequence_number"] for one in events] == list(range(10))
    assert [one.data["type"] for one in events] == [one.name for one in events]
    created, last = events[0].data["response"], events[-1].data["response"]
    assert (created["status"], created["output"], created["id"]) == ("in_progress", [], last["id"])
    partial = events[6].data
    assert partial["partial_image_index"] == 1
    assert base64.b64decode(partial["partial_image_b64"]).startswith(PNG)
    assert last["output"] == [events[8].data["item"]]
    assert base64.b64decode(last["output"][0]["result"]).startswith(PNG)
    assert {one.data["item_id"] for one in events if call in one.name} == {last["output"][0]["id"]}


async def test_trouble_in_a_streamed_response(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("the brush broke")))
    body = orjson.dumps({"model": MODEL, "input": "A sea otter", "stream": True})
    async with calling(house, grace, "/v1/responses", method="POST", body=body) as line:
        events = await line.until("response.failed")

    told = events[-1].data["response"]
    assert (told["status"], told["output"]) == ("failed", [])
    assert (told["error"]["code"], told["error"]["message"]) == ("engine_failed", "the brush broke")
    assert (await balance_of(house, grace)).held == 0


async def test_a_response_goes_on_from_the_previous_one(house: House, grace: Person, ada: Person) -> None:
    first = (await respond(house, grace, "A sea otter")).json()
    second = (await respond(house, grace, "Make it blue", previous_response_id=first["id"])).json()

    assert second["output"][0]["revised_prompt"] == "Make it blue (from 1 picture)"
    assert second["previous_response_id"] == first["id"]
    code, at, _ = fault(await respond(house, ada, "Make it blue", previous_response_id=first["id"]))
    assert (code, at) == ("invalid_value", "previous_response_id")


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_response_is_asked_for_later(house: House, grace: Person, ada: Person, prefix: str) -> None:
    told = (await respond(house, grace, "A sea otter", prefix=prefix)).json()
    chatted = (await chat(house, grace, "A sea otter")).json()
    async with client_of(house) as client:
        again = await client.get(f"{prefix}/responses/{told['id']}", headers=grace.headers)
        hers = await client.get(f"{prefix}/responses/{told['id']}", headers=ada.headers)
        other = await client.get(f"{prefix}/responses/resp_{chatted['task_id']}", headers=grace.headers)
        no_id = await client.get(f"{prefix}/responses/resp_x", headers=grace.headers)
        async with house.database.statement() as tx:
            await tx.run("DELETE FROM images")
        gone = await client.get(f"{prefix}/responses/{told['id']}", headers=grace.headers)

    assert again.json() == told
    assert [one.status_code for one in (hers, other, no_id)] == [404, 404, 404]
    assert (gone.json()["status"], gone.json()["error"]["code"], gone.json()["output"]) == ("failed", "not_found", [])


async def test_a_response_under_way_and_one_that_failed(house: House, grace: Person) -> None:
    painter = Showing()
    waiting = with_painter(house, painter)
    body = orjson.dumps({"model": MODEL, "input": "A sea otter", "stream": True})
    async with calling(waiting, grace, "/v1/responses", method="POST", body=body) as line, client_of(house) as client:
        (created, *_) = await line.until("response.created")
        path = f"/v1/responses/{created.data['response']['id']}"
        assert (await client.get(path, headers=grace.headers)).json()["status"] == "in_progress"
        painter.may_show.put_nowait(None)
        await line.until("response.completed")
        assert (await client.get(path, headers=grace.headers)).json()["status"] == "completed"

    broken = with_painter(house, Breaking(EngineFailed("the brush broke")))
    await respond(broken, grace, "A sea otter")
    (row,) = [row for row in await task_rows(house) if row["status"] == "failed"]
    async with client_of(house) as client:
        told = (await client.get(f"/v1/responses/resp_{row['id']}", headers=grace.headers)).json()
    assert (told["status"], told["error"]["message"]) == ("failed", "the brush broke")


@pytest.mark.parametrize(("path", "said"), [("chat/completions", "[DONE]"), ("responses", "response.completed")])
async def test_a_worker_paints_for_chats_too(house: House, grace: Person, path: str, said: str) -> None:
    house = replace(house, performs=frozenset())
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    if path == "responses":
        body = {"model": MODEL, "stream": True, "input": "x", "partial_images": 1}
    async with (
        calling(house, grace, f"/v1/{path}", method="POST", body=orjson.dumps(body)) as line,
        at_work(replace(house, performs=frozenset({"fake"}))),
    ):
        await line.says(said)

    assert "![x](http" in line.text or '"status":"completed"' in line.text


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_who_leaves_a_chat_stops_nothing_and_pays(
    house: House, grace: Person, path: str, *, is_streamed: bool
) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    before = (await balance_of(house, grace)).free
    body = {"model": MODEL, "stream": is_streamed, "messages": [{"role": "user", "content": "x"}]}
    if path == "responses":
        body = {"model": MODEL, "stream": is_streamed, "input": "x"}
    async with calling(house, grace, f"/v1/{path}", method="POST", body=orjson.dumps(body)):
        await painter.began.wait()
    painter.may_go_on.set()
    (row,) = await task_rows(house)
    assert (await until_ended(house, task_id=row["id"], seconds=5)).status == "succeeded"
    assert (await balance_of(house, grace)).free < before
