"""The referee: another rasteriser must see the same picture in the SVG that we hand out as in the pixels that we paint."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import resvg_py
from PIL import Image

from limner.domain.spec import OutputFormat, Quality, Spec
from limner.engines.illustrator.studio import Studio

MakesSpec = Callable[..., Spec]


@pytest.mark.parametrize("prompt", ["A cute baby sea otter", "a blue fox and a castle at sunset", "a rocket in space"])
def test_resvg_draws_the_same_picture(studio: Studio, a_spec: MakesSpec, prompt: str) -> None:
    svg = studio.paint(a_spec(prompt, output_format=OutputFormat.SVG, quality=Quality.HD), index=0, seed=3).data
    png = studio.paint(a_spec(prompt, quality=Quality.HD), index=0, seed=3).data

    theirs = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode())))).convert("RGB")
    ours = Image.open(io.BytesIO(png)).convert("RGB")
    apart = abs(np.asarray(theirs, dtype=int) - np.asarray(ours, dtype=int))
    assert apart.mean() < 2
    assert (apart.max(axis=2) > 40).mean() < 0.005
