"""What profiles say of pictures to start from, of sizes that follow from them, and what is left out of lenient requests."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from limner.catalog import pictures, rules
from limner.catalog.models import FreeSizes
from limner.catalog.pictures import InputFidelityNotTaken
from limner.catalog.profiles import PROFILES
from limner.catalog.service import shipped
from limner.domain.ask import Act, Ask, Given
from limner.domain.problem import Problem
from limner.domain.spec import VARIATION, OutputFormat, Spec

MODELS = shipped(engine="illustrator")
PNG = Given(
    file_id=UUID(int=1),
    media_type="image/png",
    bytes=1_000_000,
    width=1024,
    height=1024,
    sha256="00",
    alpha="none",
)
CLEAR = replace(PNG, alpha="clear")


def spec_of(model: str, *, lenient: bool = False, **fields: Any) -> Spec:
    given = {"prompt": "a hat", "images": (CLEAR,), **fields}
    return rules.spec_for(
        Ask(model=model, **given), model=MODELS[model], lenient=lenient, formats=frozenset(OutputFormat), images_max=16
    )


def refused(model: str, **fields: Any) -> tuple[str | None, str]:
    with pytest.raises(Problem) as caught:
        spec_of(model, **fields)
    return caught.value.param, caught.value.message


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2", "illustrator", "nano-banana"])
def test_a_picture_to_start_from(model: str) -> None:
    assert spec_of(model).prompt == "a hat"
    assert spec_of(model, prompt="").is_variation
    assert spec_of(model, prompt="").prompt == VARIATION
    assert not spec_of(model, images=()).is_variation


@pytest.mark.parametrize(
    ("model", "fields", "param", "words"),
    [
        ("dall-e-2", {"images": (CLEAR, CLEAR)}, "image", "takes one picture at most, not 2"),
        ("gpt-image-1", {"images": (PNG,) * 17}, "image", "16 pictures at most, not from 17"),
        (
            "dall-e-2",
            {"images": (replace(CLEAR, media_type="image/jpeg"),)},
            "image",
            "takes pictures as png; this is a jpeg",
        ),
        ("dall-e-2", {"images": (replace(CLEAR, width=1025),)}, "image", "square pictures; this one is 1025x1024"),
        ("dall-e-2", {"images": (replace(CLEAR, bytes=4_000_000),)}, "image", "less than 4 MB; this one has 4.0 MB"),
        ("dall-e-2", {"images": (PNG,)}, "image", "send a mask, or a png with a transparent part"),
        ("gpt-image-1", {"images": (PNG, replace(PNG, bytes=50_000_000))}, "image[1]", "less than 50 MB"),
        ("gpt-image-1", {"mask": PNG}, "mask", "must have an alpha channel"),
        ("gpt-image-1", {"mask": replace(PNG, alpha="opaque")}, "mask", "it is so nowhere"),
        (
            "gpt-image-1",
            {"mask": replace(CLEAR, width=512)},
            "mask",
            "as large as the first picture, 1024x1024; it is 512x1024",
        ),
        ("gpt-image-1", {"mask": replace(CLEAR, bytes=4_200_000)}, "mask", "less than 4 MB; it has 4.2 MB"),
        ("gpt-image-1", {"mask": replace(CLEAR, media_type="image/webp")}, "mask", "must be a png; this is a webp"),
        ("gpt-image-2.5-flare", {"mask": CLEAR, "markup": CLEAR}, "markup", "exclude each other"),
        ("gpt-image-2", {"markup": CLEAR}, "markup", "no parameter 'markup'"),
        ("gpt-image-2.5-flare", {"markup": replace(CLEAR, height=16)}, "markup", "it is 1024x16"),
        ("gpt-image-1", {"style": "vivid"}, "style", "no parameter 'style'"),
        ("gpt-image-1-mini", {"input_fidelity": "high"}, "input_fidelity", "must be low"),
        ("gpt-image-1", {"input_fidelity": "some"}, "input_fidelity", "must be high or low"),
        ("gpt-image-2.6-flare", {"output_format": "gif", "mask": CLEAR}, "output_format", "a gif takes no mask"),
        ("dall-e-2", {"prompt": "", "mask": CLEAR}, "mask", "no parameter 'mask'"),
    ],
)
def test_what_is_wrong_with_pictures(model: str, fields: dict[str, Any], param: str, words: str) -> None:
    found, message = refused(model, **fields)

    assert found == param
    assert words in message


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-flare"])
def test_newer_models_are_not_told_how_closely_to_keep_to_a_picture(model: str) -> None:
    with pytest.raises(InputFidelityNotTaken, match="always keeps closely to its pictures"):
        spec_of(model, input_fidelity="high")


def test_variations_need_no_transparency() -> None:
    assert spec_of("dall-e-2", prompt="", images=(PNG,)).is_variation


@pytest.mark.parametrize(
    ("model", "picture", "size"),
    [
        ("dall-e-2", (900, 900), (1024, 1024)),
        ("dall-e-3", (1920, 1080), (1792, 1024)),
        ("dall-e-3", (600, 800), (1024, 1792)),
        ("gpt-image-1", (1000, 900), (1024, 1024)),
        ("gpt-image-1", (1200, 800), (1536, 1024)),
        ("gpt-image-2", (1000, 700), (1008, 704)),
        ("gpt-image-2", (100, 100), (816, 816)),
        ("gpt-image-2", (9000, 3000), (3840, 1280)),
        ("illustrator", (1000, 700), (1000, 700)),
    ],
)
def test_auto_follows_the_first_picture(model: str, picture: tuple[int, int], size: tuple[int, int]) -> None:
    given = replace(CLEAR, width=picture[0], height=picture[1])
    spec = spec_of(model, images=(given, PNG) if model != "dall-e-2" else (given,), prompt="")

    assert (spec.width, spec.height) == size


@pytest.mark.parametrize("name", [name for name, one in PROFILES.items() if isinstance(one.sizes, FreeSizes)])
def test_a_size_like_any_picture_s_is_within_the_bounds(name: str) -> None:
    profile, rng = PROFILES[name], random.Random(2026)
    assert isinstance(profile.sizes, FreeSizes)
    for _ in range(20_000):
        width, height = (round(8 * 2 ** (rng.random() * 11)) for _ in range(2))
        size = pictures.size_like(width, height, profile=profile)
        assert rules.fault_of_size(*size, sizes=profile.sizes) is None, (width, height, size)


# lenient -----------------------------------------------------------------------------------------------------------------


def test_a_lenient_request_goes_without_what_cannot_be_and_says_so() -> None:
    spec = spec_of(
        "gpt-image-2",
        lenient=True,
        images=(),
        quality="hd",
        style="vivid",
        size="1x1",
        output_compression=50,
        extras={"cfg": 7, "steps": 0},
    )

    assert (spec.quality_word, spec.width, spec.extras) == ("auto", 1024, {})
    assert sorted(note.split(" was left out: ")[0] for note in spec.notes) == [
        "cfg",
        "output_compression",
        "quality",
        "size",
        "steps",
        "style",
    ]
    assert "style was left out: the model 'gpt-image-2' has no parameter 'style'" in spec.notes


@pytest.mark.parametrize(
    "fields", [{"prompt": " "}, {"prompt": "x" * 40_000}, {"n": 11}, {"mask": PNG}, {"images": (CLEAR,) * 17}]
)
def test_what_a_request_is_about_is_never_left_out(fields: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        spec_of("gpt-image-1", lenient=True, **fields)


def test_nano_banana_is_lenient_by_itself() -> None:
    spec = spec_of("nano-banana", images=(), quality="high", size="640x480", style="vivid")

    assert (spec.width, spec.height) == (1024, 1024)
    assert len(spec.notes) == 3


def test_an_engine_that_cannot_write_it_writes_png_where_it_may() -> None:
    ask = Ask(prompt="x", model="illustrator", output_format="webp")
    spec = rules.spec_for(ask, model=MODELS["illustrator"], formats={OutputFormat.PNG}, lenient=True)

    assert spec.output_format is OutputFormat.PNG
    assert "writes png, not webp" in spec.notes[0]


def test_what_was_done_to_a_picture_is_told() -> None:
    assert spec_of("gpt-image-1", images=(replace(PNG, notes=("it was turned",)),)).notes == ("it was turned",)


# gif and svg -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "size"), [(None, (960, 960)), (2, (960, 960)), (9, (960, 960)), (12, (816, 816)), (16, (720, 720))]
)
def test_a_gif_is_as_large_as_its_frames_may_be(frames: int | None, size: tuple[int, int]) -> None:
    spec = spec_of("gpt-image-2.6-flare", images=(), output_format="gif", frame_count=frames)

    assert ((spec.width, spec.height), spec.frames, spec.frame_milliseconds) == (size, frames or 9, 200)


def test_durations_are_whole_hundredths_of_a_second() -> None:
    spec = spec_of("gpt-image-2.6-flare", images=(), output_format="gif", frame_duration_ms=144)

    assert spec.frame_milliseconds == 140


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"frame_count": 9}, "frame_count"),
        ({"output_format": "gif", "frame_count": 1}, "frame_count"),
        ({"output_format": "gif", "frame_count": 17}, "frame_count"),
        ({"output_format": "gif", "frame_duration_ms": 655_351}, "frame_duration_ms"),
        ({"output_format": "gif", "size": "1024x1024"}, "size"),
        ({"output_format": "gif", "partial_images": 1}, "partial_images"),
        ({"output_format": "gif", "output_compression": 50}, "output_compression"),
        ({"output_format": "svg", "n": 2}, "output_format"),
        ({"output_format": "svg", "partial_images": 1}, "partial_images"),
        ({"output_format": "svg", "svg": {}}, "svg"),
        ({"output_format": "svg", "svg": {"model": "gpt-5", "reasoning": {"effort": "hardest"}}}, "svg"),
        ({"output_format": "svg", "svg": {"model": "gpt-5", "reasoning": {"effort": []}}}, "svg"),
        ({"output_format": "svg", "svg": {"model": "gpt-5", "colour": "red"}}, "svg"),
        ({"svg": {"model": "gpt-5"}}, "svg"),
        ({"complexity": "some"}, "complexity"),
    ],
)
def test_what_gif_and_svg_do_not_go_with(fields: dict[str, Any], param: str) -> None:
    assert refused("gpt-image-2.6-flare", images=(), **fields)[0] == param


def test_an_svg_is_thought_about() -> None:
    svg = {"model": "gpt-5", "reasoning": {"effort": "high"}}

    assert spec_of("gpt-image-2.6-flare", images=(), output_format="svg", svg=svg, complexity="high").svg == svg


def test_acts() -> None:
    assert [Ask(prompt=p, model="m", images=i).act for p, i in (("x", ()), ("x", (PNG,)), ("", (PNG,)))] == [
        Act.GENERATION,
        Act.EDIT,
        Act.VARIATION,
    ]


def test_an_ask_comes_back_from_what_is_kept() -> None:
    ask = Ask(prompt="x", model="m", images=(PNG, CLEAR), mask=CLEAR, n=2, extras={"steps": 4}, seed=1)

    assert Ask.of(ask.given()) == ask
    assert ask.identity() == replace(ask, images=(replace(PNG, file_id=UUID(int=9)), CLEAR)).identity()
    assert ask.identity() != replace(ask, images=(replace(PNG, sha256="11"), CLEAR)).identity()
