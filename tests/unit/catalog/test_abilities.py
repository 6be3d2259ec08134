"""The record of what a model takes, held against the rules that requests are checked by."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from limner.catalog import rules
from limner.catalog.abilities import CALLBACK_CHARACTERS_MAX, Abilities, Value, abilities
from limner.catalog.models import FreeSizes, Model
from limner.catalog.profiles import PROFILES
from limner.catalog.service import CustomModel, catalog_of, shipped
from limner.domain.ask import Ask
from limner.domain.problem import Problem
from limner.domain.spec import OutputFormat
from limner.kit.outbound.address import URL_CHARACTERS_MAX

PNG, JPEG, WEBP, SVG = OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.SVG
ENGINES = (frozenset(OutputFormat), frozenset({PNG}), frozenset({PNG, JPEG, WEBP}), frozenset({JPEG}))
MODELS = shipped(engine="illustrator")
ONE_OF_EACH_PROFILE = list({model.profile.name: model for model in MODELS.values()}.values())
FOREIGN: dict[str, tuple[Value, ...]] = {
    "prompt": ("", " \n"),
    "size": ("1000x1000", "16x16", "4000x4000", "3840x16", "1024 x 1024", "square", "", "256x256", "1792x1024"),
    "quality": ("best", "", "hd", "standard", "low", "xhigh"),
    "style": ("calm", "vivid"),
    "n": (0, -1, 11, 2),
    "response_format": ("png", ""),
    "output_format": ("gif", "png", "jpeg", "webp", "svg"),
    "output_compression": (-1, 0, 99, 100, 101),
    "background": ("green", ""),
    "moderation": ("high", "low"),
    "partial_images": (-1, 4),
    "input_fidelity": ("high", "low", "none"),
    "complexity": ("low", "none"),
    "frame_count": (1, 17),
    "frame_duration_ms": (0, 655_351),
    "svg": (),
    "seed": (-1, 2**63),
    "user": ("x" * 513,),
    "safety_identifier": ("x" * 513,),
}


def record(model: Model, formats: frozenset[OutputFormat] = ENGINES[0]) -> Abilities:
    return abilities(model, formats=formats)


def strict(model: Model) -> Model:
    """What a lenient profile lets pass has no effect."""
    return replace(model, profile=replace(model.profile, is_lenient=False))


def is_accepted(model: Model, formats: frozenset[OutputFormat], given: Mapping[str, Value]) -> bool:
    ask = Ask(**{"prompt": "", "model": model.name, **given})  # type: ignore[arg-type]
    try:
        spec = rules.spec_for(ask, model=strict(model))
        rules.response_format_for(ask, default="url")
    except Problem:
        return False
    return spec.output_format in formats


def values_to_try(of: Abilities) -> dict[str, set[Value]]:
    """All that each parameter allows (of numbers and texts, their ends), and some that no model or another one does."""
    tried = {name: set(values) for name, values in FOREIGN.items()}
    for parameter in of.parameters:
        if parameter.name == "callback_url":
            continue
        tried[parameter.name] |= {*parameter.values}
        tried[parameter.name] |= {end for end in (parameter.low, parameter.high) if end is not None}
        if parameter.characters_max is not None:
            tried[parameter.name] |= {"獭" * parameter.characters_max, "獭" * (parameter.characters_max + 1)}
    return tried


def requests_to_try(of: Abilities) -> Iterator[dict[str, Value]]:
    """Each value alone, every two together, and every three of those that depend on each other."""
    values = [(name, value) for name, values in values_to_try(of).items() for value in sorted(values, key=str)]
    yield {}
    for name, value in values:
        yield {"prompt": "an otter", name: value}
    for (name, value), (other, beside) in itertools.combinations(values, 2):
        if name != other:
            yield {"prompt": "an otter", name: value, other: beside}
    for together in (("output_format", "output_compression", "background"), ("output_format", "size", "frame_count")):
        for three in itertools.product(*([value for of, value in values if of == name] for name in together)):
            yield {"prompt": "an otter", **dict(zip(together, three, strict=True))}


@pytest.mark.parametrize("formats", ENGINES, ids=lambda formats: "+".join(sorted(formats)))
@pytest.mark.parametrize("model", ONE_OF_EACH_PROFILE, ids=lambda model: model.profile.name)
def test_what_the_record_allows_is_accepted_and_what_it_does_not_is_refused(
    model: Model, formats: frozenset[OutputFormat]
) -> None:
    takes = record(model, formats)
    verdicts = set()
    for given in requests_to_try(takes):
        assert takes.takes(given) == is_accepted(model, formats, given), given
        verdicts.add(takes.takes(given))
    assert verdicts == {True, False}


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_models_of_one_profile_take_the_same(model: Model) -> None:
    (alike,) = (other for other in ONE_OF_EACH_PROFILE if other.profile.name == model.profile.name)

    assert record(model).parameters == record(alike).parameters
    assert record(model).needs == record(alike).needs


def test_every_profile_ships() -> None:
    assert {model.profile.name for model in MODELS.values()} == set(PROFILES)


@pytest.mark.parametrize(
    "model", [model for model in ONE_OF_EACH_PROFILE if isinstance(model.profile.sizes, FreeSizes)]
)
def test_any_size_within_the_bounds(model: Model) -> None:
    takes, rng = record(model), random.Random(2026)
    allowed = 0
    for _ in range(3000):
        step = rng.choice((1, 16))
        size = f"{rng.randrange(1, 4000 // step) * step}x{rng.randrange(1, 4000 // step) * step}"
        given = {"prompt": "an otter", "size": size}
        assert takes.takes(given) == is_accepted(model, ENGINES[0], given), size
        allowed += takes.takes(given)
    assert 100 < allowed < 2900


@pytest.mark.parametrize("model", ONE_OF_EACH_PROFILE, ids=lambda model: model.profile.name)
def test_what_is_not_given_is_the_default(model: Model) -> None:
    takes = record(model)
    nothing = rules.spec_for(Ask(prompt="an otter", model=model.name), model=model)
    for parameter in takes.parameters:
        if parameter.name in {"frame_count", "frame_duration_ms"}:  # a gif's
            continue
        if parameter.default is not None and parameter.name != "response_format":
            ask = Ask(**{"prompt": "an otter", "model": model.name, parameter.name: parameter.default})  # type: ignore[arg-type]
            assert rules.spec_for(ask, model=model) == nothing, parameter.name


def test_the_form_begins_with_what_people_change() -> None:
    takes = record(MODELS["dall-e-3"])

    assert [parameter.name for parameter in takes.parameters if not parameter.is_rare] == [
        "prompt",
        "size",
        "quality",
        "style",
        "n",
        "response_format",
        "callback_url",
    ]
    assert {parameter.name for parameter in takes.parameters} == MODELS["dall-e-3"].profile.parameters - {
        "model", "image", "mask", "input_fidelity"
    } | {"callback_url"}  # fmt: skip


def test_what_leaves_no_choice_says_so() -> None:
    dalle = record(MODELS["dall-e-3"], frozenset({PNG}))

    assert [parameter.name for parameter in dalle.parameters if parameter.is_fixed] == [
        "n",
        "output_format",
        "output_compression",
    ]


def test_a_form_knows_what_to_hide_beside_what_is_chosen() -> None:
    takes = record(MODELS["illustrator"])

    assert takes.excluded("background", given={"output_format": "jpeg"}) == frozenset({"transparent"})
    assert takes.excluded("background", given={"output_format": "svg"}) == frozenset()
    assert takes.excluded("output_compression", given={}) == "all"
    assert takes.excluded("output_compression", given={"output_format": "webp"}) == frozenset()
    assert takes.excluded("size", given={"quality": "hd"}) == frozenset()


def test_a_callback_has_the_length_of_an_address() -> None:
    callback = record(MODELS["dall-e-3"]).parameter("callback_url")

    assert callback is not None
    assert CALLBACK_CHARACTERS_MAX == URL_CHARACTERS_MAX
    assert callback.takes("https://example.com/done")
    assert not callback.takes(" ")
    assert not callback.takes("x" * (URL_CHARACTERS_MAX + 1))


def test_the_usual_response_format_is_the_prefix_s_or_the_profile_s() -> None:
    gpt = MODELS["gpt-image-1"]
    own, vendor = (
        abilities(gpt, formats=ENGINES[0], response_format=usual).parameter("response_format")
        for usual in (None, "url")
    )

    assert own is not None
    assert vendor is not None
    assert (own.default, vendor.default) == ("b64_json", "url")


def test_prices_are_of_every_size_and_each_amount_of_work() -> None:
    lines = record(MODELS["dall-e-3"]).price_lines

    assert [(line.size, line.quality, line.micro_credits) for line in lines] == [
        ((1024, 1024), "standard", 40_000),
        ((1024, 1024), "hd", 80_000),
        ((1792, 1024), "standard", 80_000),
        ((1792, 1024), "hd", 120_000),
        ((1024, 1792), "standard", 80_000),
        ((1024, 1792), "hd", 120_000),
    ]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_a_price_line_is_what_its_picture_costs(model: Model) -> None:
    lines = record(model).price_lines
    for line in lines:
        ask = Ask(prompt="x", model=model.name, size="{}x{}".format(*line.size), quality=line.quality)
        spec = rules.spec_for(ask, model=model)
        price = rules.price(model, width=spec.width, height=spec.height, quality=spec.quality)
        assert line.micro_credits == price
    assert lines


def test_the_operator_s_model_has_its_one_price() -> None:
    custom = CustomModel(name="ours", engine="fake", profile="dall-e-2", description="", price=7)
    lines = record(catalog_of(engine="fake", custom=[custom]).model("ours")).price_lines

    assert {line.micro_credits for line in lines} == {7}


# what engines take beyond a profile --------------------------------------------------------------------------------------


def test_what_the_engine_takes_beside_comes_last_by_name() -> None:
    takes = abilities(MODELS["dall-e-3"], formats=ENGINES[0], extras=("steps", "seed", "cfg"))

    assert [parameter.name for parameter in takes.parameters][-2:] == ["cfg", "steps"]
    assert [parameter.kind for parameter in takes.parameters[-2:]] == ["loose", "number"]
    assert (takes.parameters[-1].low, takes.parameters[-1].high) == (1, 200)
    assert takes.parameter("seed") is not None


@pytest.mark.parametrize("extras", [(), ("seed",), ("steps",), ("steps", "seed", "moderation")])
@pytest.mark.parametrize("model", ONE_OF_EACH_PROFILE, ids=lambda model: model.profile.name)
def test_the_record_knows_what_the_rules_know_of_an_engine_s_own(model: Model, extras: tuple[str, ...]) -> None:
    takes = abilities(model, formats=ENGINES[0], extras=extras)
    for name, value in {"seed": 7, "moderation": "low", "style": "vivid", "steps": 20, "cfg": [1, {"a": 2.5}]}.items():
        known = {name: value} if name in FOREIGN else {}
        ask = Ask(**{"prompt": "x", "model": model.name, **known}, extras={} if known else {name: value})  # type: ignore[arg-type]
        try:
            rules.spec_for(ask, model=strict(model), extras=extras)
            accepted = True
        except Problem:
            accepted = False
        assert takes.takes({"prompt": "x", name: value}) == accepted, name  # type: ignore[dict-item]
