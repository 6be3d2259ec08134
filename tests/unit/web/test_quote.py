"""What a request would cost, as callers ask for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.flow.house import House
from support.files import upload
from support.people import Person, balance_of, entries_of, join
from support.pictures import data_url, encoded, mask, noise, png
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
        {"partial_images": 4},
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


# pictures from pictures --------------------------------------------------------------------------------------------------

HAT = {"model": "gpt-image-1", "prompt": "Put a hat on it"}
OTTER_FILE = ("image", ("otter.png", png(), "image/png"))


async def sent(
    house: House,
    person: Person,
    route: str,
    *,
    prefix: str = "/v1",
    files: list[tuple[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> httpx2.Response:
    """A form where there are files, and JSON where there are none."""
    carried: dict[str, Any] = {"json": body} if files is None else {"data": body, "files": files}
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/{route}", headers=person.headers | (headers or {}), **carried)


EDITS: list[dict[str, Any]] = [
    {**HAT, "image": data_url(png())},
    {**HAT, "image": data_url(png()), "n": 2, "quality": "high", "size": "1536x1024"},
    {**HAT, "image": [data_url(png()), data_url(png())], "mask": data_url(mask())},
    {**HAT, "images": [{"image_url": data_url(png(200, 80))}], "quality": "low"},
    {**HAT, "model": "gpt-image-2", "image": data_url(png(1000, 400)), "size": "auto"},
    {**HAT, "extra_body": {"image": data_url(png())}},
    {**HAT, "files": [OTTER_FILE]},
    {**HAT, "files": [OTTER_FILE, ("mask", ("m.png", mask(), "image/png"))], "quality": "medium", "n": "3"},
    {**HAT, "files": [("image[]", ("a.jpg", encoded(noise(mode="CMYK"), "JPEG"), "image/jpeg"))] * 2},
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("given", EDITS)
async def test_an_edit_costs_what_was_quoted(house: House, grace: Person, prefix: str, given: dict[str, Any]) -> None:
    told = await sent(house, grace, "quote", prefix=prefix, **given)
    painted = await sent(house, grace, "edits", prefix=prefix, **given)

    assert told.status_code == painted.status_code == 200, (told.text, painted.text)
    assert painted.headers["x-credits-cost"] == told.json()["credits"]
    assert (painted.json()["size"], painted.json()["quality"]) == (told.json()["size"], told.json()["quality"])


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_pictures_without_words_are_quoted_as_variations(house: House, grace: Person, prefix: str) -> None:
    given = {"model": "dall-e-2", "n": "2", "files": [("image", ("a.png", png(64, 64), "image/png"))]}
    told = await sent(house, grace, "quote", prefix=prefix, **given)
    painted = await sent(house, grace, "variations", prefix=prefix, **given)

    assert (told.status_code, painted.status_code) == (200, 200), told.text
    assert painted.headers["x-credits-cost"] == told.json()["credits"]


async def test_variations_are_quoted_from_json_as_well(house: House, grace: Person) -> None:
    told = await sent(house, grace, "quote", model="dall-e-2", image=data_url(png(64, 64)), n=3)

    assert (told.json()["model"], told.json()["n"], told.json()["credits"]) == ("dall-e-2", 3, "0.060000")


async def test_a_quote_from_pictures_keeps_none_of_them(
    house: House, grace: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others use the usual one, too
    before, entries = await balance_of(house, grace), await entries_of(house, grace)

    for given in EDITS:
        assert (await sent(house, grace, "quote", **given)).status_code == 200

    async with house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM files") == 0
    assert [key async for key in house.storage.keys("inputs/")] == []
    assert await task_rows(house) == []
    assert (await balance_of(house, grace), await entries_of(house, grace)) == (before, entries)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a folder in memory, nearly


async def test_a_file_of_one_s_own_is_quoted_and_one_of_grace_s_is_not(
    house: House, grace: Person, eve: Person
) -> None:
    id_ = (await upload(house, grace)).json()["id"]

    assert (await sent(house, grace, "quote", **HAT, images=[{"file_id": id_}])).status_code == 200
    refused = (await sent(house, eve, "quote", **HAT, images=[{"file_id": id_}])).json()["error"]
    assert (refused["code"], refused["param"]) == ("image_file_not_found", "images[0]")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "given",
    [
        {**HAT, "image": data_url(b"hello there")},
        {**HAT, "image": data_url(png()[:900])},
        {**HAT, "image": [data_url(png())] * 17},
        {**HAT, "image": "http://169.254.169.254/latest"},
        {**HAT, "image": data_url(png()), "mask": data_url(mask(32, 32))},
        {**HAT, "image": data_url(png()), "style": "vivid"},
        {**HAT, "image": data_url(png()), "prompt": " "},
        {**HAT, "mask": data_url(mask())},
        {**HAT, "model": "dall-e-9", "image": data_url(png())},
        {**HAT, "files": [OTTER_FILE], "n": "two"},
        {**HAT, "files": [OTTER_FILE], "prompt": "a forbidden fruit"},
        {**HAT, "files": [("mask", ("m.png", mask(), "image/png"))]},
        {**HAT, "files": [("image", ("m.png", b"", "image/png"))]},
    ],
)
async def test_an_edit_that_would_be_refused_is_refused_in_the_same_words(
    house: House, grace: Person, prefix: str, given: dict[str, Any]
) -> None:
    told = await sent(house, grace, "quote", prefix=prefix, **given)
    refused = await sent(house, grace, "edits", prefix=prefix, **given)

    assert told.status_code == refused.status_code >= 400
    assert told.json()["error"] == refused.json()["error"]


@pytest.mark.parametrize("route", ["quote", "edits"])
async def test_what_is_left_out_costs_nothing_here_and_there(house: House, grace: Person, route: str) -> None:
    given = {**HAT, "files": [OTTER_FILE], "quality": "hd"}

    assert (await sent(house, grace, route, **given)).status_code == 400
    told = await sent(house, grace, route, headers={"x-limner-lenient": "true"}, **given)
    usual = await sent(house, grace, "quote", **HAT, files=[OTTER_FILE])

    assert told.status_code == 200
    cost = told.json()["credits"] if route == "quote" else told.headers["x-credits-cost"]
    assert cost == usual.json()["credits"]


async def test_a_form_of_words_alone_is_told_what_is_missing(house: House, grace: Person) -> None:
    told = await sent(house, grace, "quote", **HAT, files=[("n", (None, "1"))])

    assert told.json()["error"]["param"] == "image"
