"""The options of a model on this machine: strict, and said in sentences."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from limner.engines.diffusers_local import Plug
from limner.engines.diffusers_local.options import options_of
from limner.engines.diffusers_local.recipes import named

KLEIN = "black-forest-labs/FLUX.2-klein-4B"


def test_a_model_is_enough() -> None:
    options = options_of({"model": KLEIN})
    assert (options.model, options.devices, options.keeping, options.compiling) == (KLEIN, ("auto",), None, "off")


def test_everything_that_can_be_said_reaches_the_studio() -> None:
    options = options_of(
        {
            "model": "/models/klein",
            "devices": ["cuda:0", "cuda:1"],
            "dtype": "float16",
            "memory": "offload",
            "quantise": "int8",
            "loras": {
                "ink": "/loras/ink.safetensors",
                "soft": {"where": "a/b", "file": "soft.safetensors", "scale": 0.5},
            },
            "compile": True,
            "cache": "taylorseer",
            "warm": "768x512",
            "threads": 3,
        }
    )
    setup = options.setup(device="cuda:1", recipe=named("flux2-klein"))
    assert (setup.device, setup.dtype, setup.keeping, setup.quantised) == ("cuda:1", "float16", "model", "int8")
    assert (setup.compiling, setup.cache, setup.threads) == ("on", "taylorseer", 3)
    assert setup.loras["soft"].scale == 0.5
    assert options.warm == (768, 512)


def test_batches_are_for_small_pictures_unless_a_size_is_switched() -> None:
    recipe = named("flux2-klein")
    options = options_of({"model": KLEIN, "batch_sizes": {"1024x1024": 2}})
    assert options.pictures_at_once(512, 512, recipe=recipe) == 4
    assert options.pictures_at_once(768, 768, recipe=recipe) == 4
    assert options.pictures_at_once(768, 784, recipe=recipe) == 1
    assert options.pictures_at_once(1024, 1024, recipe=recipe) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "model is what to paint with"),
        ({"model": KLEIN, "devcie": "cpu"}, "there is no option devcie; did you mean device?"),
        ({"model": KLEIN, "device": "gpu"}, 'device is "auto"'),
        ({"model": KLEIN, "device": "cpu", "devices": ["cpu"]}, "say one of them"),
        ({"model": KLEIN, "devices": ["cuda", "cuda:0"]}, "the same one twice"),
        ({"model": KLEIN, "memory": "some"}, "memory is one of auto, full, offload, group"),
        ({"model": KLEIN, "quantise": "int3"}, "quantise is one of"),
        ({"model": KLEIN, "loras": {"ink": 3}}, "loras.ink is a folder, a file"),
        ({"model": KLEIN, "loras": {"ink": {"where": "x", "scale": 9}}}, "loras.ink.scale is a number from -4 to 4"),
        ({"model": KLEIN, "recipe": "flux9"}, "there is no recipe 'flux9'"),
        ({"model": KLEIN, "waiting": 0}, "waiting is a whole number from 1 on"),
        ({"model": KLEIN, "seconds": float("nan")}, "seconds is a number above 0"),
        ({"model": KLEIN, "compile": "maybe"}, "compile is true, false"),
        ({"model": KLEIN, "batch_sizes": {"big": 2}}, "batch_sizes is by sizes"),
        ({"model": KLEIN, "warm": True}, "warm is the size of a picture"),
    ],
)
def test_what_is_wrong_is_said_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        options_of(given)
    assert words in str(caught.value)


def test_a_restricted_licence_has_to_be_accepted_by_name() -> None:
    model = "black-forest-labs/FLUX.2-klein-9B"
    with pytest.raises(ValueError, match='accept_licence = "flux-non-commercial"'):
        Plug({"model": model})
    assert Plug({"model": model, "accept_licence": "flux-non-commercial"}).images_max == 10


def test_it_says_what_its_family_takes_before_it_is_opened() -> None:
    plain = Plug({"model": KLEIN})
    with_loras = Plug({"model": KLEIN, "loras": {"ink": "/loras/ink"}})
    assert set(plain.extras("x")) == {"seed", "steps"}
    assert set(with_loras.extras("x")) == {"seed", "steps", "lora"}
    assert plain.health() == ()


def test_steps_of_the_recipe_can_be_changed() -> None:
    with pytest.raises(ValueError, match="a recipe has no 'stepz'"):
        Plug({"model": KLEIN, "recipe_changes": {"stepz": 3}})
    Plug({"model": KLEIN, "recipe_changes": {"steps": 3}})


def test_making_and_looking_import_neither_torch_nor_diffusers(tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from limner.engines.diffusers_local import Plug\n"
        f"Plug({{'model': {KLEIN!r}}})\n"
        f"Plug.look_around({{'HF_HOME': {str(tmp_path)!r}}})\n"
        "print(json.dumps([name for name in ('torch', 'diffusers', 'numpy', 'transformers') if name in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert json.loads(answer.stdout) == []
