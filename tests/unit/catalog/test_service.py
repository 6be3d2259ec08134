from __future__ import annotations

import pytest

from limner.catalog.rules import price
from limner.catalog.service import CustomModel, UnknownModel, catalog_of
from limner.domain.spec import Quality

HARD_CODED = (
    "dall-e-2",
    "dall-e-3",
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-1.5-2025-12-16",
    "chatgpt-image-latest",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
)
CATALOG = catalog_of(engine="fake", custom=[])


@pytest.mark.parametrize("name", HARD_CODED)
def test_every_name_that_programs_hard_code_is_there(name: str) -> None:
    model = CATALOG.model(name)

    assert model.name == name
    assert model.engine == "fake"
    assert model.description


@pytest.mark.parametrize("model", CATALOG.models(), ids=lambda model: model.name)
def test_every_picture_of_every_model_costs_something(model: object) -> None:
    for width, height in ((256, 256), (512, 512), (1024, 1024), (1792, 1024), (2048, 2048), (3840, 2160)):
        costs = [price(model, width=width, height=height, quality=quality) for quality in Quality]  # type: ignore[arg-type]
        assert all(cost > 0 for cost in costs)
        assert costs == sorted(costs)


def test_dall_e_3_costs_what_it_did() -> None:
    model = CATALOG.model("dall-e-3")

    assert price(model, width=1024, height=1024, quality=Quality.STANDARD) == 40_000
    assert price(model, width=1024, height=1024, quality=Quality.HD) == 80_000
    assert price(model, width=1792, height=1024, quality=Quality.STANDARD) == 80_000
    assert price(model, width=1024, height=1792, quality=Quality.HD) == 120_000


def test_models_are_listed_by_name() -> None:
    names = [model.name for model in CATALOG.models()]

    assert names == sorted(names)


@pytest.mark.parametrize(
    ("asked", "near"), [("dalle-3", "dall-e-3"), ("gpt-image-3", "gpt-image-"), ("\N{OTTER}", "there is")]
)
def test_an_unknown_model_is_told_with_the_nearest(asked: str, near: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        CATALOG.model(asked)

    assert near in caught.value.message
    assert caught.value.param == "model"


def test_a_name_of_a_megabyte_is_not_repeated() -> None:
    with pytest.raises(UnknownModel) as caught:
        CATALOG.model("x" * 1_000_000)

    assert len(caught.value.message) < 300


def test_the_operator_adds_a_model_with_one_price() -> None:
    catalog = catalog_of(
        engine="fake",
        custom=[CustomModel(name="mine", engine="other", profile="open", description="", price=5)],
    )

    mine = catalog.model("mine")

    assert mine.engine == "other"
    assert mine.description == "Painted by the engine other."
    assert {price(mine, width=w, height=w, quality=q) for w in (64, 1024, 3000) for q in Quality} == {5}


def test_the_operator_puts_a_known_name_on_another_engine() -> None:
    catalog = catalog_of(
        engine="fake",
        custom=[CustomModel(name="dall-e-3", engine="gpu", profile="dall-e-3", description="Ours.", price=0)],
    )

    assert catalog.model("dall-e-3").engine == "gpu"
    assert catalog.model("dall-e-2").engine == "fake"
