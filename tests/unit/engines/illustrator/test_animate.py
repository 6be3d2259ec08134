import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from limner.domain.spec import Background, OutputFormat, Source, Spec
from limner.engines.illustrator.studio import Studio

MakesSpec = Callable[..., Spec]


def frames(data: bytes) -> list[np.ndarray]:  # type: ignore[type-arg]
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "GIF"
        assert image.info["loop"] == 0
        found = []
        for place in range(image.n_frames):
            image.seek(place)
            found.append(np.asarray(image.convert("RGBA")).astype(int))
        return found


def moving(studio: Studio, spec: Spec) -> list[np.ndarray]:  # type: ignore[type-arg]
    return frames(studio.paint(spec, index=0, seed=3).data)


@pytest.mark.parametrize("count", [2, 9, 16])
@pytest.mark.parametrize("prompt", ["a fox in a meadow", "two fish under water", "a mountain, snowing"])
def test_a_gif_has_the_frames_that_were_asked_for_and_all_differ(
    studio: Studio, a_spec: MakesSpec, prompt: str, count: int
) -> None:
    seen = moving(studio, a_spec(prompt, output_format=OutputFormat.GIF, frames=count))

    assert len(seen) == count
    assert all((one != other).any() for place, one in enumerate(seen) for other in seen[:place])


def test_every_frame_lasts_as_long_as_was_asked_for(studio: Studio, a_spec: MakesSpec) -> None:
    picture = studio.paint(
        a_spec("a fox", output_format=OutputFormat.GIF, frames=3, frame_milliseconds=470), index=0, seed=3
    )

    with Image.open(io.BytesIO(picture.data)) as image:
        for place in range(3):
            image.seek(place)
            assert image.info["duration"] == 470


def test_it_goes_round_without_a_jump(studio: Studio, a_spec: MakesSpec) -> None:
    seen = moving(studio, a_spec("a fox in a meadow", output_format=OutputFormat.GIF, frames=12))

    steps = [np.abs(seen[place] - seen[place - 1]).mean() for place in range(12)]
    assert steps[0] < 2 * max(steps[1:])


def test_what_does_not_move_stays_the_same_to_the_pixel(studio: Studio, a_spec: MakesSpec) -> None:
    first, *others = moving(studio, a_spec("a fox in a meadow", output_format=OutputFormat.GIF, frames=4))

    for other in others:
        assert (first == other).all(axis=2)[:20].all()


def test_a_transparent_gif_is_clear_around_its_subjects(studio: Studio, a_spec: MakesSpec) -> None:
    seen = moving(
        studio, a_spec("a robot", output_format=OutputFormat.GIF, frames=3, background=Background.TRANSPARENT)
    )

    for one in seen:
        assert one[0, 0, 3] == 0
        assert one[one.shape[0] // 2, one.shape[1] // 2, 3] == 255


def test_a_given_picture_moves_too(studio: Studio, a_spec: MakesSpec) -> None:
    file = io.BytesIO()
    Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(file, "PNG")
    given = Source(data=file.getvalue(), media_type="image/png")

    seen = moving(studio, a_spec("make it blue", output_format=OutputFormat.GIF, frames=5, images=(given,)))

    assert len(seen) == 5
