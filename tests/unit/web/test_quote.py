"""What a request would cost, as callers ask for it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from limner.flow.house import House
from support.people import Person, balance_of, entries_of, join
from support.shelves import task_rows
from support.wire import PREFIXES, ask, client_of

OTTER = {"model": "dall-e-2", "prompt": "A cute baby sea otter"}


async def quoted(house: House, person: Person, *, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/quote", json={**OTTER, **body}, headers=person.headers)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_quote_says_what_it_would_cost(house: House, grace: Person, prefix: str) -> None:
    answer = await quoted(house, grace, prefix=prefix, n=3)

    assert answer.status_code == 200
    assert answer.json() == {
        "object": "quote",
        "model": "dall-e-2",
        "n": 3,
        "size": "1024x1024",
        "quality": "standard",
        "credits_each": "0.020000",
        "credits": "0.060000",
        "credits_left": "10.000000",
        "is_enough": True,
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"n": 4, "size": "256x256"},
        {"model": "dall-e-3", "quality": "hd", "size": "1792x1024"},
        {"model": "gpt-image-2", "quality": "high", "size": "1536x1024", "n": 2},
    ],
)
async def test_what_is_charged_is_what_was_quoted(house: House, grace: Person, body: dict[str, Any]) -> None:
    told = (await quoted(house, grace, **body)).json()

    painted = await ask(house, grace, **body)

    assert painted.headers["x-credits-cost"] == told["credits"]


async def test_a_quote_writes_nothing(house: House, grace: Person) -> None:
    entries, balance = await entries_of(house, grace), await balance_of(house, grace)

    await quoted(house, grace)

    assert await task_rows(house) == []
    assert await entries_of(house, grace) == entries
    assert await balance_of(house, grace) == balance


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "a forbidden fruit"},
        {"prompt": " "},
        {"model": "dall-e-9"},
        {"n": 11},
        {"style": "vivid"},
        {"size": "17x4"},
        {"response_format": "telegram"},
        {"output_compression": 7},
        {"colour": "blue"},
        {"callback_url": "ftp://example.com/"},
        {"callback_url": ""},
        {"stream": True},
    ],
)
async def test_what_would_be_refused_is_refused_in_the_same_words(
    house: House, grace: Person, prefix: str, body: dict[str, Any]
) -> None:
    told = await quoted(house, grace, prefix=prefix, **body)
    refused = await ask(house, grace, prefix=prefix, **body)

    assert told.status_code == refused.status_code >= 400
    assert told.json()["error"] == refused.json()["error"]


async def test_eve_is_told_that_it_is_not_enough(house: House, eve: Person) -> None:
    assert (await quoted(house, eve)).json()["is_enough"] is False


async def test_a_key_s_own_limit_counts_too(house: House) -> None:
    grace = await join(house, "grace", spend_limit=0.05)

    assert (await quoted(house, grace, n=2)).json()["is_enough"] is True
    assert (await quoted(house, grace, n=3)).json()["is_enough"] is False


async def test_the_owner_always_has_enough(house: House) -> None:
    ada = await join(house, "ada", role="owner", credits_start=0)

    assert (await quoted(house, ada)).json()["is_enough"] is True


async def test_a_key_for_other_models_gets_no_quote(house: House) -> None:
    grace = await join(house, "grace", models=frozenset({"dall-e-3"}))

    answer = await quoted(house, grace)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_found")


async def test_without_a_key_there_is_no_quote(house: House) -> None:
    async with client_of(house) as client:
        answer = await client.post("/v1/images/quote", json=OTTER)
    assert answer.status_code == 401
