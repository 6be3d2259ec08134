"""Bodies of every kind: what is wrong with them is said, and what would be right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from limner.flow.house import House
from support.people import Person, entries_of
from support.wire import BODY_BYTES_MAX, PREFIXES, ask, client_of, post

# As the seed document has it: there is a comma missing after the prompt.
SEED_S_SIZE_EXAMPLE = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter"
"size": "1024x1024"
}"""


def message_of(answer: httpx2.Response, *, param: str | None = None) -> str:
    error = answer.json()["error"]
    assert answer.status_code == 400, answer.text
    assert error["param"] == param
    return str(error["message"])


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_seed_s_missing_comma(house: House, grace: Person, prefix: str) -> None:
    message = message_of(await post(house, grace, SEED_S_SIZE_EXAMPLE, prefix=prefix))

    assert message.startswith("the body is not valid JSON: expected `,` or `}` at line 4 column 1")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body is empty: send JSON such as"),
        (b" \r\n ", "the body is empty"),
        (b"prompt=an+otter", "not valid JSON: expected"),
        (b'{"prompt": "an otter"', "not valid JSON: EOF"),
        (b"{'prompt': 'an otter'}", "not valid JSON"),
        (b'{"prompt": "an otter"} {}', "not valid JSON: trailing"),
        (b'{"prompt": "an \xff otter"}', "not valid JSON: invalid unicode"),
        (b'{"prompt": "\\ud800"}', "not valid JSON"),
        (b'{"prompt": "a\nb"}', "not valid JSON: control character"),
        (b'{"n": NaN, "prompt": "x"}', ""),
        (b"[]", "must be a JSON object"),
        (b'"an otter"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b"[" * 5000, "not valid JSON: recursion limit"),
        (b'{"a":' * 5000, ""),
        (b"\x00" * 10, "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
    ],
)
async def test_what_is_no_json_object(house: House, grace: Person, body: bytes, says: str) -> None:
    answer = await post(house, grace, body)

    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("prompt", 7, "prompt must be text in quotes"),
        ("prompt", ["an otter"], "prompt must be text in quotes"),
        ("prompt", {"text": "an otter"}, "prompt must be text in quotes"),
        ("prompt", True, "prompt must be text in quotes"),
        ("model", 3, "model must be text in quotes"),
        ("n", "1", "n must be a whole number"),
        ("n", 1.5, "n must be a whole number"),
        ("n", True, "n must be a whole number"),
        ("n", [1], "n must be a whole number"),
        ("n", 10**30, "n must be"),
        ("size", 1024, "size must be text in quotes"),
        ("size", {"width": 1024}, "size must be text in quotes"),
        ("quality", 1, "quality must be text in quotes"),
        ("style", [], "style must be text in quotes"),
        ("response_format", False, "response_format must be text in quotes"),
        ("output_format", 1, "output_format must be text in quotes"),
        ("output_compression", "50", "output_compression must be a whole number"),
        ("background", 0, "background must be text in quotes"),
        ("moderation", 0, "moderation must be text in quotes"),
        ("user", 7, "user must be text in quotes"),
        ("safety_identifier", 7, "safety_identifier must be text in quotes"),
        ("seed", "7", "seed must be a whole number"),
        ("seed", 2**64, "seed must be"),
        ("stream", "true", "stream must be true or false"),
        ("stream", 1, "stream must be true or false"),
        ("partial_images", "1", "partial_images must be a whole number"),
        ("callback_url", 1, "callback_url must be text in quotes"),
        ("callback_secret", 1, "callback_secret must be text in quotes"),
        ("async", "yes", "async must be true or false"),
        ("timeout", "5", "timeout must be a number"),
        ("trace_id", 7, "trace_id must be text in quotes"),
    ],
)
async def test_a_wrong_type_is_named_with_the_right_one(
    house: House, grace: Person, name: str, value: object, right: str
) -> None:
    assert right in message_of(await ask(house, grace, **{name: value}), param=name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("promt", "did you mean 'prompt'?"),
        ("Prompt", "did you mean 'prompt'?"),
        ("numbers", "has no parameter 'numbers': leave it out"),
        ("negative_prompt", "has no parameter 'negative_prompt'"),
        ("async_", "has no parameter 'async_': did you mean 'async'?"),
        ("", "there is no parameter ''"),
        ("__class__", "has no parameter '__class__'"),
    ],
)
async def test_an_unknown_parameter_is_named(house: House, grace: Person, name: str, hint: str) -> None:
    assert hint in message_of(await ask(house, grace, **{name: 1}), param=name)


