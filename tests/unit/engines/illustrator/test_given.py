import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from limner.domain.spec import Source
from limner.engines.illustrator.given import opened
from limner.engines.illustrator.healing import filled

HOLE = (80, 60, 180, 190)


def source(image: Image.Image, **options: object) -> Source:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return Source(data=file.getvalue(), media_type="image/png")


def room() -> Image.Image:
    """A wall, a floor, and a blue box that stands before both."""
    image = Image.new("RGB", (256, 256), "#d8c8e8")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 128, 256, 256), fill="#a06838")
    draw.rectangle((90, 70, 170, 180), fill="#0060d0")
    return image


def hole(box: tuple[int, int, int, int] = HOLE) -> Image.Image:
    image = Image.new("L", (256, 256))
    image.paste(255, box)
    return image


def pixels(image: Image.Image) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(image).astype(int)


def test_wall_and_floor_go_on_behind_what_is_taken_away() -> None:
    healed = pixels(filled(room(), hole()))

    inside = healed[HOLE[1] + 12 : HOLE[3] - 12, HOLE[0] + 12 : HOLE[2] - 12]
    wall, floor = inside[:40], inside[-40:]
    assert np.abs(wall - (0xD8, 0xC8, 0xE8)).max() < 12
    assert np.abs(floor - (0xA0, 0x68, 0x38)).max() < 12


def test_outside_the_hole_nothing_is_healed() -> None:
    healed, before = pixels(filled(room(), hole())), pixels(room())

    there = np.asarray(hole()) == 0
    assert (healed == before)[there].all()


@pytest.mark.parametrize("box", [(0, 0, 256, 256), (2, 2, 254, 254), (0, 0, 256, 200), (100, 100, 103, 103)])
def test_any_hole_is_healed(box: tuple[int, int, int, int]) -> None:
    healed = filled(room(), hole(box))

    assert healed.size == (256, 256)
    assert healed.mode == "RGB"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P"])
def test_a_large_picture_is_opened_small_and_whole(mode: str) -> None:
    # Several strips of it, and a height that no step divides.
    large = Image.new("RGB", (2500, 2507), "#ffffff")
    ImageDraw.Draw(large).rectangle((0, 1253, 2500, 2507), fill="#000000")

    small = pixels(opened(source(large.convert(mode)), width=128, height=128).convert("RGB"))

    assert small[:60].min() > 250
    assert small[68:].max() < 5


def test_what_is_clear_in_a_large_picture_does_not_colour_its_edges() -> None:
    large = Image.new("RGBA", (2400, 2400), (255, 0, 0, 0))
    large.paste((0, 0, 255, 255), (0, 0, 1205, 2400))

    small = pixels(opened(source(large), width=128, height=128))

    seen = small[small[..., 3] > 32]
    assert seen[:, 0].max() < 24
    assert seen[:, 2].min() > 230
