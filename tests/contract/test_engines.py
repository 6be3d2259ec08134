"""What every engine keeps to. Drop a plug into the folder and it is played here."""

from __future__ import annotations

import asyncio
import io
import pickle
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from limner import engines
from limner.domain.spec import Background, OutputFormat, Partial, Picture, Quality, Source, Spec, Style
from limner.engines import Engine, EngineCannot, SourceType
from support.tiny import build, skip_without_diffusers
from support.upstream import upstream

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


Options = Mapping[str, object]


@asynccontextmanager
async def without_options(folder: Path) -> AsyncIterator[Options]:  # noqa: ARG001 - others need it
    yield {}


@asynccontextmanager
async def of_a_relay(folder: Path) -> AsyncIterator[Options]:  # noqa: ARG001 - others need it
    """One upstream, which has a word for everything that the contract asks for."""
    async with upstream() as there:
        yield {"upstreams": {"main": {"address": there.address, "dialect": "sglang"}}}


@asynccontextmanager
async def of_a_model_on_disk(folder: Path) -> AsyncIterator[Options]:
    """A tiny one, one picture at a time: in a batch, torch rounds otherwise, and a picture differs by a shade."""
    skip_without_diffusers()
    yield {"model": str(build("klein", folder / "model")), "device": "cpu", "threads": 1, "batch": 1}


# A plug with `needs_options` says here which it can be tried with.
OPTIONS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Options]]] = {
    "openai_relay": of_a_relay,
    "diffusers_local": of_a_model_on_disk,
}


