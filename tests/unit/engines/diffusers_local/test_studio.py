from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from limner.domain.spec import OutputFormat, Spec
from limner.engines.diffusers_local.recipes import Recipe, model_in, recipe_for
from limner.engines.diffusers_local.work import (
    Broke,
    Cancelled,
    Cannot,
    DeviceLost,
    Done,
    Job,
    Lora,
    OutOfMemory,
    Setup,
    job_of,
)
from support import tiny
from support.tiny_scenes import mask, painted, pixels_in, source, spec

if TYPE_CHECKING:
    from limner.engines.diffusers_local.studio import Studio

# What the libraries warn of is theirs.
tiny.skip_without_diffusers()
pytestmark = pytest.mark.filterwarnings("ignore")

EVERY = list(tiny.KINDS)
EDITING = [kind for kind in EVERY if kind != "ernie"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("tiny")
    return lambda kind: tiny.build(kind, root / kind)


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("loras")
    return functools.cache(lambda kind: tiny.build_lora(kind, root / kind))


def recipe_of(folder: Path) -> Recipe:
    """The family's, with two steps and any size."""
    return recipe_for(model_in(folder, name=folder.name)).overridden({"steps": 2, "pixels": [64, 4_194_304]})


def opened(folder: Path, **changes: Any) -> Studio:
    from limner.engines.diffusers_local.studio import Studio

    studio = Studio(Setup(**{"model": str(folder), "recipe": recipe_of(folder), "threads": 1, **changes}))
    studio.open()
    return studio


@pytest.fixture(scope="module")
def studios(folders: Callable[[str], Path]) -> Iterator[Callable[[str], Studio]]:
    """One open studio for each kind."""
    made: dict[str, Studio] = {}

    def studio(kind: str) -> Studio:
        if kind not in made:
            made[kind] = opened(folders(kind))
        return made[kind]

    yield studio
    for one in made.values():
        one.close()


def job(studio: Studio, given: Spec | None = None, **more: Any) -> Job:
    return job_of(given or spec(), studio.setup.recipe, **more)


# from words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_picture_from_words(studios: Callable[[str], Studio], kind: str) -> None:
    told = painted(studios(kind), job(studios(kind)))
    (done,) = told.done()
    assert pixels_in(done.data).shape == (64, 64, 3)
    assert pixels_in(done.data).std() > 1
    assert (done.seed, done.notes) == (5, ())
    assert [(step.number, step.of) for step in told.steps()] == [(1, 2), (2, 2)]


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_seed_gives_the_same_bytes_and_the_next_picture_the_next_seed(
    studios: Callable[[str], Studio], kind: str
) -> None:
    studio = studios(kind)
    two = painted(studio, job(studio, spec(n=2))).done()
    again = painted(studio, job(studio, spec(seed=6))).done()
    assert [one.seed for one in two] == [5, 6]
    assert two[1].data == again[0].data != two[0].data


def test_words_change_the_picture(studios: Callable[[str], Studio]) -> None:
    studio = studios("klein")
    otter, fox = (painted(studio, job(studio, spec(prompt=words))).done()[0].data for words in ("水獺", "a fox"))
    assert otter != fox


@pytest.mark.parametrize(
    ("output_format", "begins"),
    [(OutputFormat.PNG, b"\x89PNG"), (OutputFormat.JPEG, b"\xff\xd8\xff"), (OutputFormat.WEBP, b"RIFF")],
)
def test_the_file_is_of_the_format_asked_for(
    studios: Callable[[str], Studio], output_format: OutputFormat, begins: bytes
) -> None:
    studio = studios("sd15")
    (done,) = painted(studio, job(studio, spec(output_format=output_format, output_compression=50))).done()
    assert done.data.startswith(begins)
    assert pixels_in(done.data).shape == (64, 64, 3)


def test_a_size_that_the_model_does_not_make_is_cut_or_scaled(studios: Callable[[str], Studio]) -> None:
    studio = studios("klein")
    cut = job(studio, spec(width=60, height=90))
    assert (cut.width, cut.height) == (64, 96)
    whole = replace(cut, final_width=64, final_height=96)
    small, large = (pixels_in(painted(studio, one).done()[0].data) for one in (cut, whole))
    assert small.shape == (90, 60, 3)
    assert np.array_equal(small, large[3:93, 2:62])
    scaled = replace(whole, final_width=200, final_height=300)
    assert pixels_in(painted(studio, scaled).done()[0].data).shape == (300, 200, 3)


@pytest.mark.parametrize("kind", ["sd15", "sdxl", "z-image", "qwen-image"])
def test_guidance_and_what_is_not_wanted_go_in(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    asked = [
        spec(),
        spec(extras={"guidance_scale": 2.0}),
        spec(extras={"negative_prompt": "fog"}),
        spec(extras={"steps": 3}),
    ]
    assert len({painted(studio, job(studio, one)).done()[0].data for one in asked}) == len(asked)


def test_it_paints_the_very_same_as_the_bare_library(
    studios: Callable[[str], Studio], folders: Callable[[str], Path]
) -> None:
    import torch
    from diffusers import DiffusionPipeline

    studio = studios("sdxl")
    (done,) = painted(studio, job(studio)).done()
    bare = DiffusionPipeline.from_pretrained(str(folders("sdxl")), local_files_only=True)
    (picture,) = bare(
        prompt=spec().prompt,
        width=64,
        height=64,
        num_inference_steps=2,
        guidance_scale=6.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images
    assert np.array_equal(pixels_in(done.data), np.asarray(picture))


# together ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_batch_is_what_each_would_be_alone_but_for_the_last_bit(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    first, second = (
        job(studio, spec(seed=None, prompt=words, n=n), pictures_at_once=4)
        for words, n in (("a fox", 1), ("an owl in the old oak tree", 2))
    )
    assert first.key == second.key is not None
    told = painted(studio, [first, second])
    assert [len(told.done(number)) for number in (0, 1)] == [1, 2]
    assert [(step.number, step.of) for step in told.steps(1)] == [(1, 2), (2, 2)]
    for number, one in enumerate((first, second)):
        alone = painted(studio, replace(one, is_exact=True)).done()
        for done, other in zip(told.done(number), alone, strict=True):
            assert done.seed == other.seed
            assert "last bits" in done.notes[0]
            difference = np.abs(pixels_in(done.data).astype(int) - pixels_in(other.data))
            assert difference.max() <= 1, difference.max()


def test_more_pictures_than_go_together_are_painted_in_turns(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    told = painted(studio, job(studio, spec(seed=None, n=3), pictures_at_once=2))
    assert [one.index for one in told.done()] == [0, 1, 2]
    assert [(step.number, step.of) for step in told.steps()] == [(1, 4), (2, 4), (3, 4), (4, 4)]


# from pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EDITING)
def test_a_picture_from_a_picture(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    told = [
        painted(studio, job(studio, spec(images=(source(colour=colour),), extras={"steps": 4})))
        for colour in ((200, 40, 40), (40, 40, 200))
    ]
    steps = told[0].steps()
    assert steps[-1].number == steps[-1].of == len(steps)
    red, blue = (one.done()[0].data for one in told)
    assert pixels_in(red).shape == (64, 64, 3)
    assert red != blue != painted(studio, job(studio)).done()[0].data


@pytest.mark.parametrize("kind", ["klein", "modular"])
def test_a_picture_from_several(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    one, both = (
        painted(studio, job(studio, spec(images=images))).done()[0].data
        for images in ((source(),), (source(), source(width=96, colour=(10, 200, 10))))
    )
    assert one != both


def test_strength_says_how_much_is_painted_over(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    little, much = (
        job(studio, spec(images=(source(),), extras={"strength": strength, "steps": 4})) for strength in (0.25, 1.0)
    )
    few, many = painted(studio, little), painted(studio, much)
    assert [len(told.steps()) for told in (few, many)] == [1, 4]
    assert few.done()[0].data != many.done()[0].data


@pytest.mark.parametrize("kind", ["sd15", "sdxl", "klein", "z-image", "qwen-image"])
def test_only_what_the_mask_shows_is_painted_anew(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    given = spec(images=(source(),), mask=mask())
    before = pixels_in(source().data)
    after = pixels_in(painted(studio, job(studio, given)).done()[0].data)
    assert np.array_equal(after[:, :32], before[:, :32])
    assert not np.array_equal(after[:, 34:], before[:, 34:])


def test_what_the_mask_keeps_stays_in_its_place_at_odd_sizes(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    given = spec(width=61, height=77, images=(source(width=61, height=77),), mask=mask(width=61, height=77))
    after = pixels_in(painted(studio, job(studio, given)).done()[0].data)
    assert np.array_equal(after[:, :30], pixels_in(given.images[0].data)[:, :30])


def test_wrong_pictures_are_refused_by_their_field(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    whole = spec(images=(source(),), mask=mask())
    wrong = [
        (replace(whole, images=(replace(source(), data=b"no picture"),)), "image"),
        (replace(whole, mask=mask(width=32)), "mask"),
        (replace(whole, mask=source()), "mask"),
        (replace(whole, mask=replace(mask(), data=b"\x89PNG")), "mask"),
    ]
    for given, param in wrong:
        with pytest.raises(Cannot) as caught:
            painted(studio, job(studio, given))
        assert caught.value.param == param
    assert painted(studio, job(studio)).done()


def test_blocks_take_no_mask(studios: Callable[[str], Studio]) -> None:
    studio = studios("modular")
    with pytest.raises(Cannot) as caught:
        painted(studio, job(studio, spec(images=(source(),), mask=mask())))
    assert caught.value.param == "mask"


# watching ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_cancelled_picture_ends_within_a_step_and_the_next_is_as_if_nothing_had_been(
    studios: Callable[[str], Studio], kind: str
) -> None:
    studio = studios(kind)
    long = job(studio, spec(extras={"steps": 50}))
    asked = 0

    def cancelled(number: int) -> bool:
        nonlocal asked
        assert number == 0
        asked += 1
        return asked > 3

    plain = painted(studio, job(studio)).done()[0].data
    seen: list[object] = []
    with pytest.raises(Cancelled):
        studio.paint([long], cancelled=cancelled, tell=lambda _, told: seen.append(told))
    assert len(seen) <= 3
    assert not any(isinstance(one, Done) for one in seen)
    assert painted(studio, job(studio)).done()[0].data == plain


def test_who_leaves_a_batch_is_told_no_more_and_the_others_get_theirs(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    jobs = [job(studio, spec(seed=None), pictures_at_once=2) for _ in range(2)]
    told = painted(studio, jobs, cancelled=lambda number: number == 0)
    assert told.of.get(0) is None
    assert len(told.done(1)) == 1


def test_a_picture_that_nobody_watches_tells_nothing_on_the_way(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")
    told = painted(studio, job(studio, is_watched=False))
    assert told.steps() == []
    assert told.done()


@pytest.mark.parametrize("kind", EVERY)
def test_unfinished_pictures_come_on_the_way(studios: Callable[[str], Studio], kind: str) -> None:
    studio = studios(kind)
    told = painted(studio, job(studio, spec(n=2, partials=2, extras={"steps": 6})))
    assert [(one.index, one.number) for one in told.unfinished()] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(pixels_in(one.data).shape == (64, 64, 3) for one in told.unfinished())
    order = [type(one).__name__ for one in told.of[0]]
    assert order.index("Unfinished") < order.index("Done")
    # And looking on changes nothing.
    assert told.done()[0].data == painted(studio, job(studio, spec(extras={"steps": 6}))).done()[0].data


@pytest.mark.parametrize("kind", EVERY)
def test_what_a_step_is_heading_for_is_in_the_end_the_picture(studios: Callable[[str], Studio], kind: str) -> None:
    from limner.engines.diffusers_local import previews
    from limner.engines.diffusers_local import studio as studio_module

    studio = studios(kind)
    pipe = studio.loaded.pipe
    last: list[Any] = []
    original = pipe.scheduler.step

    @functools.wraps(original)
    def step(output: Any, timestep: Any, sample: Any, *rest: Any, **named: Any) -> Any:
        last[:] = [previews.heading_of(pipe.scheduler, output, timestep, sample)]
        return original(output, timestep, sample, *rest, **named)

    pipe.scheduler.step = step
    try:
        (done,) = painted(studio, job(studio, spec(extras={"steps": 4}))).done()
    finally:
        del pipe.scheduler.step
    (seen,) = studio_module.pixels_of(previews.seen(pipe, last[0], width=64, height=64, decoder=None))
    difference = np.abs(seen.astype(int) - pixels_in(done.data))
    # DDIM ends a hair before the clean picture.
    assert difference.mean() <= (3 if kind == "sd15" else 0.05)


def test_unfinished_pictures_are_shown_evenly_and_never_the_last() -> None:
    from limner.engines.diffusers_local.previews import wanted_at

    assert wanted_at(steps=40, partials=3) == {10, 20, 30}
    assert wanted_at(steps=4, partials=3) == {1, 2, 3}
    assert wanted_at(steps=4, partials=1) == {2}
    assert wanted_at(steps=2, partials=3) == {1}
    assert wanted_at(steps=1, partials=3) == frozenset()
    assert wanted_at(steps=9, partials=0) == frozenset()


# loras -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sd15", "klein"])
def test_a_lora_takes_part_only_where_it_is_named(
    studios: Callable[[str], Studio], folders: Callable[[str], Path], lora: Callable[[str], Path], kind: str
) -> None:
    plain = painted(studios(kind), job(studios(kind))).done()[0].data
    studio = opened(folders(kind), loras={"ink.v2": Lora(where=str(lora(kind)))})
    known = {"ink.v2": 1.0}

    def data(wish: object) -> bytes:
        return painted(studio, job(studio, spec(extras={"lora": wish} if wish else {}), loras=known)).done()[0].data

    assert data(None) == plain
    ink = data("ink.v2")
    assert ink != plain
    assert data({"name": "ink.v2", "scale": 0.2}) not in {ink, plain}
    assert data(None) == plain
    assert data("ink.v2") == ink


def test_a_lora_that_cannot_be_loaded_says_which(folders: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(Cannot, match=r"loras\.ink"):
        opened(folders("sd15"), loras={"ink": Lora(where=str(tmp_path / "a.safetensors"))})
    with pytest.raises(Cannot, match=r"loras\.ink"):
        opened(folders("sd15"), loras={"ink": Lora(where="nobody/nothing")})


# trouble -----------------------------------------------------------------------------------------------------------------


class Failing:
    """A part of the pipeline that raises as long as `when` says so, with what it was asked for."""

    def __init__(self, part: Any, error: Callable[[], BaseException], when: Callable[[Any], bool]) -> None:
        self.calls = 0
        self._part, self._error, self._when = part, error, when
        self._hook = part.register_forward_pre_hook(self._before)

    def _before(self, _: Any, given: tuple[Any, ...]) -> None:
        self.calls += 1
        if self._when(given[0] if given else None):
            raise self._error()

    def mend(self) -> None:
        self._hook.remove()


def out_of_memory() -> BaseException:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def test_a_batch_that_memory_does_not_hold_is_halved(studios: Callable[[str], Studio]) -> None:
    studio = studios("z-image")
    pipe = studio.loaded.pipe
    # Its network is asked for two of each: with the prompt and without.
    failing = Failing(pipe.transformer, out_of_memory, lambda latents: len(latents) > 2)
    try:
        told = painted(studio, job(studio, spec(seed=None, n=4, width=80), pictures_at_once=4))
        assert [one.index for one in told.done()] == [0, 1, 2, 3]
        calls = failing.calls
        painted(studio, job(studio, spec(seed=None, n=4, width=80), pictures_at_once=4))
        assert failing.calls - calls == 8, "it remembers how many go together"
    finally:
        failing.mend()


def test_a_picture_that_memory_does_not_hold_is_decoded_in_tiles(folders: Callable[[str], Path]) -> None:
    studio = opened(folders("sd15"))
    vae = studio.loaded.pipe.vae
    failing = Failing(vae.decoder, out_of_memory, lambda _: not vae.use_tiling)
    (done,) = painted(studio, job(studio)).done()
    assert "tiles" in done.notes[0]
    failing.mend()
    (small,) = painted(studio, job(studio, spec(width=32, height=32))).done()
    assert small.notes == ()


def test_when_nothing_helps_it_says_so_and_goes_on_afterwards(studios: Callable[[str], Studio]) -> None:
    studio = studios("klein")
    plain = painted(studio, job(studio)).done()[0].data
    failing = Failing(studio.loaded.pipe.transformer, out_of_memory, lambda _: True)
    with pytest.raises(OutOfMemory) as caught:
        painted(studio, job(studio))
    assert "does not hold it: painting 64x64" in caught.value.message
    assert "20.00 GiB" in caught.value.said
    failing.mend()
    assert painted(studio, job(studio)).done()[0].data == plain


def test_memory_that_really_is_not_there(studios: Callable[[str], Studio]) -> None:
    import torch

    studio = studios("sd15")
    hook = studio.loaded.pipe.unet.register_forward_pre_hook(lambda *_: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(OutOfMemory):
        painted(studio, job(studio))
    hook.remove()
    assert painted(studio, job(studio)).done()


def test_a_lost_device_and_a_broken_model_are_told_apart(studios: Callable[[str], Studio]) -> None:
    studio = studios("sd15")

    def raising(error: BaseException) -> Any:
        def hook(*_: Any) -> None:
            raise error

        return studio.loaded.pipe.unet.register_forward_pre_hook(hook)

    for error, kind in (
        (RuntimeError("CUDA error: unspecified launch failure"), DeviceLost),
        (ValueError("something else"), Broke),
    ):
        hook = raising(error)
        with pytest.raises(kind) as caught:
            painted(studio, job(studio))
        hook.remove()
        assert str(error) in caught.value.said
        assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message
    assert painted(studio, job(studio)).done()
