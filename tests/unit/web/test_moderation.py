"""How callers hear that something may not be painted here: in each prefix's words, free of charge, with no link to read."""

from __future__ import annotations

import asyncio

import pytest

from limner.domain.spec import Picture
from limner.engines import EngineRefused
from limner.flow.house import House
from support.chat import hangs, replies
from support.moderations import fine, violent
from support.painters import Breaking, with_painter
from support.people import Person, assert_nothing_under_way, balance_of
from support.wire import PREFIXES, ask, client_of
from support.workers import at_work
from unit.flow.test_moderate import FULL, keys_of, moderated, until

TOLD = [
    ("/openai", "dall-e-3", 403, "forbidden"),
    ("/openai", "gpt-image-1", 403, "forbidden"),
    ("/v1", "dall-e-3", 400, "content_policy_violation"),
    ("/v1", "gpt-image-1", 400, "moderation_blocked"),
]


async def assert_free(house: House, person: Person) -> None:
    assert (await balance_of(house, person)).free == FULL
    await assert_nothing_under_way(house, person)


@pytest.mark.parametrize(("prefix", "model", "status", "code"), TOLD)
async def test_a_prompt_that_the_endpoint_flags(
    house: House, grace: Person, *, prefix: str, model: str, status: int, code: str
) -> None:
    async with moderated(house, violent()) as (there, _):
        answer = await ask(there, grace, prefix=prefix, model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "violence" not in answer.text
    await assert_free(house, grace)


@pytest.mark.parametrize(("prefix", "model", "status", "code"), TOLD)
async def test_a_picture_that_is_flagged(
    house: House, grace: Person, *, prefix: str, model: str, status: int, code: str
) -> None:
    async with moderated(house, fine(), violent(), pictures="endpoint") as (there, _):
        answer = await ask(there, grace, prefix=prefix, model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    await assert_free(house, grace)


@pytest.mark.parametrize(("prefix", "model", "status", "code"), TOLD)
async def test_an_upstream_s_own_refusal(
    house: House, grace: Person, *, prefix: str, model: str, status: int, code: str
) -> None:
    there = with_painter(house, Breaking(EngineRefused("the upstream will not paint this", said="sk-secret says no")))
    answer = await ask(there, grace, prefix=prefix, model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "sk-secret" not in answer.text
    await assert_free(house, grace)


@pytest.mark.parametrize(("prefix", "model", "status", "code"), TOLD)
async def test_the_task_of_an_asynchronous_request_says_the_same(
    house: House, grace: Person, *, prefix: str, model: str, status: int, code: str
) -> None:
    async with moderated(house, violent()) as (there, _), at_work(there), client_of(there) as client:
        accepted = await ask(there, grace, prefix=prefix, model=model, **{"async": True})
        assert status >= 400
        path = f"{prefix}/images/tasks/{accepted.json()['task_id']}"
        async with asyncio.timeout(10):
            while True:
                task = (await client.get(path, headers=grace.headers)).json()
                if task["status"] == "failed":
                    break
                await asyncio.sleep(0.02)
    assert code in str(task["error"])
    await assert_free(house, grace)


@pytest.mark.parametrize(("prefix", "code"), [("/openai", "busy"), ("/v1", "service_unavailable")])
async def test_nobody_to_ask_is_a_trouble_that_passes(house: House, grace: Person, prefix: str, code: str) -> None:
    async with moderated(house, replies(500, b"")) as (there, _):
        answer = await ask(there, grace, prefix=prefix)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0
    await assert_free(house, grace)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_refused_picture_is_named_beside_the_others(house: House, grace: Person, prefix: str) -> None:
    async with moderated(house, fine(), violent(), fine(), pictures="endpoint") as (there, _):
        answer = await ask(there, grace, prefix=prefix, n=2)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1
    assert answer.json()["warnings"] == [
        "picture 1 is missing, and not charged for: it was refused by this server's rules"
    ]


async def test_no_byte_of_a_picture_is_in_storage_while_it_is_looked_at(house: House, grace: Person) -> None:
    async with moderated(house, fine(), hangs, pictures="endpoint", seconds=30) as (there, server):
        asking = asyncio.create_task(ask(there, grace))
        await until(lambda: len(server.asked) == 2)
        assert await keys_of(house) == []
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_the_same_request_again_shows_only_what_was_let_through(house: House, grace: Person) -> None:
    async with (
        moderated(house, fine(), violent(), fine(), pictures="endpoint") as (there, server),
        client_of(there) as client,
    ):
        body = {"model": "dall-e-2", "prompt": "an otter", "n": 2}
        headers = {**grace.headers, "idempotency-key": "once"}
        first = await client.post("/v1/images/generations", json=body, headers=headers)
        again = await client.post("/v1/images/generations", json=body, headers=headers)
        assert len(first.json()["data"]) == len(again.json()["data"]) == 1
        assert len(server.asked) == 3
        assert again.json()["warnings"] == first.json()["warnings"]


async def test_a_picture_that_an_engine_left_elsewhere_is_not_passed_on_unseen(house: House, grace: Person) -> None:
    class Elsewhere(Breaking):
        async def paint(self, spec):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            yield Picture(
                index=0,
                data=b"",
                output_format=spec.output_format,
                width=1024,
                height=1024,
                seed=None,
                revised_prompt=spec.prompt,
                link="https://example.org/a.png",
            )

    async with moderated(house, fine(), pictures="endpoint") as (there, _):
        answer = await ask(with_painter(there, Elsewhere(RuntimeError())), grace, response_format="url")
    assert answer.status_code == 500
    assert "example.org" not in answer.text
    await assert_free(house, grace)
