from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from limner.domain.spec import Quality
from limner.engines.diffusers_local.recipes import (
    Model,
    check_licence,
    memory_for,
    model_in,
    named,
    recipe_for,
    recipes,
)

GIB = 1024**3


def folder_with(folder: Path, index: dict[str, object], *, name: str = "model_index.json", **parts: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(index))
    for part, config in parts.items():
        (folder / part).mkdir()
        (folder / part / "config.json").write_text(json.dumps(config))
    return folder


def weights(path: Path, *, dtype: str, numbers: int) -> None:
    size = numbers * (4 if dtype == "F32" else 2)
    header = json.dumps({"a": {"dtype": dtype, "shape": [numbers], "data_offsets": [0, size]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))


def model(pipeline: str | None, name: str = "somebody/something", **index: object) -> Model:
    return Model(name=name, pipeline=pipeline, configs={"": {"_class_name": pipeline, **index}})


def test_every_recipe_is_whole() -> None:
    for recipe in recipes():
        assert set(recipe.steps) == set(Quality), recipe.name
        assert recipe.guidance_parameter or recipe.guidance is None, recipe.name
        assert recipe.images_min <= recipe.images_max, recipe.name
        assert (recipe.images_max > 0) == (recipe.editing != "none"), recipe.name
        assert not recipe.takes_mask or recipe.images_max > 0, recipe.name
        assert recipe.weights_gb >= recipe.largest_gb > 0 < recipe.work_gb, recipe.name
        assert not recipe.takes_negative or recipe.guidance_parameter, recipe.name
        assert set(recipe.fixed).isdisjoint({recipe.guidance_parameter}), recipe.name
    assert len({recipe.name for recipe in recipes()}) == len(recipes())


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (model("Flux2KleinPipeline", is_distilled=True), "flux2-klein"),
        (model("Flux2KleinPipeline", is_distilled=False), "flux2-klein-base"),
        (model("Flux2KleinPipeline", "black-forest-labs/FLUX.2-klein-9B", is_distilled=True), "flux2-klein-9b"),
        (model("Flux2KleinPipeline", "black-forest-labs/FLUX.2-klein-base-9B"), "flux2-klein-base-9b"),
        (model("ZImagePipeline", "Tongyi-MAI/Z-Image-Turbo"), "z-image-turbo"),
        (model("ZImagePipeline", "Tongyi-MAI/Z-Image"), "z-image"),
        (model("QwenImagePipeline", "Qwen/Qwen-Image-2512"), "qwen-image"),
        (model("QwenImageEditPlusPipeline", "Qwen/Qwen-Image-Edit-2511"), "qwen-image-edit-plus"),
        (model("ErnieImagePipeline", "baidu/ERNIE-Image-Turbo"), "ernie-image-turbo"),
        (model("StableDiffusionXLPipeline", "stabilityai/sdxl-turbo"), "sdxl-turbo"),
        (model("StableDiffusionXLPipeline", "somebody/dreams-xl"), "sdxl"),
        (model("StableDiffusionPipeline"), "sd15"),
        (model("StableDiffusion3Pipeline"), "sd3"),
        (model("BrandNewPipeline"), "generic"),
        (Model(name="Tongyi-MAI/Z-Image-Turbo"), "z-image-turbo"),
        (Model(name="black-forest-labs/FLUX.2-klein-4B"), "flux2-klein"),
        (Model(name="black-forest-labs/FLUX.2-klein-9B"), "flux2-klein-9b"),
        (Model(name="somebody/turbo"), "generic"),
    ],
)
def test_a_model_is_known_by_its_class_its_settings_and_its_name(found: Model, name: str) -> None:
    assert recipe_for(found).name == name


def test_a_renamed_folder_of_the_large_klein_keeps_its_licence(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path / "mine",
        {"_class_name": "Flux2KleinPipeline", "is_distilled": True},
        transformer={"num_attention_heads": 32},
    )
    assert recipe_for(model_in(folder, name="mine")).name == "flux2-klein-9b"


def test_a_modular_folder_is_read_too(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"_class_name": "Flux3DistilledModularPipeline"}, name="modular_model_index.json")
    found = model_in(folder, name="flux3")
    assert found.is_modular
    assert recipe_for(found).name == "flux3-image-klein"