async def test_a_parameter_s_name_of_many_letters_is_cut(house: House, grace: Person) -> None:
    answer = await ask(house, grace, **{"x" * 5000: 1})

    assert len(answer.content) < 600


@pytest.mark.parametrize(("name", "value"), [("stream", False), ("partial_images", 0), ("async", False)])
async def test_what_is_not_wanted_may_be_said(house: House, grace: Person, name: str, value: object) -> None:
    assert (await ask(house, grace, **{name: value})).status_code == 200


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"timeout": -0.1}, "timeout", "0 seconds or more"),
        ({"callback_secret": "a secret"}, "callback_secret", "send callback_url too"),
        (
            {"callback_secret": "", "callback_url": "https://receiver.example"},
            "callback_secret",
            "1 to 1024 characters",
        ),
        ({"callback_secret": "x" * 1025, "callback_url": "https://receiver.example"}, "callback_secret", "1 to 1024"),
        ({"trace_id": ""}, "trace_id", "1 to 128 characters"),
        ({"trace_id": "x" * 129}, "trace_id", "1 to 128 characters"),
        ({"trace_id": "a\0", "async": True}, "trace_id", "NUL"),
        ({"callback_url": "https://receiver.example/\0"}, "callback_url", "NUL"),
        ({"callback_url": "receiver.example/told"}, "callback_url", "is refused"),
        ({"callback_url": "ftp://receiver.example/told"}, "callback_url", "is refused"),
        ({"callback_url": "https://10.0.0.7/told"}, "callback_url", "is refused"),
        ({"callback_url": "https://grace:secret@receiver.example/"}, "callback_url", "is refused"),
    ],
)
async def test_a_manner_that_cannot_be_meant_so(
    house: House, grace: Person, body: dict[str, Any], param: str, says: str
) -> None:
    assert says in message_of(await ask(house, grace, **body), param=param)
    assert len(await entries_of(house, grace)) == 1


