from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from limner import config
from limner.audit.models import Actor, Filter
from limner.bootstrap import opened_house
from limner.catalog.models import Definition
from limner.catalog.service import ModelChanged, UnknownModel
from limner.domain.problem import InvalidValue
from limner.domain.spec import Quality
from limner.flow import offer
from limner.flow.house import House
from limner.flow.operators import audit_entries
from support.people import Person, entries_of
from support.wire import PUBLIC_URL, ask

BY_HAND = Actor(account_id=None, trace_id="trace", sender="127.0.0.1")


async def definition_of(house: House, name: str) -> Definition:
    return (await offer.model_of_operator(house, name=name)).definition


async def change(house: House, name: str, *, seen: int = 0, **what: object) -> offer.Preview:
    definition = replace(await definition_of(house, name), **what)  # type: ignore[arg-type]
    return await offer.change_model(house, BY_HAND, name=name, definition=definition, seen=seen)


def price(house: House, name: str) -> int:
    return house.catalog.model(name).prices["1k"][Quality.STANDARD]


async def until_it_costs(house: House, wanted: int) -> None:
    async with asyncio.timeout(5):
        while price(house, "dall-e-2") != wanted:  # noqa: ASYNC110 - the catalogue tells nobody that it was replaced
            await asyncio.sleep(0.005)


async def test_a_preview_shows_prices_before_and_after_and_writes_nothing(house: House) -> None:
    now = await definition_of(house, "dall-e-2")
    wanted = replace(now, prices={**now.prices, "1k": {Quality.STANDARD: 50_000}})

    shown = await offer.preview(house, name="dall-e-2", definition=wanted)

    assert [(line.size_class, line.before, line.after) for line in shown.lines] == [
        ("256", 16_000, 16_000),
        ("512", 18_000, 18_000),
        ("1k", 20_000, 50_000),
    ]
    assert [line.size_class for line in shown.lines if line.is_changed] == ["1k"]
    assert not shown.is_nothing
    assert (await offer.preview(house, name="dall-e-2", definition=now)).is_nothing
    assert price(house, "dall-e-2") == 20_000
    assert await offer.history_of(house, name="dall-e-2") == []


async def test_a_new_price_is_what_grace_pays_from_now_on(house: House, grace: Person) -> None:
    await ask(house, grace, model="dall-e-2")
    await change(house, "dall-e-2", prices={"1k": {Quality.STANDARD: 50_000}})
    await ask(house, grace, model="dall-e-2")

    charges = [-entry.amount for entry in await entries_of(house, grace) if entry.kind == "charge"]

    assert charges == [50_000, 20_000]


async def test_every_change_is_kept_with_what_was_before(house: House) -> None:
    await change(house, "dall-e-2", description="First.")
    await change(house, "dall-e-2", seen=1, description="Second.")

    history = await offer.history_of(house, name="dall-e-2")

    assert [(one.number, one.definition.description) for one in history if one.definition] == [
        (2, "Second."),
        (1, "First."),
    ]
    assert history[0].before is not None
    assert history[0].before.description == "First."
    with pytest.raises(asyncpg.RaiseError, match="never edited"):
        async with house.database.statement() as tx:
            await tx.run("UPDATE model_changes SET number = 9")


async def test_of_two_who_change_the_same_the_second_looks_again(house: House) -> None:
    await change(house, "dall-e-2", description="Mine.")

    with pytest.raises(ModelChanged):
        await change(house, "dall-e-2", description="Also mine.")

    assert house.catalog.model("dall-e-2").description == "Mine."


async def test_racing_operators_make_one_change(house: House) -> None:
    results = await asyncio.gather(
        *(change(house, "dall-e-2", description=f"Number {number}.") for number in range(8)), return_exceptions=True
    )

    assert sum(isinstance(one, offer.Preview) for one in results) == 1
    assert len(await offer.history_of(house, name="dall-e-2")) == 1


async def test_a_model_that_is_switched_off_is_gone_and_says_so(house: House, grace: Person) -> None:
    shown = await change(house, "gpt-image-1.5", is_offered=False)

    assert set(shown.followers) == {"gpt-image-1.5-2025-12-16", "chatgpt-image-latest"}
    for name in ("gpt-image-1.5", "chatgpt-image-latest"):
        answer = await ask(house, grace, model=name)
        assert answer.status_code == 404
        assert "switched off" in answer.json()["error"]["message"]
    assert "gpt-image-1.5" not in {model.name for model in house.catalog.models()}

    await change(house, "gpt-image-1.5", seen=1, is_offered=True)
    assert house.catalog.model("chatgpt-image-latest").alias_of == "gpt-image-1.5"


async def test_an_alias_costs_what_its_model_does(house: House) -> None:
    await change(house, "gpt-image-1.5", prices={"1k": {Quality.STANDARD: 77}})

    assert price(house, "chatgpt-image-latest") == 77
    assert house.catalog.model("chatgpt-image-latest").description == "The same as gpt-image-1.5."