def test_a_folder_that_holds_no_pipeline_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pipeline"):
        model_in(tmp_path, name="x")
    (tmp_path / "model_index.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        model_in(tmp_path, name="x")
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ValueError, match="no _class_name"):
        model_in(tmp_path, name="x")


def test_weights_are_counted_as_they_will_be_loaded(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"_class_name": "StableDiffusionPipeline"})
    weights(folder / "unet" / "a.safetensors", dtype="F32", numbers=1000)
    weights(folder / "unet" / "a.fp16.safetensors", dtype="F16", numbers=1000)
    weights(folder / "vae" / "b.safetensors", dtype="BF16", numbers=500)
    assert model_in(folder, name="x").part_bytes == pytest.approx({"unet": 2000, "vae": 1000}, abs=100)


def test_a_restricted_licence_has_to_be_accepted_by_its_name() -> None:
    recipe = named("flux2-klein-9b")
    with pytest.raises(ValueError, match='accept_licence = "flux-non-commercial"'):
        check_licence(recipe, accepted=None)
    with pytest.raises(ValueError, match="Non-Commercial"):
        check_licence(recipe, accepted="yes")
    check_licence(recipe, accepted="flux-non-commercial")
    check_licence(named("flux2-klein"), accepted=None)


def test_sizes_are_rounded_up_and_kept_where_the_model_is_good() -> None:
    recipe = named("z-image")
    assert recipe.painted_size(1024, 1024) == (1024, 1024)
    assert recipe.painted_size(1792, 1024) == (1792, 1024)
    assert recipe.painted_size(1000, 600) == (1008, 608)
    assert recipe.painted_size(256, 256) == (512, 512)
    width, height = named("sd15").painted_size(1792, 1024)
    assert width * height <= named("sd15").pixels_max
    assert width / height == pytest.approx(1.75, rel=0.03)


def test_an_operator_changes_a_recipe() -> None:
    recipe = named("sdxl").overridden(
        {"steps": 12, "guidance": [1, 2.5, 3], "pixels": [64, 4096], "multiple": 64, "strength": 0.4, "negative": False}
    )
    assert set(recipe.steps.values()) == {12}
    assert recipe.guidance == {Quality.LOW: 1.0, Quality.STANDARD: 2.5, Quality.HD: 3.0}
    assert (recipe.pixels_min, recipe.pixels_max, recipe.multiple, recipe.strength) == (64, 4096, 64, 0.4)
    assert not recipe.takes_negative


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": 1}, "no 'speed'"),
        ({"steps": 0}, "whole numbers above 0"),
        ({"steps": [4, 4]}, "3 numbers"),
        ({"guidance": "much"}, "3 numbers"),
        ({"pixels": [9, 1]}, "fewest and the most"),
        ({"strength": 2}, "at most 1"),
        ({"multiple": "x"}, "a whole number"),
    ],
)
def test_a_wrong_change_is_a_sentence(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        named("sdxl").overridden(changes)
    with pytest.raises(ValueError, match="have no guidance"):
        named("flux2-klein").overridden({"guidance": 3})


def test_memory_is_chosen_from_what_is_free() -> None:
    recipe = named("qwen-image")
    parts = {"transformer": 41 * GIB, "text_encoder": 16 * GIB, "vae": GIB // 4}

    def kept(gib: float | None, *able: str) -> tuple[str, str]:
        free = None if gib is None else int(gib * GIB)
        chosen = memory_for(device_bytes=free, part_bytes=parts, recipe=recipe, can_quantise=frozenset(able))  # type: ignore[arg-type]
        assert chosen.why
        return chosen.keeping, chosen.quantised

    assert kept(None) == ("whole", "none")
    assert kept(80) == ("whole", "none")
    assert kept(48) == ("model", "none")
    assert kept(32, "int8", "nf4") == ("model", "int8")
    assert kept(20, "int8", "nf4") == ("model", "nf4")
    assert kept(20) == ("group", "none")
    assert kept(8, "int8", "nf4") == ("group", "none")


def test_before_anything_is_on_disk_the_recipe_knows_how_large_it_is() -> None:
    assert memory_for(device_bytes=24 * GIB, part_bytes={}, recipe=named("flux2-klein")).keeping == "whole"
    assert memory_for(device_bytes=12 * GIB, part_bytes={}, recipe=named("flux2-klein")).keeping == "model"
