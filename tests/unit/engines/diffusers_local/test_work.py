from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from limner.domain.spec import Background, OutputFormat, Quality, Spec
from limner.engines import EngineCannot
from limner.engines.diffusers_local.recipes import named
from limner.engines.diffusers_local.troubles import kind_of
from limner.engines.diffusers_local.work import Cannot, DeviceLost, OutOfMemory, extras_of, hints_of, job_of
from support.tiny_scenes import mask, source, spec


def refused(given: Spec, recipe: str = "sdxl", **more: Any) -> tuple[str | None, str]:
    with pytest.raises(EngineCannot) as caught:
        job_of(given, named(recipe), **more)
    return caught.value.param, caught.value.message


def test_a_spec_becomes_a_job_by_the_recipe() -> None:
    job = job_of(spec(n=3, width=1000, height=1000, quality=Quality.HD, partials=2), named("qwen-image"))
    assert (job.width, job.height, job.final_width, job.final_height) == (1008, 1008, 1000, 1000)
    assert (job.steps, job.guidance, job.seeds) == (50, 4.0, (5, 6, 7))
    assert job.is_exact
    assert job.partials == 2
    assert job.small
    assert job.notes == ("made at 1008x1008, then cropped to 1000x1000",)
    assert job_of(spec(width=1024, height=1024), named("qwen-image")).notes == ()
    assert job_of(spec(), named("z-image")).notes == ("made at 512x512, then scaled to 64x64",)


def test_without_a_seed_one_is_chosen_and_the_rest_counts_up() -> None:
    jobs = [job_of(spec(n=2, seed=None), named("sd15")) for _ in range(2)]
    assert jobs[0].seeds != jobs[1].seeds
    assert jobs[0].seeds[1] == jobs[0].seeds[0] + 1
    assert not jobs[0].is_exact


def test_extras_go_in_by_their_names() -> None:
    job = job_of(
        spec(extras={"steps": 7, "guidance_scale": 3, "negative_prompt": "fog", "lora": {"name": "ink", "scale": 0.5}}),
        named("sdxl"),
        loras={"ink": 1.0, "oil": 0.8},
    )
    assert (job.steps, job.guidance, job.negative_prompt, job.loras) == (7, 3.0, "fog", (("ink", 0.5),))
    both = job_of(spec(extras={"lora": ["oil", "ink"]}), named("sdxl"), loras={"ink": 1.0, "oil": 0.8})
    assert both.loras == (("ink", 1.0), ("oil", 0.8))


def test_a_model_says_what_it_takes() -> None:
    assert extras_of(named("sdxl"), has_loras=True) == (
        "seed",
        "steps",
        "guidance_scale",
        "negative_prompt",
        "strength",
        "lora",
    )
    assert extras_of(named("flux2-klein"), has_loras=False) == ("seed", "steps")


