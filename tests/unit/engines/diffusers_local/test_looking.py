"""What lies on disk, and which of it is chosen where nobody says."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from limner.engines.diffusers_local import Plug, looking


def on_disk(cache: Path, name: str, *, pipeline: str, weights: int = 100, **index: object) -> Path:
    """A model as the hub's library leaves it: one part, with so many bytes of weights."""
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / "abc"
    (snapshot / "transformer").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    listing = {"_class_name": pipeline, "transformer": ["diffusers", "X"], **index}
    (snapshot / "model_index.json").write_text(json.dumps(listing))
    (snapshot / "transformer" / "config.json").write_text("{}")
    (snapshot / "transformer" / "model.safetensors").write_bytes(b"\2" + b"\0" * 7 + b"{}" + b"x" * weights)
    return snapshot


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "hub").mkdir()
    return tmp_path / "hub"


def test_models_are_found_with_their_names_and_recipes(cache: Path) -> None:
    on_disk(cache, "Tongyi-MAI/Z-Image-Turbo", pipeline="ZImagePipeline")
    (cache / "models--somebody--words").mkdir()
    (one,) = looking.models_on_disk(cache)
    assert (one.name, one.recipe.name) == ("Tongyi-MAI/Z-Image-Turbo", "z-image-turbo")


def test_one_that_lacks_a_file_is_not_taken_and_what_it_lacks_is_named(cache: Path) -> None:
    snapshot = on_disk(cache, "a/broken", pipeline="ZImagePipeline")
    listing = {"weight_map": {"x": "model.safetensors", "y": "model-2.safetensors"}}
    (snapshot / "transformer" / "model.safetensors.index.json").write_text(json.dumps(listing))
    assert looking.missing_in(snapshot) == ["transformer/model-2.safetensors"]
    assert list(looking.models_on_disk(cache)) == []


def test_the_best_has_a_free_licence_a_known_family_and_is_the_largest_that_fits(cache: Path) -> None:
    on_disk(cache, "black-forest-labs/FLUX.2-klein-9B", pipeline="Flux2KleinPipeline", weights=900, is_distilled=True)
    on_disk(cache, "black-forest-labs/FLUX.2-klein-4B", pipeline="Flux2KleinPipeline", weights=400, is_distilled=True)
    on_disk(cache, "a/unknown", pipeline="NobodyKnowsPipeline", weights=800)
    on_disk(cache, "a/small-z", pipeline="ZImagePipeline", weights=100)
    best = looking.best_of(list(looking.models_on_disk(cache)), device_bytes=80 * 2**30)
    assert best is not None
    assert best.name == "black-forest-labs/FLUX.2-klein-4B"


def test_one_that_only_changes_pictures_is_not_chosen(cache: Path) -> None:
    on_disk(cache, "Qwen/Qwen-Image-Edit", pipeline="QwenImageEditPipeline")
    assert looking.best_of(list(looking.models_on_disk(cache)), device_bytes=80 * 2**30) is None


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    assert looking.cache_folder({"HF_HUB_CACHE": "/x", "HF_HOME": "/y"}) == Path("/x")
    assert looking.cache_folder({"HF_HOME": "/y"}) == Path("/y/hub")
    assert looking.cache_folder({"HOME": str(tmp_path)}) == tmp_path / ".cache/huggingface/hub"


def test_signs_of_a_gpu_are_read_from_dev(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    assert not looking.has_gpu(root=tmp_path)
    (tmp_path / "dev" / "nvidia0").touch()
    assert looking.has_gpu(root=tmp_path)


@pytest.mark.skipif(looking.has_gpu(), reason="there is a GPU here: `limner models` shows what is chosen")
def test_without_a_gpu_nothing_is_found_at_once(cache: Path) -> None:
    began = time.perf_counter()
    assert Plug.look_around({"HF_HUB_CACHE": str(cache)}) is None
    assert time.perf_counter() - began < 0.05
