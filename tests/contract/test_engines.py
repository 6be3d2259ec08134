"""What every engine keeps to. Drop a plug into the folder and it is played here."""

from __future__ import annotations

import io
import pickle
from collections.abc import AsyncIterator
from contextlib import aclosing
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from limner import engines
from limner.domain.spec import Background, OutputFormat, Picture, Quality, Spec, Style
from limner.engines import Engine

SPEC = Spec(
    prompt="A cute baby sea otter",
    n=1,
    width=256,
    height=256,
    quality=Quality.STANDARD,
    style=Style.VIVID,
    background=Background.OPAQUE,
    output_format=OutputFormat.PNG,
    output_compression=100,
    seed=7,
)


@pytest.fixture(scope="module", params=engines.discover())
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """Each engine in turn, open."""
    engine = engines.load(request.param)({})
    await engine.open()
    yield engine
    await engine.close()


def changed(**values: object) -> Spec:
    return Spec(**{name: values.get(name, getattr(SPEC, name)) for name in Spec.__slots__})  # type: ignore[arg-type]


async def painted(engine: Engine, spec: Spec) -> list[Picture]:
    async with aclosing(engine.paint(spec)) as pictures:
        return sorted([picture async for picture in pictures], key=lambda picture: picture.index)


def test_there_is_an_engine_to_test_with() -> None:
    assert "fake" in engines.discover()


async def test_an_engine_says_what_it_writes(engine: Engine) -> None:
    assert engine.output_formats
    assert engine.output_formats <= set(OutputFormat)
    assert OutputFormat.PNG in engine.output_formats


@pytest.mark.parametrize("n", [1, 3])
async def test_n_pictures_each_index_once(engine: Engine, n: int) -> None:
    pictures = await painted(engine, changed(n=n))

    assert [picture.index for picture in pictures] == list(range(n))


@pytest.mark.parametrize("size", [(256, 256), (1792, 1024), (1024, 1792), (64, 512), (101, 333)])
async def test_pictures_have_the_size_asked_for(engine: Engine, size: tuple[int, int]) -> None:
    (picture,) = await painted(engine, changed(width=size[0], height=size[1]))

    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert image.size == (picture.width, picture.height) == size


@pytest.mark.parametrize("output_format", list(OutputFormat))
async def test_pictures_are_files_of_the_format_asked_for(engine: Engine, output_format: OutputFormat) -> None:
    if output_format not in engine.output_formats:
        return  # the catalogue refuses it before it comes here

    (picture,) = await painted(engine, changed(output_format=output_format))

    assert picture.output_format is output_format
    if output_format is OutputFormat.SVG:
        root = ET.fromstring(picture.data)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<script" not in picture.data
    else:
        image = Image.open(io.BytesIO(picture.data))
        image.load()
        assert image.format == output_format.name


async def test_the_same_seed_gives_the_same_bytes(engine: Engine) -> None:
    first, again = await painted(engine, changed(n=2)), await painted(engine, changed(n=2))

    assert [picture.data for picture in first] == [picture.data for picture in again]


async def test_any_one_of_several_can_be_asked_for_again(engine: Engine) -> None:
    _, second = await painted(engine, changed(n=2, seed=7))

    (again,) = await painted(engine, changed(seed=8))

    assert second.seed == again.seed == 8
    assert second.data == again.data


async def test_without_a_seed_pictures_differ_and_say_their_seed(engine: Engine) -> None:
    pictures = await painted(engine, changed(n=2, seed=None)) + await painted(engine, changed(seed=None))

    assert len({picture.seed for picture in pictures}) == 3
    assert len({picture.data for picture in pictures}) == 3
    assert all(0 <= picture.seed < 2**63 for picture in pictures)
    (again,) = await painted(engine, changed(seed=pictures[0].seed))
    assert again.data == pictures[0].data


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
async def test_the_smallest_and_the_largest_seed(engine: Engine, seed: int) -> None:
    (picture,) = await painted(engine, changed(seed=seed))

    assert picture.seed == seed


async def test_closing_early_cancels_the_rest(engine: Engine) -> None:
    pictures = engine.paint(changed(n=5))
    first = await anext(pictures)
    await pictures.aclose()

    assert 0 <= first.index < 5
    assert len(await painted(engine, SPEC)) == 1  # and it goes on working


async def test_a_generator_that_nobody_starts_does_no_harm(engine: Engine) -> None:
    await engine.paint(SPEC).aclose()

    assert len(await painted(engine, SPEC)) == 1


@pytest.mark.parametrize(
    "prompt",
    ["an otter", "水獭", "\N{OTTER}", "x" * 4000, "'\"<svg>&amp;{}%s", "\u202e\u0301\u200d", "7", "?!"],
)
async def test_no_prompt_fails(engine: Engine, prompt: str) -> None:
    (picture,) = await painted(engine, changed(prompt=prompt))

    assert picture.data
    assert picture.revised_prompt.strip()


@pytest.mark.parametrize("quality", list(Quality))
@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("background", list(Background))
async def test_every_choice_is_painted(engine: Engine, quality: Quality, style: Style, background: Background) -> None:
    (picture,) = await painted(engine, changed(quality=quality, style=style, background=background))

    assert Image.open(io.BytesIO(picture.data)).size == (256, 256)


async def test_pictures_cross_process_borders(engine: Engine) -> None:
    (picture,) = await painted(engine, SPEC)

    assert pickle.loads(pickle.dumps(picture)) == picture


@pytest.mark.parametrize("name", engines.discover())
def test_options_that_an_engine_does_not_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="colour"):
        engines.load(name)({"colour": "brown"})
    with pytest.raises(ValueError, match="colour"):
        engines.load(name)({"colour": 7})


@pytest.mark.parametrize("name", engines.discover())
async def test_an_engine_that_was_opened_can_be_closed_unused(name: str) -> None:
    engine = engines.load(name)({})

    await engine.open()
    await engine.close()
