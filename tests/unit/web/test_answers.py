"""Answers that go well: the seed's shape, headers, trace ids, models."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any
from uuid import UUID

import httpx2
import pytest
from PIL import Image

from limner.domain.money import in_credits
from limner.flow.house import House
from limner.web.dialects.images.routes import routes
from support.people import Person, balance_of
from support.wire import FIELDS, PREFIXES, ask, client_of


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_answer_is_the_seed_s(house: House, grace: Person, prefix: str) -> None:
    answer = await ask(house, grace, prefix=prefix, model="dall-e-3", response_format="url")

    body = answer.json()
    assert set(body) == FIELDS
    assert (body["success"], body["elapsed"]) == (True, 0.0)
    assert (body["size"], body["quality"], body["background"], body["output_format"]) == (
        "1024x1024",
        "standard",
        "opaque",
        "png",
    )
    assert body["created"] == int(house.clock.now().timestamp())
    assert [set(picture) for picture in body["data"]] == [{"revised_prompt", "url"}]
    assert UUID(body["task_id"]).version == 7
    assert body["usage"] == {
        "total_tokens": 6 + 1056,
        "input_tokens": 6,
        "output_tokens": 1056,
        "input_tokens_details": {"text_tokens": 6, "image_tokens": 0},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 1056},
    }


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_bytes_come_as_base64(house: House, grace: Person, prefix: str) -> None:
    answer = await ask(house, grace, prefix=prefix, n=3, size="256x256", response_format="b64_json")

    pictures = answer.json()["data"]
    assert [set(picture) for picture in pictures] == [{"revised_prompt", "b64_json"}] * 3
    for picture in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture["b64_json"], validate=True))).size == (256, 256)


@pytest.mark.parametrize(
    ("prefix", "model", "field"),
    [
        ("/openai", "dall-e-3", "url"),
        ("/openai", "gpt-image-1", "url"),
        ("/v1", "dall-e-2", "url"),
        ("/v1", "dall-e-3", "url"),
        ("/v1", "gpt-image-1", "b64_json"),
        ("/v1", "gpt-image-2", "b64_json"),
    ],
)
async def test_each_prefix_answers_as_its_programs_expect(
    house: House, grace: Person, prefix: str, model: str, field: str
) -> None:
    answer = await ask(house, grace, prefix=prefix, model=model)

    assert set(answer.json()["data"][0]) == {"revised_prompt", field}


async def test_text_is_told_as_it_is(house: House, grace: Person) -> None:
    prompt = 'an "otter" \\ 水獭 \u2028 </script>'

    answer = await ask(house, grace, prompt=prompt, response_format="b64_json")

    assert answer.json()["data"][0]["revised_prompt"] == prompt


async def test_headers_say_what_it_cost_and_what_is_left(house: House, grace: Person) -> None:
    answer = await ask(house, grace, model="dall-e-3", quality="hd", size="1792x1024")

    assert answer.headers["x-credits-cost"] == "0.120000"
    assert answer.headers["x-credits-remaining"] == "9.880000"
    assert in_credits((await balance_of(house, grace)).free) == "9.880000"


async def test_headers_say_where_the_limits_stand(house: House, grace: Person) -> None:
    await ask(house, grace)
    headers = (await ask(house, grace)).headers

    assert headers["ratelimit-policy"] == '"requests";q=600;w=60, "concurrent";q=16;qu="concurrent-requests"'
    assert headers["ratelimit"] == '"requests";r=598;t=1'
    assert headers["x-ratelimit-limit-requests"] == "600"
    assert headers["x-ratelimit-remaining-requests"] == "598"
    assert headers["x-ratelimit-reset-requests"] == "200ms"


async def test_every_answer_has_its_headers(house: House, grace: Person) -> None:
    answer = await ask(house, grace)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["openai-processing-ms"]) >= 0
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [record.fields for record in caplog.records if record.getMessage() == event]  # type: ignore[attr-defined]


async def test_one_trace_id_in_body_header_log_and_task(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="limner")

    answer = await ask(house, grace)

    trace_id = answer.json()["trace_id"]
    assert answer.headers["x-request-id"] == trace_id
    assert [line["trace_id"] for line in lines(caplog, "request.finished")] == [trace_id]
    assert [line["trace_id"] for line in lines(caplog, "task.finished")] == [trace_id]
    async with house.database.statement() as tx:
        assert await tx.value("SELECT trace_id FROM tasks") == trace_id


async def test_logs_keep_prompts_keys_and_links_to_themselves(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="limner")
    answer = await ask(house, grace, prompt="a surprise party for ada", response_format="url", user="user-4711")
    async with client_of(house) as client:
        await client.get(answer.json()["data"][0]["url"])
        await client.get("/v1/models", headers={"authorization": "Bearer sk-limner-guess"})

    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "request.finished" in logged
    for secret in ("surprise", grace.secret, "sk-limner-guess", "sig=", "user-4711"):
        assert secret not in logged


async def test_a_traced_caller_keeps_its_trace(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        answer = await client.get("/v1/models", headers={**grace.headers, "traceparent": traceparent})

    assert answer.headers["x-request-id"] == "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"


@pytest.mark.parametrize(
    "traceparent",
    [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f35",
        "",
        "x" * 9000,
    ],
)
async def test_a_trace_that_makes_no_sense_is_replaced(house: House, grace: Person, traceparent: str) -> None:
    async with client_of(house) as client:
        answer = await client.get("/v1/models", headers={**grace.headers, "traceparent": traceparent})

    assert UUID(answer.headers["x-request-id"]).version == 7


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_models_are_listed_with_their_abilities(house: House, grace: Person, prefix: str) -> None:
    async with client_of(house) as client:
        answer = await client.get(f"{prefix}/models", headers=grace.headers)

    body = answer.json()
    models = {model["id"]: model for model in body["data"]}
    assert body["object"] == "list"
    assert {"dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2"} <= set(models)
    dalle = models["dall-e-3"]
    assert (dalle["object"], dalle["owned_by"], dalle["engine"]) == ("model", "limner", "fake")
    abilities = dalle["abilities"]
    assert abilities["parameters"]["size"]["enum"] == ["auto", "1024x1024", "1792x1024", "1024x1792"]
    assert abilities["parameters"]["quality"]["enum"] == ["auto", "standard", "hd"]
    assert abilities["parameters"]["n"]["maximum"] == 1
    assert abilities["parameters"]["prompt"]["max_length"] == 4000
    assert abilities["prices"]["1k"] == {"standard": 0.04, "hd": 0.08}
    assert abilities["price_list"][0] == {"size": "1024x1024", "quality": "standard", "credits": 0.04}
    assert abilities["parameters"]["output_format"]["enum"] == ["png"], "what its engine writes"
    assert abilities["parameters"]["response_format"]["default"] == "url"
    assert {
        "parameter": "background",
        "values": ["transparent"],
        "only_with": {"output_format": ["png"]},
    } in abilities["together"]
    gpt = models["gpt-image-1"]["abilities"]["parameters"]
    assert gpt["response_format"]["default"] == ("url" if prefix == "/openai" else "b64_json")
    assert "style" not in models["dall-e-2"]["abilities"]["parameters"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_one_model(house: House, grace: Person, prefix: str) -> None:
    async with client_of(house) as client:
        found = await client.get(f"{prefix}/models/dall-e-3", headers=grace.headers)
        missing = await client.get(f"{prefix}/models/dall-e-9", headers=grace.headers)

    assert found.json()["id"] == "dall-e-3"
    assert "dall-e-3" in missing.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/openai/models", "/v1/models/dall-e-3"])
async def test_models_are_for_people_with_a_key(house: House, path: str) -> None:
    async with client_of(house) as client:
        assert (await client.get(path)).status_code == 401


async def test_the_front_door_says_where_to_go(caller: httpx2.AsyncClient) -> None:
    answer = await caller.get("/")

    assert answer.json()["generations"] == "http://limner.test/v1/images/generations"


async def test_the_openapi_document_describes_both_prefixes(caller: httpx2.AsyncClient) -> None:
    document = (await caller.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.")
    for prefix in PREFIXES:
        assert "post" in document["paths"][f"{prefix}/images/generations"]
        assert "get" in document["paths"][f"{prefix}/images/tasks/{{id}}"]
        assert "post" in document["paths"][f"{prefix}/tasks"]


async def test_the_openapi_document_knows_every_route_and_names_each_once(caller: httpx2.AsyncClient) -> None:
    document = (await caller.get("/openapi.json")).json()

    described = {(path, method.upper()) for path, known in document["paths"].items() for method in known}
    for one in routes():
        for method in set(one.methods or ()) - {"HEAD"}:
            assert (one.path.replace(":path", "").rstrip("/") or "/", method) in described  # files/ is files
    names = [one["operationId"] for known in document["paths"].values() for one in known.values()]
    assert len(names) == len(set(names))
    for used in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert used in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/images/tasks/{id}/cancel", "post", "202"),
        ("/images/tasks/{id}/events", "get", "204"),
        ("/files/{id}/content", "get", "206"),
        ("/files/{id}/content", "get", "304"),
    ],
)
async def test_the_openapi_document_knows_what_is_seldom_answered(
    caller: httpx2.AsyncClient, path: str, method: str, status: str
) -> None:
    document = (await caller.get("/openapi.json")).json()

    for prefix in PREFIXES:
        assert status in document["paths"][prefix + path][method]["responses"]


async def test_the_openapi_document_describes_each_event_of_a_stream(house: House, grace: Person) -> None:
    answer = await ask(house, grace, model="gpt-image-1", stream=True, partial_images=1)
    async with client_of(house) as client:
        document = (await client.get("/openapi.json")).json()

    stream = document["paths"]["/v1/images/generations"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    assert stream["schema"] == {"$ref": "#/components/schemas/ImageEvents"}
    described = document["components"]["schemas"]["ImageEvents"]["properties"]["data"]["contentSchema"]["anyOf"][0]
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [one["type"] for one in events] == ["image_generation.partial_image", "image_generation.completed"]
    for event in events:
        assert set(described["required"]) <= set(event)
        assert re.search(described["properties"]["type"]["pattern"], event["type"])


async def test_head_is_get_without_a_body(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        got = await client.get("/v1/models", headers=grace.headers)
        head = await client.head("/v1/models", headers=grace.headers)
        refused = await client.head("/v1/models")

    assert (head.status_code, head.content) == (200, b"") or head.headers["content-length"] == str(len(got.content))
    assert (refused.status_code, refused.content) == (401, b"")
    assert int(refused.headers["content-length"]) > 0