@pytest.fixture(scope="module", params=engines.discover())
def name(request: pytest.FixtureRequest) -> str:
    """Each engine's in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
async def options(name: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Options]:
    """What it is made from."""
    async with OPTIONS.get(name, without_options)(tmp_path_factory.mktemp(name)) as options:
        yield options


@pytest.fixture(scope="module")
async def engine(name: str, options: Options) -> AsyncIterator[Engine]:
    """The engine itself, open."""
    engine = engines.load(name)(options)
    await engine.open()
    yield engine
    await engine.close()


def changed(**values: object) -> Spec:
    return Spec(**{name: values.get(name, getattr(SPEC, name)) for name in Spec.__slots__})  # type: ignore[arg-type]


async def has_transparency(engine: Engine) -> bool:
    """Whether it paints on nothing; one that does not, says so."""
    with suppress(EngineCannot):
        await painted(engine, changed(background=Background.TRANSPARENT))
        return True
    return False


async def painted(engine: Engine, spec: Spec) -> list[Picture]:
    async with aclosing(engine.paint(spec)) as shown:
        pictures = [one async for one in shown if isinstance(one, Picture)]
    return sorted(pictures, key=lambda picture: picture.index)


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


def given(colour: str = "#7cc4f5", *, size: tuple[int, int] = (320, 240), kind: str = "PNG") -> Source:
    file = io.BytesIO()
    image = Image.new("RGB", size, colour)
    image.paste("#3fae49", (0, size[1] // 2, *size))
    image.save(file, kind)
    return Source(data=file.getvalue(), media_type=f"image/{kind.lower()}")


def mask(*, size: tuple[int, int] = (320, 240)) -> Source:
    file = io.BytesIO()
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    image.save(file, "PNG")
    return Source(data=file.getvalue(), media_type="image/png")


@pytest.mark.parametrize("more", [{}, {"mask": mask()}, {"is_variation": True}, {"output_format": OutputFormat.GIF}])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_what_an_engine_starts_from_pictures_with_is_painted(
    engine: Engine, more: Mapping[str, object], kind: str
) -> None:
    wanted = changed(**{"images": (given(kind=kind),), "frames": 2, **more})
    if not engine.images_max or wanted.output_format not in engine.output_formats:
        return  # the catalogue refuses it before it comes here

    with suppress(EngineCannot):  # a model that has no masks, or no variations, says so
        (picture,) = await painted(engine, wanted)

        image = Image.open(io.BytesIO(picture.data))
        image.load()
        assert image.size == (picture.width, picture.height) == (256, 256)


async def test_an_engine_starts_from_as_many_pictures_as_it_says(engine: Engine) -> None:
    if not engine.images_max:
        return

    (picture,) = await painted(engine, changed(images=(given(),) * engine.images_max))

    assert Image.open(io.BytesIO(picture.data)).size == (256, 256)


async def test_unfinished_pictures_come_before_the_finished_one_and_are_numbered(engine: Engine) -> None:
    seen: dict[int, list[int]] = {0: [], 1: []}
    done: list[int] = []
    async with aclosing(engine.paint(changed(n=2, partials=3))) as shown:
        async for one in shown:
            if isinstance(one, Partial):
                assert one.index not in done
                seen[one.index].append(one.number)
                Image.open(io.BytesIO(one.data)).load()
            elif isinstance(one, Picture):
                done.append(one.index)

    assert sorted(done) == [0, 1]
    assert all(numbers == list(range(len(numbers))) and len(numbers) <= 3 for numbers in seen.values())


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
    async with aclosing(engine.paint(changed(n=5))) as shown:
        first = await anext(one async for one in shown if isinstance(one, Picture))

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
    wanted = changed(quality=quality, style=style, background=background)
    if background is Background.TRANSPARENT and not await has_transparency(engine):
        return  # it has said so; an opaque one would be something else than was asked for
    (picture,) = await painted(engine, wanted)

    assert Image.open(io.BytesIO(picture.data)).size == (256, 256)


async def test_pictures_cross_process_borders(engine: Engine) -> None:
    (picture,) = await painted(engine, SPEC)

    assert pickle.loads(pickle.dumps(picture)) == picture


async def test_one_that_is_closed_early_lets_go_at_once(engine: Engine) -> None:
    shown = engine.paint(changed(n=5))
    await anext(shown)

    async with asyncio.timeout(20):  # of a whole picture, on a machine with much else to do
        await shown.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(shown)


async def test_several_may_ask_at_once(engine: Engine) -> None:
    answers = await asyncio.gather(*(painted(engine, changed(n=2, seed=seed)) for seed in (10, 20, 30)))

    for seed, pictures in zip((10, 20, 30), answers, strict=True):
        assert [(picture.index, picture.seed) for picture in pictures] == [(0, seed), (1, seed + 1)]


async def test_what_an_engine_takes_and_how_it_is_can_be_asked_before_it_is_opened(name: str, options: Options) -> None:
    engine = engines.load(name)(options)

    assert OutputFormat.PNG in engine.output_formats
    assert engine.images_max >= 0
    assert isinstance(engine.source_type, SourceType)
    assert all(isinstance(extra, str) for extra in engine.extras("dall-e-3"))
    assert not [part for part in engine.health() if part.state != "unknown"]


async def test_its_parts_are_well_once_it_has_painted(engine: Engine) -> None:
    await painted(engine, SPEC)

    parts = engine.health()
    assert len({part.part for part in parts}) == len(parts)
    assert {part.state for part in parts} <= {"well"}
    assert all(part.tried > part.failed == 0 for part in parts)


def test_options_that_an_engine_does_not_have_are_refused(name: str, options: Options) -> None:
    for wrong in ("brown", 7):
        with pytest.raises(ValueError, match="colour"):
            engines.load(name)({**options, "colour": wrong})


def test_an_engine_that_is_nothing_by_itself_says_what_it_needs(name: str) -> None:
    if not engines.load(name).needs_options:
        return
    with pytest.raises(ValueError, match=r"needs|must|is ") as caught:
        engines.load(name)({})
    assert " " in str(caught.value)


async def test_an_engine_that_was_opened_can_be_closed_unused(name: str, options: Options) -> None:
    engine = engines.load(name)(options)

    await engine.open()
    await engine.close()
