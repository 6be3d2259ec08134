from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from limner.engines.diffusers_local.recipes import Keeping, Memory, Recipe, model_in, recipe_for, recipes
from limner.engines.diffusers_local.work import Broke, Cancelled, Cannot, Setup, Trouble, job_of
from support import tiny
from support.tiny_scenes import mask, painted, source, spec

tiny.skip_without_diffusers()
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("tiny")
    return lambda kind: tiny.build(kind, root / kind)


def studio(folder: Path, *, steps: int = 2, **changes: Any) -> Any:
    from limner.engines.diffusers_local.studio import Studio

    recipe = recipe_for(model_in(folder, name=folder.name)).overridden({"steps": steps, "pixels": [64, 4_194_304]})
    return Studio(Setup(**{"model": str(folder), "recipe": recipe, "threads": 1, **changes}))


def trouble_of(opening: Any) -> Trouble:
    with pytest.raises(Trouble) as caught:
        opening.open()
    return caught.value


def test_opening_says_what_was_chosen_and_why(folders: Callable[[str], Path]) -> None:
    opened = studio(folders("klein")).open()
    assert (opened.pipeline, opened.dtype, opened.bytes_used) == ("Flux2KleinPipeline", "float32", None)
    assert "kept whole" in opened.notes[0]
    assert opened.seconds > 0


def test_a_model_that_is_not_on_disk_is_not_fetched(folders: Callable[[str], Path]) -> None:
    trouble = trouble_of(studio(folders("sd15"), model="somebody/nothing"))
    assert isinstance(trouble, Cannot)
    assert trouble.message.endswith("`limner models pull somebody/nothing` fetches it")
    assert "no folder /nowhere" in trouble_of(studio(folders("sd15"), model="/nowhere")).message


@pytest.mark.parametrize("kind", ["sd15", "modular"])
def test_missing_weights_are_a_sentence(folders: Callable[[str], Path], tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    shutil.copytree(folders(kind), folder)
    if kind == "modular":
        # Its index says where its parts lie.
        index = folder / "modular_model_index.json"
        index.write_text(index.read_text().replace(str(folders(kind)), str(folder)))
    next((folder / "vae").glob("*.safetensors")).unlink()
    trouble = trouble_of(studio(folder))
    assert isinstance(trouble, Broke)
    assert "cannot be loaded" in trouble.message


def test_broken_weights_and_a_broken_index_are_a_sentence(folders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(folders("sd15"), folder)
    opening = studio(folder)
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    trouble = trouble_of(opening)
    assert isinstance(trouble, Broke)
    assert trouble.said
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "NoSuchPipeline"}))
    assert "cannot be loaded" in trouble_of(studio(folder)).message
    (folder / "model_index.json").write_text("{")
    assert "cannot be read" in trouble_of(opening).message


def test_what_this_machine_does_not_have_is_a_sentence(folders: Callable[[str], Path]) -> None:
    import torch

    if not torch.cuda.is_available():
        assert "no device cuda:0" in trouble_of(studio(folders("sd15"), device="cuda:0")).message
    assert "moves parts to an accelerator" in trouble_of(studio(folders("sd15"), keeping="model")).message


def test_weights_in_few_bits_need_a_package(folders: Callable[[str], Path]) -> None:
    from limner.engines.diffusers_local.loading import can_quantise

    if "nf4" not in can_quantise():
        assert "need the package bitsandbytes" in trouble_of(studio(folders("sd15"), quantised="nf4")).message


def test_other_kinds_over_the_same_weights_take_no_memory_and_change_no_number(folders: Callable[[str], Path]) -> None:
    import torch

    opened = studio(folders("klein"), dtype="bfloat16")
    opened.open()
    masked = opened.loaded.for_mask()
    assert type(masked).__name__ == "Flux2KleinInpaintPipeline"
    assert masked.transformer is opened.loaded.pipe.transformer
    assert masked.vae is opened.loaded.pipe.vae
    assert masked.transformer.dtype == torch.bfloat16
    assert masked.config.is_distilled
    assert painted(opened, job_of(spec(), opened.setup.recipe)).done()


@pytest.mark.parametrize("kind", ["sd15", "klein", "modular"])
@pytest.mark.parametrize("keeping", ["model", "group"])
def test_parts_that_are_moved_in_and_out_paint_the_same_and_survive_a_cancelled_picture(
    folders: Callable[[str], Path], kind: str, keeping: Keeping
) -> None:
    """Moved from the cpu to the cpu, as nothing else is sure to be there: by the same hooks as to an accelerator."""
    import torch

    from limner.engines.diffusers_local import loading

    opened = studio(folders(kind))
    opened.open()
    job = job_of(spec(partials=1), opened.setup.recipe)
    plain = painted(opened, job).done()[0].data
    opened.loaded.memory = Memory(keeping=keeping)
    loading._place(opened.loaded, torch.device("cpu"))
    assert painted(opened, job).done()[0].data == plain
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        painted(opened, job, cancelled=lambda _: next(asked, True))
    again = painted(opened, job)
    assert again.done()[0].data == plain
    assert len(again.unfinished()) == 1
    if kind != "modular":
        for given in (spec(images=(source(),), mask=mask()), spec(images=(source(),))):
            assert painted(opened, job_of(given, opened.setup.recipe)).done()
    assert painted(opened, job).done()[0].data == plain


