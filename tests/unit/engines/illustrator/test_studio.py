import io
import itertools
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style
from limner.engines.illustrator.backdrops.catalogue import BACKDROPS
from limner.engines.illustrator.studio import Studio

MakesSpec = Callable[..., Spec]

SVG = "{http://www.w3.org/2000/svg}"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_the_same_seed_gives_the_same_bytes_in_another_studio(studio: Studio, a_spec: MakesSpec) -> None:
    first = studio.paint(a_spec("two red foxes and a house at night"), index=0, seed=11)
    second = Studio().paint(a_spec("two red foxes and a house at night"), index=0, seed=11)

    assert first == second


def test_another_seed_gives_another_picture(studio: Studio, a_spec: MakesSpec) -> None:
    pictures = {studio.paint(a_spec(), index=0, seed=seed).data for seed in range(4)}

    assert len(pictures) == 4


@pytest.mark.parametrize(("width", "height"), [(256, 256), (1024, 256), (256, 1024), (300, 517)])
def test_every_size_is_its_own_composition(studio: Studio, a_spec: MakesSpec, width: int, height: int) -> None:
    picture = studio.paint(a_spec("a giraffe and a tree", width=width, height=height), index=0, seed=3)

    assert opened(picture.data).size == (width, height)


@pytest.mark.parametrize("output_format", [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP])
def test_it_writes_the_format_that_was_asked_for(
    studio: Studio, a_spec: MakesSpec, output_format: OutputFormat
) -> None:
    picture = studio.paint(a_spec(output_format=output_format), index=0, seed=3)

    assert opened(picture.data).format == output_format.value.upper()


def test_a_transparent_picture_is_the_subjects_alone(studio: Studio, a_spec: MakesSpec) -> None:
    picture = studio.paint(a_spec("a red apple", background=Background.TRANSPARENT), index=0, seed=3)

    alpha = np.asarray(opened(picture.data).getchannel("A"))
    assert alpha[0].max() == alpha[-1].max() == alpha[:, 0].max() == alpha[:, -1].max() == 0
    assert alpha[128, 128] == 255
    assert "transparent" in picture.revised_prompt


def test_quality_and_style_are_to_be_seen(studio: Studio, a_spec: MakesSpec) -> None:
    looks = itertools.product(Quality, Style)
    pictures = [studio.paint(a_spec(quality=quality, style=style), index=0, seed=3).data for quality, style in looks]
    pixels = [np.asarray(opened(data), dtype=int) for data in pictures]

    assert all(abs(one - other).mean() > 1 for one, other in itertools.combinations(pixels, 2))


def test_svg_is_whole_valid_and_points_nowhere(studio: Studio, a_spec: MakesSpec) -> None:
    prompt = '<script>alert(1)</script> & "a cat" \x00 ]]> a dog'
    picture = studio.paint(a_spec(prompt, output_format=OutputFormat.SVG), index=0, seed=3)

    tree = ET.fromstring(picture.data)
    ids = {element.get("id") for element in tree.iter() if element.get("id")}
    links = [value for element in tree.iter() for name, value in element.attrib.items() if name.endswith("href")]
    assert tree.tag == f"{SVG}svg"
    assert {link.removeprefix("#") for link in links} <= ids
    assert b"script" not in picture.data
    assert len(ids) == picture.data.count(b' id="')


@pytest.mark.parametrize("place", sorted(BACKDROPS))
@pytest.mark.parametrize("light", ["by day in fog", "at night in the rain"])
def test_every_place_can_be_painted_in_any_light(studio: Studio, a_spec: MakesSpec, place: str, light: str) -> None:
    said = {"studio": "a heart", "moon": "on the moon"}.get(place, place)

    picture = studio.paint(a_spec(f"a cat and a bee, {said}, {light}"), index=0, seed=5)

    assert np.asarray(opened(picture.data)).std() > 5


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " \n\t",
        "\x00\x01\x1b[31m",
        "qwertz uiop",
        "شجرة في الغابة",
        "a " * 16_000,
        "cat " * 8_000,
        "猫" * 32_000,
        "😀🦦🌊" * 8_000,
        "red blue green " * 2_000 + "car",
        "x" * 32_000,
        "no no no without cats",
        "\ud800 cat",
    ],
)
def test_no_prompt_fails_or_takes_long(studio: Studio, a_spec: MakesSpec, prompt: str) -> None:
    began = time.monotonic()
    picture = studio.paint(a_spec(prompt, output_format=OutputFormat.SVG), index=0, seed=5)

    assert time.monotonic() - began < 2
    assert len(picture.data) < 1_500_000
    assert 20 < len(picture.revised_prompt) < 1_000


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("three blue cats in the snow at night", ["three blue cats", "snowy landscape", "at night"]),
        ("a mouse and two geese", ["a mouse", "two geese"]),
        ("a cat with bokeh", ["a cat", "Not drawn: “bokeh”"]),
        ("三只蓝色的猫在海边", ["三只蓝色的猫", "沙滩"]),
        ("a rainbow over a meadow", ["a rainbow in the sky"]),
        ("a cat in a room in the rain", ["Not drawn: “in the rain”"]),
    ],
)
def test_the_revised_prompt_says_what_was_drawn(
    studio: Studio, a_spec: MakesSpec, prompt: str, said: list[str]
) -> None:
    picture = studio.paint(a_spec(prompt, output_format=OutputFormat.SVG), index=0, seed=5)

    assert all(part in picture.revised_prompt for part in said), picture.revised_prompt
