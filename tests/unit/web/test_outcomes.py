"""How an answer says who made it, who was tried before, and what there is to know of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest
from typing_extensions import override

from limner.domain.spec import Cause, Picture, Setback, Shown, Spec, Usage
from limner.engines import EngineTimeout, EngineUnavailable
from limner.flow.history import tell
from limner.flow.house import House
from limner.tasks.models import Outcome, Tried
from limner.web.dialects.images import outcomes
from limner.web.dialects.images.render import callback_body
from support.painters import Breaking, Painter, with_painter
from support.people import Person
from support.wire import PREFIXES, ask, client_of
from support.workers import at_work
from unit.flow.test_chain import with_chain

SECRET = "upstream says: key sk-secret is over its quota"
CROPPED = 'made at 1536x1024, then cropped to 1792x1024 ("fit" = crop)'


class Upstreams(Painter):
    """Has two upstreams, of which the first did not manage; counts tokens; says what it did to the pictures."""

    @override
    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        yield Setback(part="main", cause=Cause.BUSY, said=SECRET, seconds=0.25, lost_pictures=1)
        async with aclosing(super().paint(spec)) as shown:
            async for one in shown:
                assert isinstance(one, Picture)
                yield replace(one, part="backup", notes=(CROPPED,))
        yield Usage(input_text_tokens=7, input_image_tokens=2, output_text_tokens=3, output_image_tokens=100)


def chained(house: House) -> House:
    """dall-e-2 on a painter that takes too long, one that is not there, and one with two upstreams."""
    return with_chain(
        house,
        {
            "openai": Breaking(EngineTimeout("it took too long", said=SECRET)),
            "gpu": Breaking(EngineUnavailable("no device", said=SECRET)),
            "relay": Upstreams(),
        },
    )


async def told(house: House, person: Person, answer: httpx2.Response, *, prefix: str = "/v1") -> dict[str, Any]:
    async with client_of(house) as client:
        path = f"{prefix}/images/tasks/{answer.json()['task_id']}"
        body: dict[str, Any] = (await client.get(path, headers=person.headers)).json()
        return body


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_headers_say_who_made_it_and_who_was_tried_before(house: House, grace: Person, prefix: str) -> None:
    answer = await ask(chained(house), grace, prefix=prefix)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-limner-engine"] == "relay/backup"
    assert answer.headers["x-limner-fallback"] == "openai=timeout, gpu=unavailable, relay/main=busy"
    assert answer.headers["x-limner-warnings"].endswith(
        '"made at 1536x1024, then cropped to 1792x1024 (\\"fit\\" = crop)"'
    )
    assert SECRET not in answer.text + str(answer.headers)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_whoever_was_to_make_it_is_named_where_nothing_happened(house: House, grace: Person, prefix: str) -> None:
    answer = await ask(house, grace, prefix=prefix)

    assert answer.headers["x-limner-engine"] == "fake"
    assert not {"x-limner-fallback", "x-limner-warnings"} & set(answer.headers)
    assert "warnings" not in answer.json()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_warnings_stand_in_the_answer(house: House, grace: Person, prefix: str) -> None:
    warnings = (await ask(chained(house), grace, prefix=prefix, n=2)).json()["warnings"]

    assert warnings[-2:] == [f"picture 1: {CROPPED}", f"picture 2: {CROPPED}"]
    assert warnings[0].startswith("painted by the engine")


async def test_usage_is_the_engine_s_if_it_counts(house: House, grace: Person) -> None:
    counted = (await ask(chained(house), grace, n=2)).json()["usage"]
    guessed = (await ask(house, grace, n=2)).json()["usage"]

    assert counted == {
        "total_tokens": 112,
        "input_tokens": 9,
        "output_tokens": 103,
        "input_tokens_details": {"text_tokens": 7, "image_tokens": 2},
        "output_tokens_details": {"text_tokens": 3, "image_tokens": 100},
    }
    assert guessed["output_tokens"] == 2112
    assert set(guessed) == set(counted)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_task_says_the_same_later(house: House, grace: Person, prefix: str) -> None:
    house = chained(house)
    answer = await ask(house, grace, prefix=prefix)
    task = await told(house, grace, answer, prefix=prefix)

    assert task["performed_by"] == {"engine": "relay", "part": "backup"}
    assert [(one["engine"], one["part"], one["cause"]) for one in task["tried"]] == [
        ("openai", None, "timeout"),
        ("gpu", None, "unavailable"),
        ("relay", "main", "busy"),
    ]
    assert task["tried"][2]["seconds"] == 0.25
    assert task["warnings"] == task["result"]["warnings"] == answer.json()["warnings"]
    assert task["result"]["usage"] == answer.json()["usage"]
    assert SECRET not in str(task)


async def test_the_vendor_s_task_has_the_warnings_too(house: House, grace: Person) -> None:
    house = chained(house)
    answer = await ask(house, grace, prefix="/openai")
    async with client_of(house) as client:
        body = {"id": answer.json()["task_id"], "action": "retrieve"}
        shown = (await client.post("/openai/tasks", json=body, headers=grace.headers)).json()

    assert shown["response"]["warnings"] == answer.json()["warnings"]


async def test_a_task_that_failed_says_who_was_tried_and_that_nobody_made_it(house: House, grace: Person) -> None:
    broken = with_chain(
        house, {"openai": Breaking(EngineTimeout("a")), "gpu": Breaking(EngineUnavailable("b", part="cuda:0"))}
    )
    await ask(broken, grace)
    async with client_of(house) as client:
        (task,) = (await client.get("/v1/images/tasks", headers=grace.headers)).json()["data"]

    assert (task["status"], task["performed_by"], task["warnings"]) == ("failed", None, [])
    assert [(one["engine"], one["part"], one["cause"]) for one in task["tried"]] == [
        ("openai", None, "timeout"),
        ("gpu", "cuda:0", "unavailable"),
    ]


async def test_an_open_task_was_made_by_nobody_yet(house: House, grace: Person) -> None:
    answer = await ask(house, grace, **{"async": True})

    task = await told(house, grace, answer)

    assert (task["performed_by"], task["tried"], task["warnings"]) == (None, [], [])


async def test_who_waits_for_a_worker_is_told_the_same(house: House, grace: Person) -> None:
    house = chained(house)
    async with at_work(house):
        answer = await ask(house, grace, timeout=5)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-limner-engine"] == "relay/backup"
    assert answer.headers["x-limner-fallback"] == "openai=timeout, gpu=unavailable, relay/main=busy"
    assert answer.json()["warnings"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_callback_says_what_the_answer_says(house: House, grace: Person, prefix: str) -> None:
    house = chained(house)
    answer = await ask(house, grace, prefix=prefix)
    known = await tell(house, account_id=grace.account.id, trace_id=answer.json()["trace_id"])

    text = callback_body(task=known.task, result=known.result).decode()

    body = orjson.loads(text)
    assert body["data"]["warnings"] == answer.json()["warnings"]
    assert body["data"]["usage"]["output_tokens"] == 103
    assert body["performed_by"] == {"engine": "relay", "part": "backup"}
    assert [one["engine"] for one in body["tried"]] == ["openai", "gpu", "relay"]
    assert SECRET not in text


async def test_a_callback_says_who_was_tried_when_nobody_managed(house: House, grace: Person) -> None:
    slow = Breaking(EngineTimeout("it took too long", said=SECRET, part="main"))
    answer = await ask(with_chain(house, {"openai": slow, "gpu": Breaking(EngineUnavailable("no device"))}), grace)
    known = await tell(house, account_id=grace.account.id, trace_id=answer.json()["trace_id"])

    body = orjson.loads(callback_body(task=known.task, result=None))

    assert (body["success"], body["performed_by"]) == (False, None)
    assert [(one["engine"], one["part"], one["cause"]) for one in body["tried"]] == [
        ("openai", "main", "timeout"),
        ("gpu", None, "unavailable"),
    ]


async def test_a_callback_is_the_vendor_s_where_nothing_happened(house: House, grace: Person) -> None:
    answer = await ask(house, grace)
    known = await tell(house, account_id=grace.account.id, trace_id=answer.json()["trace_id"])

    body = orjson.loads(callback_body(task=known.task, result=known.result))

    assert set(body) == {"success", "task_id", "trace_id", "data"}


async def test_whatever_engines_are_called_headers_stay_headers(house: House, grace: Person) -> None:
    answer = await ask(
        with_chain(house, {"öpen\nai": Breaking(EngineTimeout("x")), "显卡\r\nset-cookie: a": Painter()}), grace
    )

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-limner-engine"] == "????set-cookie: a"
    assert answer.headers["x-limner-fallback"] == "?pen?ai=timeout"
    assert "set-cookie" not in answer.headers


def test_headers_stay_small() -> None:
    tried = tuple(Tried(engine="a", part="b", cause=Cause.BUSY, seconds=1) for _ in range(100))
    made = outcomes.headers(
        Outcome(engine="a", part="c", tried=tried, warnings=tuple(f"{'x' * 1000}{n}" for n in range(40))), engine="a"
    )

    assert made["x-limner-fallback"] == "a/b=busy"
    assert len(made["x-limner-warnings"]) < 4000


async def test_a_model_s_chain_is_told(house: House, grace: Person) -> None:
    async with client_of(chained(house)) as client:
        model = (await client.get("/v1/models/dall-e-2", headers=grace.headers)).json()

    usual = ["busy", "failed", "timeout", "unavailable", "quota"]
    assert model["engine"] == "openai"
    assert model["fallbacks"] == [{"engine": "gpu", "on": usual}, {"engine": "relay", "on": usual}]


async def test_a_repeated_request_says_it_again(house: House, grace: Person) -> None:
    house = with_painter(house, Upstreams())
    async with client_of(house) as client:
        body = {"model": "dall-e-2", "prompt": "An otter"}
        headers = grace.headers | {"idempotency-key": "mine"}
        first, again = [await client.post("/v1/images/generations", json=body, headers=headers) for _ in range(2)]

    assert again.headers["idempotency-replayed"] == "true"
    for name in ("x-limner-engine", "x-limner-fallback", "x-limner-warnings"):
        assert again.headers[name] == first.headers[name]