@pytest.mark.parametrize(
    ("extras", "param"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 4.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": 100_000}, "steps"),
        ({"guidance_scale": -1}, "guidance_scale"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": "a lot"}, "guidance_scale"),
        ({"negative_prompt": 3}, "negative_prompt"),
        ({"strength": 0.5}, "strength"),
        ({"lora": "nobody"}, "lora"),
        ({"lora": {"nome": "ink"}}, "lora"),
        ({"lora": {"name": "ink", "scale": 99}}, "lora"),
        ({"flow_shift": 1}, "flow_shift"),
    ],
)
def test_a_wrong_extra_is_refused_by_its_name(extras: dict[str, Any], param: str) -> None:
    found, message = refused(spec(extras=extras), loras={"ink": 1.0})
    assert found == param
    assert message


def test_what_a_model_cannot_do_is_refused_by_the_field() -> None:
    assert refused(spec(background=Background.TRANSPARENT))[0] == "background"
    assert refused(spec(output_format=OutputFormat.SVG))[0] == "output_format"
    assert refused(spec(images=(source(), source())))[0] == "image"
    assert refused(spec(images=(source(),)), "ernie-image") == (
        "image",
        "this model starts from no picture; it was given 1",
    )
    assert refused(spec(), "qwen-image-edit")[0] == "image"
    assert refused(spec(mask=mask()))[0] == "mask"
    assert refused(spec(images=(source(),), markup=mask()))[0] == "markup"
    assert refused(spec(images=(source(),), is_variation=True))[0] == "image"
    assert refused(spec(output_format=OutputFormat.GIF)) == (
        "output_format",
        "this model writes png, jpeg and webp, no gif",
    )
    assert refused(spec(output_format=OutputFormat.SVG))[0] == "output_format"
    assert refused(spec(images=(source(),), mask=mask()), "qwen-image-edit-plus")[0] == "mask"
    assert refused(spec(extras={"guidance_scale": 4}), "flux2-klein")[0] == "guidance_scale"
    assert refused(spec(extras={"negative_prompt": "fog"}), "z-image-turbo")[0] == "negative_prompt"
    assert refused(spec(images=(source(),), extras={"strength": 0}))[0] == "strength"
    assert refused(spec(images=(source(),), extras={"strength": 0.5}), "flux2-klein")[0] == "strength"


def test_who_follows_instructions_makes_variations() -> None:
    assert job_of(spec(images=(source(),), is_variation=True), named("flux2-klein")).images


def test_what_makes_no_difference_is_told() -> None:
    assert hints_of(spec(input_fidelity="high", complexity="low")) == (
        "this model is not told input_fidelity: 'high' made no difference",
        "this model is not told complexity: 'low' made no difference",
    )
    assert hints_of(spec()) == ()


def test_only_jobs_that_are_asked_for_alike_go_together() -> None:
    def key(recipe: str = "sdxl", at_once: int = 4, **changes: Any) -> object:
        return job_of(spec(seed=None, **changes), named(recipe), loras={"ink": 1.0}, pictures_at_once=at_once).key

    assert key() == key(prompt="a fox", partials=3)
    assert key(width=128) != key() != key(extras={"steps": 3})
    assert key(extras={"lora": "ink"}) != key() != key(extras={"negative_prompt": "fog"})
    assert key(at_once=1) is None
    assert key(images=(source(),)) is None


def test_whoever_names_a_seed_is_painted_alone() -> None:
    assert job_of(spec(seed=4), named("sdxl"), pictures_at_once=8).key is None


def test_jobs_and_troubles_cross_process_borders() -> None:
    job = job_of(spec(images=(source(),)), named("sdxl"))
    assert pickle.loads(pickle.dumps(job)) == job
    trouble = pickle.loads(pickle.dumps(Cannot("no mask", "said", "mask")))
    assert (type(trouble), trouble.message, trouble.said, trouble.param) == (Cannot, "no mask", "said", "mask")
    assert str(pickle.loads(pickle.dumps(DeviceLost("gone")))) == "gone"
    assert isinstance(pickle.loads(pickle.dumps(OutOfMemory("full"))), OutOfMemory)


def test_a_job_shows_no_prompt_and_no_picture() -> None:
    job = replace(job_of(spec(images=(source(),)), named("sdxl")), negative_prompt="fog")
    assert "otter" not in repr(job)
    assert "fog" not in repr(job)
    assert "PNG" not in repr(job).replace("OutputFormat.PNG", "")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory"),
        (RuntimeError("CUDA error: out of memory"), "memory"),
        (RuntimeError("MPS backend out of memory"), "memory"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "lost"),
        (RuntimeError("CUDA error: device-side assert triggered"), "lost"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "lost"),
        (ValueError("CUDA error in a prompt"), "broke"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "broke"),
    ],
)
def test_a_librarys_exception_is_sorted(error: BaseException, kind: str) -> None:
    assert kind_of(error) == kind
    around = RuntimeError("in block 3")
    around.__cause__ = error
    assert kind_of(around) == kind


def test_none_of_this_loads_torch() -> None:
    code = (
        "import sys; from limner.engines.diffusers_local import work, recipes, studio, loading, previews, troubles; "
        "recipes.recipes(); print(sorted({'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"
