"""Chains of engines: how they are written, what may be wrong with one, and how they are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limner.catalog import chains, prices
from limner.catalog.models import DEFAULT_CAUSES, Fallback
from limner.catalog.service import CustomModel, catalog_of
from limner.domain.problem import InvalidValue
from limner.domain.spec import Cause, Quality

ENGINES = ("openai", "gpu", "illustrator")
SOME = Fallback(engine="illustrator", on=frozenset({Cause.TIMEOUT, Cause.BUSY}))


@pytest.mark.parametrize(
    ("fallback", "line"),
    [
        (Fallback(engine="gpu"), "gpu"),
        (SOME, "illustrator: busy timeout"),
        (
            Fallback(engine="gpu", on=frozenset(Cause)),
            "gpu: busy failed timeout unavailable quota refused cannot",
        ),
    ],
)
def test_a_fallback_is_written_and_read_back(fallback: Fallback, line: str) -> None:
    assert chains.line(fallback) == line
    assert chains.from_line(line) == fallback


def test_what_is_refused_or_cannot_be_is_not_asked_of_the_next_unless_that_is_said() -> None:
    assert {Cause.BUSY, Cause.FAILED, Cause.TIMEOUT, Cause.UNAVAILABLE, Cause.QUOTA} == DEFAULT_CAUSES
    assert chains.from_line("gpu: refused").on == {Cause.REFUSED}


def test_lines_may_be_written_loosely() -> None:
    assert chains.from_text("\n gpu \r\n\n illustrator :  Busy,timeout \n") == (Fallback(engine="gpu"), SOME)
    assert chains.from_text("") == ()


def test_a_cause_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(InvalidValue, match="no cause 'slow'; there is busy, failed") as caught:
        chains.from_text("gpu: slow")
    assert caught.value.param == "fallbacks"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nobody", "there is no engine 'nobody' to fall back to; there is gpu, illustrator, openai"),
        (": busy", "there is no engine ''"),
        ("openai", "openai paints in the first place"),
        ("gpu\nillustrator\ngpu: busy", "gpu is named twice"),
        ("gpu:", "gpu is a fallback for nothing"),
    ],
)
def test_what_is_wrong_with_a_chain_is_said(text: str, says: str) -> None:
    fault = chains.fault("openai", chains.from_text(text), engines=ENGINES)

    assert fault is not None
    assert says in fault


def test_a_chain_has_an_end() -> None:
    many = [Fallback(engine=f"engine-{number}") for number in range(9)]

    assert chains.fault("openai", many[:8], engines=[one.engine for one in many]) is None
    assert "8 fallbacks at most" in (chains.fault("openai", many, engines=[one.engine for one in many]) or "")


def test_a_model_s_chain_begins_with_its_engine() -> None:
    model = catalog_of(engine="openai", custom=[], fallbacks=(SOME,)).model("dall-e-3")

    assert [(one.engine, one.on) for one in model.chain()] == [("openai", frozenset(Cause)), ("illustrator", SOME.on)]


# what operators keep -----------------------------------------------------------------------------------------------------


def test_a_chain_is_kept_with_the_model_and_comes_back() -> None:
    model = catalog_of(engine="openai", custom=[], fallbacks=(Fallback(engine="gpu"), SOME)).model("dall-e-3")
    definition = prices.definition_of(model)

    kept = prices.to_json(definition)

    assert kept is not None
    assert kept["fallbacks"][1] == {"engine": "illustrator", "on": ["busy", "timeout"]}
    assert prices.from_json(kept) == definition
    assert prices.model_from("dall-e-3", definition).fallbacks == model.fallbacks


def test_what_was_kept_before_there_were_chains_has_none() -> None:
    kept = prices.to_json(prices.definition_of(catalog_of(engine="openai", custom=[]).model("dall-e-3")))
    assert kept is not None
    del kept["fallbacks"]

    definition = prices.from_json(kept)

    assert definition is not None
    assert definition.fallbacks == ()


def test_a_chain_is_checked_with_the_model() -> None:
    base = catalog_of(engine="openai", custom=[]).model("dall-e-3")
    wrong = replace(prices.definition_of(base), fallbacks=(Fallback(engine="nobody"),))

    with pytest.raises(InvalidValue, match="no engine 'nobody' to fall back to") as caught:
        prices.check("dall-e-3", wrong, base=base, engines=ENGINES)
    assert caught.value.param == "fallbacks"


def test_aliases_follow_an_operator_s_chain() -> None:
    base = catalog_of(engine="openai", custom=[]).base
    wanted = replace(prices.definition_of(base["gpt-image-2"]), engine="gpu", fallbacks=(SOME,))

    models = prices.offered(base, {"gpt-image-2": wanted}, engines=ENGINES).models

    assert models["gpt-image-2:reverse"].engine == "gpu"
    assert models["gpt-image-2:reverse"].fallbacks == (SOME,)
    assert models["gpt-image-1"].fallbacks == ()


# what the settings say ---------------------------------------------------------------------------------------------------


def test_the_models_that_come_with_limner_share_a_chain() -> None:
    catalog = catalog_of(engine="openai", custom=[], fallbacks=(Fallback(engine="gpu"),))

    assert {model.fallbacks for model in catalog.models()} == {(Fallback(engine="gpu"),)}


def test_a_name_that_is_there_keeps_what_is_not_said() -> None:
    usual = catalog_of(engine="openai", custom=[])
    catalog = catalog_of(engine="openai", custom=[CustomModel(name="dall-e-3", engine="gpu", fallbacks=(SOME,))])

    model, was = catalog.model("dall-e-3"), usual.model("dall-e-3")

    assert (model.engine, model.fallbacks) == ("gpu", (SOME,))
    assert (model.profile, model.prices, model.description) == (was.profile, was.prices, was.description)


@pytest.mark.parametrize(
    ("entry", "fallbacks"),
    [
        (CustomModel(name="dall-e-3"), (Fallback(engine="gpu"),)),
        (CustomModel(name="dall-e-3", engine="openai"), (Fallback(engine="gpu"),)),
        (CustomModel(name="dall-e-3", engine="illustrator"), ()),
        (CustomModel(name="dall-e-3", fallbacks=()), ()),
        (CustomModel(name="mine"), (Fallback(engine="gpu"),)),
        (CustomModel(name="mine", engine="illustrator"), ()),
    ],
)
def test_the_shared_chain_is_for_the_shared_engine(entry: CustomModel, fallbacks: tuple[Fallback, ...]) -> None:
    catalog = catalog_of(engine="openai", custom=[entry], fallbacks=(Fallback(engine="gpu"),))

    assert catalog.model(entry.name).fallbacks == fallbacks


def test_aliases_follow_what_the_settings_make_of_their_model() -> None:
    custom = [
        CustomModel(name="gpt-image-2", engine="gpu", price=7, fallbacks=(SOME,)),
        CustomModel(name="gpt-image-2:reverse", engine="illustrator"),
    ]
    catalog = catalog_of(engine="openai", custom=custom)

    alias, own = catalog.model("gpt-image-2:official"), catalog.model("gpt-image-2:reverse")

    assert (alias.engine, alias.fallbacks, alias.alias_of) == ("gpu", (SOME,), "gpt-image-2")
    assert alias.prices == {"4k": {Quality.LOW: 7}}
    assert alias.description == "The same as gpt-image-2."
    assert (own.engine, own.alias_of, own.profile.name) == ("illustrator", None, "gpt-image-2")
    assert own.prices["1k"][Quality.STANDARD] == 42_000


def test_a_new_name_is_open_and_free_unless_that_is_said() -> None:
    mine = catalog_of(engine="openai", custom=[CustomModel(name="mine", engine="gpu")]).model("mine")

    assert (mine.profile.name, mine.prices) == ("open", {"4k": {Quality.LOW: 0}})


def test_an_engine_s_own_name_stays_with_it() -> None:
    with_it = catalog_of(engine="openai", custom=[], fallbacks=(SOME,), engines=ENGINES)
    without = catalog_of(engine="openai", custom=[], fallbacks=(SOME,), engines=("openai",))
    told = catalog_of(engine="openai", custom=[CustomModel(name="illustrator", engine="gpu")], engines=ENGINES)

    assert (with_it.model("illustrator").engine, with_it.model("illustrator").fallbacks) == ("illustrator", ())
    assert without.model("illustrator").engine == "openai"
    assert told.model("illustrator").engine == "gpu"