async def test_a_model_goes_back_to_how_it_came(house: House) -> None:
    await change(house, "dall-e-2", prices={"1k": {Quality.STANDARD: 1}})

    await offer.change_model(house, BY_HAND, name="dall-e-2", definition=None, seen=1)

    assert price(house, "dall-e-2") == 20_000
    assert not (await offer.model_of_operator(house, name="dall-e-2")).is_changed
    assert len(await offer.history_of(house, name="dall-e-2")) == 2


async def test_a_model_of_one_s_own_paints(house: House, grace: Person) -> None:
    mine = Definition(
        is_offered=True,
        engine="fake",
        profile="dall-e-3",
        description="Ours.",
        prices={"1k": {Quality.STANDARD: 5, Quality.HD: 9}},
    )
    await offer.change_model(house, BY_HAND, name="ours-1", definition=mine, seen=0, is_new=True)

    answer = await ask(house, grace, model="ours-1", quality="hd")

    assert answer.status_code == 200
    assert (await entries_of(house, grace))[0].amount == -9
    with pytest.raises(InvalidValue, match="already"):
        await offer.preview(house, name="ours-1", definition=mine, is_new=True)
    with pytest.raises(InvalidValue, match="switch it off"):
        await offer.preview(house, name="ours-1", definition=None)


@pytest.mark.parametrize(
    ("what", "param"),
    [
        ({"engine": "nobody"}, "engine"),
        ({"profile": "open"}, "profile"),
        ({"description": "two\nlines"}, "description"),
        ({"description": "x" * 301}, "description"),
        ({"prices": {}}, "prices"),
        ({"prices": {"1k": {}}}, "prices"),
        ({"prices": {"4k": {Quality.STANDARD: 1}}}, "prices.4k"),
        ({"prices": {"1k": {Quality.HD: 1}}}, "prices.1k.hd"),
        ({"prices": {"1k": {Quality.STANDARD: -1}}}, "prices.1k.standard"),
        ({"prices": {"1k": {Quality.STANDARD: 10**12 + 1}}}, "prices.1k.standard"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(house: House, what: dict[str, object], param: str) -> None:
    wanted = replace(await definition_of(house, "dall-e-2"), **what)  # type: ignore[arg-type]

    with pytest.raises(InvalidValue) as refused:
        await offer.preview(house, name="dall-e-2", definition=wanted)

    assert refused.value.param == param


async def test_a_name_that_cannot_be_is_refused(house: House) -> None:
    with pytest.raises(InvalidValue, match="name"):
        await offer.preview(house, name="a b", definition=await definition_of(house, "dall-e-2"), is_new=True)
    with pytest.raises(UnknownModel):
        await offer.preview(house, name="nobody", definition=await definition_of(house, "dall-e-2"))


async def test_the_act_is_written_down(house: House) -> None:
    await change(house, "dall-e-2", prices={"1k": {Quality.STANDARD: 50_000}})
    await change(house, "dall-e-2", seen=1, is_offered=False)

    off, changed = await audit_entries(house, which=Filter(), count=10)

    assert (off.verb, changed.verb) == ("model.switched_off", "model.changed")
    assert changed.details["prices"]["after"] == {"1k": {"standard": 50_000}}


async def test_what_another_node_changes_is_heard_at_once(tmp_path: Path, fresh_database_url: str) -> None:
    settings = config.Settings(
        data_dir=tmp_path,
        database=config.Database(url=SecretStr(fresh_database_url)),
        storage=config.Storage(url="memory://"),
        catalog=config.Catalog(engine="fake"),
    )
    async with (
        opened_house(settings, public_url=PUBLIC_URL) as here,
        opened_house(settings, public_url=PUBLIC_URL) as there,
    ):
        await asyncio.wait_for(there.signs.listening.wait(), 5)
        await change(here, "dall-e-2", prices={"1k": {Quality.STANDARD: 1}})
        await until_it_costs(there, 1)
        # One that starts later has it from the beginning.
        async with opened_house(settings, public_url=PUBLIC_URL) as later:
            assert price(later, "dall-e-2") == 1


async def test_what_was_missed_is_found_by_looking(house: House) -> None:
    elsewhere = replace(house, catalog=house.catalog.as_made())
    keeper = offer.Offer(house.database, elsewhere.catalog, engines=house.engines)
    following = asyncio.create_task(keeper.run(every_seconds=0.01))
    try:
        await change(house, "dall-e-2", prices={"1k": {Quality.STANDARD: 1}})
        await until_it_costs(elsewhere, 1)
    finally:
        following.cancel()


async def test_an_engine_that_this_node_lacks_is_left_out_and_said(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await change(house, "dall-e-2", description="Elsewhere.")
    elsewhere = replace(house, engines={}, catalog=house.catalog.as_made())

    await offer.look_at_offer(elsewhere)

    assert elsewhere.catalog.model("dall-e-2").description != "Elsewhere."
    assert "model.not_taken" in caplog.text
