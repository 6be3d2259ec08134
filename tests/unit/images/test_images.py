from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from limner.domain.spec import OutputFormat
from limner.flow.house import House
from limner.images import rules
from limner.images import service as images
from limner.images.models import Origin, StoredImage, Wanted
from limner.kit.ids import uuid7
from support.people import Person
from support.shelves import image_rows

TASK = UUID("01930000-0000-7000-8000-000000000001")
OTTER = StoredImage(
    index=0,
    storage_key="2026-11-22/otter_0.png",
    media_type="image/png",
    bytes=256,
    width=64,
    height=32,
    seed=2**63 - 1,
    revised_prompt="水獭",
)

ORIGIN = Origin(api_key_id=None, model="dall-e-2", prompt="一只水獭", quality="standard", style=None, price=20_000)


async def add(house: House, person: Person, *pictures: StoredImage) -> None:
    step = images.add(task_id=TASK, account_id=person.account.id, origin=ORIGIN, images=pictures, now=house.clock.now())
    await house.database.together(step, order=())


def test_a_key_says_the_day_the_task_and_which() -> None:
    day = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)

    key = rules.storage_key(task_id=TASK, created_at=day, index=3, output_format=OutputFormat.JPEG)

    assert key == f"2026-11-22/{TASK}_3.jpeg"
    assert key.startswith(rules.storage_prefix(task_id=TASK, created_at=day))


async def test_pictures_are_written_down_whole(house: House, grace: Person) -> None:
    second = replace(OTTER, index=1, storage_key="2026-11-22/otter_1.png", seed=0)

    await add(house, grace, OTTER, second)

    rows = await image_rows(house)
    assert [row["index"] for row in rows] == [0, 1]
    assert rows[0]["revised_prompt"] == "水獭"
    assert rows[0]["seed"] == 2**63 - 1
    assert rows[0]["account_id"] == grace.account.id


async def test_a_picture_is_written_down_once(house: House, grace: Person) -> None:
    await add(house, grace, OTTER)

    with pytest.raises(asyncpg.UniqueViolationError):
        await add(house, grace, replace(OTTER, storage_key="2026-11-22/else.png"))


@pytest.mark.parametrize("wrong", [{"bytes": 0}, {"width": 0}, {"height": -1}, {"index": -1}])
async def test_the_database_refuses_pictures_that_cannot_be(house: House, grace: Person, wrong: dict[str, int]) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await add(house, grace, replace(OTTER, **wrong))


async def test_a_house_has_one_secret_for_links_however_many_open_it(house: House) -> None:
    async with house.database.transaction() as tx:
        again = await images.link_secrets(tx, id_=uuid7(), noise=b"n" * 32, now=house.clock.now())

    assert again == list(house.link_secrets)
    assert len(again[0]) == 32


@pytest.mark.parametrize("text", ["A Sea OTTER, 2 of them_all", "x" * 200, "", "it's o'clock -- 3.14"])
def test_plain_english_has_the_same_words_on_either_way(text: str) -> None:
    assert list(rules.words_of(text)) == list(rules.words_of(f"{text} –"))


def test_words_are_folded_and_said_once() -> None:
    assert list(rules.words_of("Ｏtter otter OTTER straße 水獭, café")) == ["otter", "strasse", "水獭", "獭", "café"]


def test_terms_are_an_account_s_own() -> None:
    """The index of words is one for all accounts: what one has must not slow down another's search."""
    one, other = uuid7(), uuid7()
    asked = [rules.asked_terms(Wanted(words="otter", model="m'\\x"), account_id=account) for account in (one, other)]
    assert asked[0] != asked[1]
    assert asked[0] is not None
    assert asked[0].count("&") == 1


def test_a_search_for_nothing_is_no_search() -> None:
    account = uuid7()
    assert rules.asked_terms(Wanted(), account_id=account) is None
    assert rules.asked_terms(Wanted(words="  "), account_id=account) is None
    assert rules.asked_terms(Wanted(words="?!"), account_id=account) == ""