async def test_a_priority_is_one_of_three(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        body = {"model": "dall-e-2", "prompt": "an otter", "async": True}
        for name, status in (("high", 202), ("normal", 202), ("low", 202), ("highest", 400), ("1", 400), ("", 400)):
            headers = grace.headers | {"x-limner-priority": name}
            answer = await client.post("/v1/images/generations", json=body, headers=headers)
            assert answer.status_code == status, name
    async with house.database.statement() as tx:
        found = [row["priority"] for row in await tx.rows("SELECT priority FROM tasks ORDER BY id")]
    assert found == [1, 0, -1]


NULLABLE = (
    "n", "size", "quality", "style", "response_format", "output_format", "output_compression", "background",
    "moderation", "user", "safety_identifier", "seed", "stream", "partial_images", "callback_url", "callback_secret",
    "async", "timeout", "trace_id",
)  # fmt: skip


async def test_null_is_the_same_as_not_given(house: House, grace: Person) -> None:
    assert (await ask(house, grace, **dict.fromkeys(NULLABLE))).status_code == 200


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
async def test_an_empty_prompt(house: House, grace: Person, prompt: str) -> None:
    assert "prompt is empty: say what to paint" in message_of(await ask(house, grace, prompt=prompt), param="prompt")


async def test_no_prompt(house: House, grace: Person) -> None:
    assert "prompt is missing" in message_of(await post(house, grace, '{"model": "dall-e-2"}'), param="prompt")
    assert "prompt is missing" in message_of(await post(house, grace, '{"prompt": null}'), param="prompt")


async def test_a_prompt_that_is_too_long(house: House, grace: Person) -> None:
    message = message_of(await ask(house, grace, prompt="x" * 1001), param="prompt")

    assert message == "prompt has 1001 characters; the model 'dall-e-2' takes at most 1000"


@pytest.mark.parametrize("name", ["prompt", "user", "safety_identifier"])
async def test_a_nul_in_a_text_is_refused(house: House, grace: Person, name: str) -> None:
    """PostgreSQL cannot keep it, and no picture needs it."""
    answer = await ask(house, grace, **{name: "an \0 otter"})

    assert name in message_of(answer, param=name)


@pytest.mark.parametrize(
    "prompt",
    ["水獭", "\N{OTTER}" * 10, "a\tb\r\nc", "'; DROP TABLE tasks; --", "\u202eotter", "{}%s{0}", "\\u0000", "\x7f\x01"],
)
async def test_a_prompt_may_say_anything_else(house: House, grace: Person, prompt: str) -> None:
    answer = await ask(house, grace, prompt=prompt)

    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["revised_prompt"] == prompt


async def test_the_vendor_s_prefix_wants_a_model_and_openai_s_has_one(house: House, grace: Person) -> None:
    vendor = await post(house, grace, '{"prompt": "an otter"}', prefix="/openai")
    openai = await post(house, grace, '{"prompt": "an otter"}', prefix="/v1")

    assert "model is missing" in message_of(vendor, param="model")
    assert openai.status_code == 200


@pytest.mark.parametrize("size", ["1024", "100x100", "1024X1024", "huge", "", "1024x1024x1024"])
async def test_an_unknown_size(house: House, grace: Person, size: str) -> None:
    message = message_of(await ask(house, grace, size=size), param="size")

    assert "1024x1024" in message


async def test_nothing_is_charged_for_bad_bodies(house: House, grace: Person) -> None:
    for body in (b"", b"{", b'{"prompt": ""}', b'{"prompt": "x", "n": 99}'):
        await post(house, grace, body)

    assert len(await entries_of(house, grace)) == 1


async def test_a_body_of_declared_length_over_the_limit_is_not_read(house: House, grace: Person) -> None:
    answer = await ask(house, grace, prompt="x" * BODY_BYTES_MAX)

    assert answer.status_code == 413
    assert f"{BODY_BYTES_MAX} bytes" in answer.json()["error"]["message"]


async def test_a_body_that_comes_in_chunks_is_counted(house: House, grace: Person) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 4096
            yield b"x" * 4096

    async with client_of(house) as client:
        answer = await client.post("/v1/images/generations", content=endless(), headers=grace.headers)

    assert answer.status_code == 413
    assert read <= BODY_BYTES_MAX + 8192


async def test_a_body_just_under_the_limit_is_read(house: House, grace: Person) -> None:
    body = json.dumps({"prompt": "an otter"}).encode()

    answer = await post(house, grace, body.ljust(BODY_BYTES_MAX))

    assert answer.status_code == 200


@pytest.mark.parametrize("length", ["-1", "ten", "99999999999999999999999"])
async def test_a_length_that_lies_does_no_harm(house: House, grace: Person, length: str) -> None:
    async with client_of(house) as client:
        headers = {**grace.headers, "content-length": length}
        answer = await client.post("/v1/images/generations", content=b'{"prompt": "an otter"}', headers=headers)

    assert answer.status_code in {200, 413}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/json; charset=utf-8"])
async def test_the_body_counts_not_what_it_is_called(house: House, grace: Person, content_type: str) -> None:
    async with client_of(house) as client:
        headers = {**grace.headers, "content-type": content_type}
        answer = await client.post("/v1/images/generations", content=b'{"prompt": "an otter"}', headers=headers)

    assert answer.status_code == 200


async def test_the_last_of_two_equal_names_counts(house: House, grace: Person) -> None:
    answer: Any = await post(house, grace, '{"prompt": "a cat", "prompt": "an otter"}')

    assert answer.json()["data"][0]["revised_prompt"] == "an otter"
