"""What the tests of the painting share: specs, sources, and an open studio for each tiny pipeline."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from limner.domain.spec import Background, OutputFormat, Quality, Source, Spec, Style
from limner.engines.diffusers_local.work import Done, Job, Step, Told, Unfinished


def spec(**changes: Any) -> Spec:
    given: dict[str, Any] = {
        "prompt": "an otter on the sea",
        "n": 1,
        "width": 64,
        "height": 64,
        "quality": Quality.LOW,
        "style": Style.VIVID,
        "background": Background.OPAQUE,
        "output_format": OutputFormat.PNG,
        "output_compression": 100,
        "seed": 5,
        **changes,
    }
    return Spec(**given)


def source(*, width: int = 64, height: int = 64, colour: tuple[int, int, int] = (200, 40, 40)) -> Source:
    """A flat picture with a light corner."""
    pixels = np.full((height, width, 3), colour, dtype=np.uint8)
    pixels[: height // 4, : width // 4] = 240
    return Source(data=png(pixels), media_type="image/png")


def mask(*, width: int = 64, height: int = 64) -> Source:
    """The right half is painted anew."""
    pixels = np.full((height, width, 4), 255, dtype=np.uint8)
    pixels[:, width // 2 :, 3] = 0
    return Source(data=png(pixels), media_type="image/png")


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_in(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


@dataclass
class Ears:
    """All that a studio told, by job."""

    of: dict[int, list[Told]] = field(default_factory=dict)

    def __call__(self, number: int, told: Told) -> None:
        self.of.setdefault(number, []).append(told)

    def done(self, number: int = 0) -> list[Done]:
        return sorted((one for one in self.of.get(number, []) if isinstance(one, Done)), key=lambda one: one.index)

    def steps(self, number: int = 0) -> list[Step]:
        return [one for one in self.of.get(number, []) if isinstance(one, Step)]

    def unfinished(self, number: int = 0) -> list[Unfinished]:
        return [one for one in self.of.get(number, []) if isinstance(one, Unfinished)]


def painted(studio: Any, jobs: Job | Sequence[Job], *, cancelled: Callable[[int], bool] = lambda _: False) -> Ears:
    told = Ears()
    studio.paint([jobs] if isinstance(jobs, Job) else jobs, cancelled=cancelled, tell=told)
    return told