def test_an_attention_that_is_not_there_is_a_sentence(folders: Callable[[str], Path]) -> None:
    assert "attention backend" in trouble_of(studio(folders("klein"), attention="flash_4")).message
    assert studio(folders("klein"), attention="native").open()


def test_warming_up_paints_once_for_nobody(folders: Callable[[str], Path]) -> None:
    opened = studio(folders("sd15"))
    opened.open()
    (note,) = opened.warm(width=64, height=64)
    assert note.startswith("warmed up at 64x64 in ")


def test_a_cache_that_breaks_is_left_off_and_the_model_paints_as_before(folders: Callable[[str], Path]) -> None:
    plain = studio(folders("klein"))
    plain.open()
    opened = studio(folders("klein"), cache="first_block")
    opened.open()
    note = opened.warm(width=64, height=64)[-1]
    assert note.startswith("cache first_block is off: it breaks with this model"), note
    job = job_of(spec(), opened.setup.recipe)
    assert painted(opened, job).done()[0].data == painted(plain, job).done()[0].data


def test_a_model_without_a_place_for_a_cache_says_so(folders: Callable[[str], Path]) -> None:
    opened = studio(folders("z-image"), cache="taylorseer")
    opened.open()
    assert "no place for a cache" in opened.warm(width=64, height=64)[-1]


def test_a_cache_is_kept_only_where_it_pays(folders: Callable[[str], Path]) -> None:
    opened = studio(folders("klein"), cache="taylorseer", steps=8)
    opened.open()
    note = opened.warm(width=64, height=64)[-1]
    painter = opened.loaded.pipe.transformer
    assert note.startswith("cache taylorseer is ")
    assert painter.is_cache_enabled == note.startswith("cache taylorseer is on")
    job = job_of(spec(), opened.setup.recipe)
    assert painted(opened, job).done()[0].data == painted(opened, job).done()[0].data


@pytest.mark.parametrize("compiling", ["measured", "on"])
def test_compilation_that_breaks_is_left_off(folders: Callable[[str], Path], compiling: str) -> None:
    """Without a working compiler, the first picture after compiling raises."""
    plain = studio(folders("klein"))
    plain.open()
    from torch._inductor import config

    opened = studio(folders("klein"), compiling=compiling)
    opened.open()
    # Nothing that was compiled before may come from the disk.
    with config.patch({"cpp.cxx": ("/nowhere/c++",), "force_disable_caches": True}):
        note = opened.warm(width=64, height=64)[-1]
    assert note.startswith("compilation is off: it breaks with this model"), note
    assert all(module._compiled_call_impl is None for module in opened.loaded.pipe.transformer.modules())
    job = job_of(spec(), opened.setup.recipe)
    assert painted(opened, job).done()[0].data == painted(plain, job).done()[0].data


def test_a_model_that_only_changes_pictures_stays_cold(folders: Callable[[str], Path]) -> None:
    opened = studio(folders("klein"), compiling="on")
    opened.setup = replace(opened.setup, recipe=replace(opened.setup.recipe, images_min=1))
    opened.open()
    assert opened.warm(width=64, height=64) == ("not warmed up: this model needs a picture to start from",)


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_says_nothing_that_the_library_does_not_know(recipe: Recipe) -> None:
    import inspect

    import diffusers

    kinds = {name: getattr(diffusers, name, None) for name in recipe.pipelines}
    assert all(kind is not None for name, kind in kinds.items() if not name.endswith("AutoBlocks")), kinds
    if recipe.mask is not None and recipe.mask != "auto":
        takes = inspect.signature(getattr(diffusers, recipe.mask).__call__).parameters
        assert {"image", "mask_image", "strength"} <= set(takes)
    if not recipe.pipelines or recipe.pipelines[0].endswith("ModularPipeline"):
        return
    takes = inspect.signature(kinds[recipe.pipelines[0]].__call__).parameters
    assert {"prompt", "num_inference_steps", "generator", "output_type"} <= set(takes)
    assert set(recipe.fixed) <= set(takes)
    assert recipe.guidance_parameter is None or recipe.guidance_parameter in takes
    assert not recipe.takes_negative or "negative_prompt" in takes
    if recipe.editing == "references":
        assert "image" in takes
    if recipe.editing == "strength":
        with_pictures = diffusers.pipelines.auto_pipeline._get_task_class(
            diffusers.pipelines.auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, recipe.pipelines[0]
        )
        assert {"image", "strength"} <= set(inspect.signature(with_pictures.__call__).parameters)
