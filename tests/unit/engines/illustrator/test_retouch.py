import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from limner.domain.spec import Background, OutputFormat, Partial, Source, Spec
from limner.engines.illustrator.studio import Studio

MakesSpec = Callable[..., Spec]
EDGE = 256
HOLE = (96, 96, 224, 224)


def source(image: Image.Image, kind: str = "PNG") -> Source:
    file = io.BytesIO()
    image.save(file, kind)
    return Source(data=file.getvalue(), media_type=f"image/{kind.lower()}")


def landscape(width: int = EDGE, height: int = EDGE) -> Image.Image:
    """Sky above, grass below, and a red post that is easily found again."""
    image = Image.new("RGB", (width, height), "#7cc4f5")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height // 2, width, height), fill="#3fae49")
    draw.rectangle((10, height // 3, 20, height), fill="#e0332c")
    return image


def mask(hole: tuple[int, int, int, int] = HOLE, *, size: tuple[int, int] = (EDGE, EDGE)) -> Image.Image:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(image).rectangle((hole[0], hole[1], hole[2] - 1, hole[3] - 1), fill=(0, 0, 0, 0))
    return image


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(opened(data).convert("RGB")).astype(int)


@pytest.fixture
def edited(studio: Studio, a_spec: MakesSpec) -> Callable[..., tuple[np.ndarray, str]]:  # type: ignore[type-arg]
    """The pixels and the description of an edit of the landscape."""

    def paint(prompt: str = "", *, seed: int = 3, **more: object) -> tuple[np.ndarray, str]:  # type: ignore[type-arg]
        given = {"images": (source(landscape()),), "width": EDGE, "height": EDGE, **more}
        picture = studio.paint(a_spec(prompt, **given), index=0, seed=seed)
        return pixels(picture.data), picture.revised_prompt

    return paint


ORIGINAL = np.asarray(landscape()).astype(int)


def outside(hole: tuple[int, int, int, int] = HOLE) -> np.ndarray:  # type: ignore[type-arg]
    there = np.ones((EDGE, EDGE), dtype=bool)
    there[hole[1] : hole[3], hole[0] : hole[2]] = False
    return there


@pytest.mark.parametrize("prompt", ["a red fox", "a beach with a palm tree", "remove the post", "gefummel"])
def test_outside_the_mask_nothing_changes_to_the_pixel(
    edited: Callable[..., tuple[np.ndarray, str]], prompt: str
) -> None:  # type: ignore[type-arg]
    painted, _ = edited(prompt, mask=source(mask()))

    assert (painted == ORIGINAL)[outside()].all()


@pytest.mark.parametrize("prompt", ["a red fox", "a beach with a palm tree"])
def test_inside_the_mask_the_prompt_is_drawn(edited: Callable[..., tuple[np.ndarray, str]], prompt: str) -> None:  # type: ignore[type-arg]
    painted, _ = edited(prompt, mask=source(mask()))

    inside = ~outside()
    assert (np.abs(painted - ORIGINAL).max(axis=2) > 24)[inside].mean() > 0.05


def test_what_is_removed_gives_way_to_what_is_beside_it(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    painted, words = edited("remove the post", mask=source(mask((4, 80, 30, 256))))

    sky, grass = painted[100, 15], painted[230, 15]
    assert np.abs(sky - ORIGINAL[100, 60]).max() < 16
    assert np.abs(grass - ORIGINAL[230, 60]).max() < 16
    assert words == "The given picture with what is around it grown into the place that was to be painted anew."


def test_a_picture_s_own_transparent_part_is_its_mask(studio: Studio, a_spec: MakesSpec) -> None:
    image = landscape().convert("RGBA")
    image.putalpha(mask().getchannel("A"))
    spec = a_spec("a red fox", images=(source(image),), width=EDGE, height=EDGE)

    painted = pixels(studio.paint(spec, index=0, seed=3).data)

    assert (painted == ORIGINAL)[outside()].all()
    assert (np.abs(painted - ORIGINAL).max(axis=2) > 24)[~outside()].any()


def test_without_a_mask_subjects_are_added_and_the_rest_stays(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    painted, words = edited("Add a red fox")

    changed = np.abs(painted - ORIGINAL).max(axis=2) > 24
    assert 0.02 < changed.mean() < 0.4
    assert (painted == ORIGINAL)[:, :8].all()
    assert words == "The given picture with a red fox added."


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("make it black and white", "in black and white"),
        ("改成黑白", "改成黑白"),
        ("as a watercolour", "as a watercolour"),
        ("an oil painting", "as an oil painting"),
        ("pencil sketch", "as a pencil drawing"),
        ("at night", "at night"),
        ("make it blue", "in blue"),
        ("pixel art", "as pixel art"),
        ("in fog", "in fog"),
    ],
)
def test_a_manner_changes_the_whole_and_is_told(
    edited: Callable[..., tuple[np.ndarray, str]],  # type: ignore[type-arg]
    prompt: str,
    told: str,
) -> None:
    painted, words = edited(prompt)

    assert (np.abs(painted - ORIGINAL).max(axis=2) > 3).mean() > 0.5
    assert told in words
    assert "added" not in words
    assert "Not drawn" not in words
    assert "未画出" not in words


def test_black_and_white_has_no_colour(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    painted, _ = edited("in black and white")

    assert np.ptp(painted, axis=2).max() == 0


def test_what_was_not_understood_is_said(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    painted, words = edited("gefummel the zork")

    assert (painted == ORIGINAL).all()
    assert words == "The given picture as it was. Not drawn: “gefummel” and “zork”."


@pytest.mark.parametrize("count", [2, 5, 16])
def test_further_pictures_are_laid_on_the_first(edited: Callable[..., tuple[np.ndarray, str]], count: int) -> None:  # type: ignore[type-arg]
    blue = source(Image.new("RGB", (300, 200), "#1020ff"))
    painted, words = edited("", images=(source(landscape()), *[blue] * (count - 1)))

    of_the_others = (np.abs(painted - (0x10, 0x20, 0xFF)).max(axis=2) < 24).mean()
    assert 0.005 < of_the_others < 0.5
    assert "laid on it" in words


def test_with_a_mask_and_no_subject_the_second_picture_is_set_in(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    blue = source(Image.new("RGB", (300, 200), "#1020ff"))
    painted, words = edited("", images=(source(landscape()), blue, blue), mask=source(mask()))

    assert (painted == ORIGINAL)[outside()].all()
    assert np.abs(painted[160, 160] - (0x10, 0x20, 0xFF)).max() < 4
    assert words == (
        "The given picture with the second one set into the place that was to be painted anew."
        " Not used: another picture."
    )


def test_pictures_that_a_mask_leaves_no_use_for_are_named(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    blue = source(Image.new("RGB", (300, 200), "#1020ff"))
    _, words = edited("a red fox", images=(source(landscape()), blue, blue), mask=source(mask()))

    assert words == "The given picture with a red fox added. Not used: 2 other pictures."


@pytest.mark.parametrize("count", [2, 3, 7])
def test_side_by_side_all_have_the_same_height(edited: Callable[..., tuple[np.ndarray, str]], count: int) -> None:  # type: ignore[type-arg]
    blue = source(Image.new("RGB", (300, 200), "#1020ff"))
    painted, words = edited("side by side", images=(source(landscape()), *[blue] * (count - 1)))

    share = (np.abs(painted - (0x10, 0x20, 0xFF)).max(axis=2) < 24).mean()
    assert share == pytest.approx((count - 1) / count, abs=0.17)
    assert words.startswith("The given picture side by side with")


def test_what_is_asked_for_stands_where_the_markup_was_drawn(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    layer = Image.new("RGBA", (EDGE, EDGE))
    ImageDraw.Draw(layer).ellipse((150, 20, 240, 110), outline=(255, 0, 255, 255), width=4)

    painted, _ = edited("a hot air balloon", markup=source(layer))

    changed = np.abs(painted - ORIGINAL).max(axis=2) > 24
    rows, columns = np.nonzero(changed)
    assert rows.size > 200
    assert (rows.min() >= 18, rows.max() <= 112, columns.min() >= 148, columns.max() <= 242) == (True,) * 4
    assert not (np.abs(painted - (255, 0, 255)).max(axis=2) < 8).any()


def test_variations_differ_from_the_picture_and_from_one_another(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    several = [edited(is_variation=True, seed=seed)[0] for seed in range(4)]

    for place, one in enumerate(several):
        assert (np.abs(one - ORIGINAL).max(axis=2) > 8).mean() > 0.2
        assert all((one != other).any() for other in several[:place])


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": "a red fox"},
        {"prompt": "a watercolour"},
        {"prompt": "a beach", "mask": source(mask())},
        {"is_variation": True},
    ],
)
def test_the_same_seed_gives_the_same_bytes(studio: Studio, a_spec: MakesSpec, more: dict[str, object]) -> None:
    spec = a_spec(**{"prompt": "", "images": (source(landscape()),), "width": EDGE, "height": EDGE, **more})

    first = studio.paint(spec, index=0, seed=5)

    assert Studio().paint(spec, index=0, seed=5) == first


@pytest.mark.parametrize(("width", "height"), [(256, 256), (512, 256), (256, 512)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_cut_to_the_shape_and_never_stretched(
    studio: Studio, a_spec: MakesSpec, width: int, height: int, kind: str
) -> None:
    round_one = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(round_one).ellipse((200, 100, 400, 300), fill="black")

    painted = pixels(
        studio.paint(
            a_spec("zork", images=(source(round_one, kind),), width=width, height=height), index=0, seed=1
        ).data
    )

    rows, columns = np.nonzero(painted.max(axis=2) < 128)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=3)


def test_a_transparent_background_keeps_the_picture_s_own(studio: Studio, a_spec: MakesSpec) -> None:
    image = landscape().convert("RGBA")
    image.putalpha(mask((0, 0, 256, 128)).getchannel("A"))
    spec = a_spec("a red fox", images=(source(image),), width=EDGE, height=EDGE, background=Background.TRANSPARENT)

    alpha = np.asarray(opened(studio.paint(spec, index=0, seed=3).data).getchannel("A"))

    assert alpha[4, 4] == 0
    assert alpha[250, 250] == 255


def test_unfinished_pictures_come_before_and_get_nearer(studio: Studio, a_spec: MakesSpec) -> None:
    seen: list[Partial] = []
    spec = a_spec("a red fox, in fog", images=(source(landscape()),), width=EDGE, height=EDGE, partials=2)

    final = pixels(studio.paint(spec, index=0, seed=3, show=seen.append).data)

    assert [(one.index, one.number, one.output_format) for one in seen] == [
        (0, 0, OutputFormat.PNG),
        (0, 1, OutputFormat.PNG),
    ]
    far, near = (np.abs(pixels(one.data) - final).mean() for one in seen)
    assert far > near > 0


def test_what_is_shown_first_of_a_mask_is_without_what_comes_into_it(studio: Studio, a_spec: MakesSpec) -> None:
    seen: list[Partial] = []
    more = {"images": (source(landscape()),), "mask": source(mask()), "width": EDGE, "height": EDGE}

    final = pixels(studio.paint(a_spec("a red fox", partials=1, **more), index=0, seed=3, show=seen.append).data)

    first = pixels(seen[0].data)
    assert (np.abs(first - final).max(axis=2) > 24)[~outside()].mean() > 0.05
    assert (first == ORIGINAL)[outside()].all()


def test_prints_hang_above_where_a_subject_is_to_stand(edited: Callable[..., tuple[np.ndarray, str]]) -> None:  # type: ignore[type-arg]
    blue = source(Image.new("RGB", (300, 200), "#1020ff"))

    def middle(prompt: str) -> float:
        painted, _ = edited(prompt, images=(source(landscape()), blue))
        rows, _ = np.nonzero(np.abs(painted - (0x10, 0x20, 0xFF)).max(axis=2) < 24)
        return float(rows.mean())

    assert middle("") > EDGE / 2
    assert middle("a red fox") < EDGE / 2


def test_an_edit_as_svg_is_a_document_with_the_pixels_in_it(studio: Studio, a_spec: MakesSpec) -> None:
    spec = a_spec("a red fox", images=(source(landscape()),), width=EDGE, height=EDGE, output_format=OutputFormat.SVG)

    text = studio.paint(spec, index=0, seed=3).data.decode()

    assert text.startswith("<svg ")
    assert 'xlink:href="data:image/png;base64,' in text


def test_hints_that_make_no_difference_are_said(studio: Studio, a_spec: MakesSpec) -> None:
    spec = a_spec("a red fox", images=(source(landscape()),), width=EDGE, height=EDGE, input_fidelity="high")

    picture = studio.paint(spec, index=0, seed=3)

    assert picture.notes == ("the illustrator is not told input_fidelity: it made no difference",)


def test_complexity_is_to_be_seen(studio: Studio, a_spec: MakesSpec) -> None:
    simple, rich = (
        studio.paint(a_spec("a fox in a meadow", complexity=complexity), index=0, seed=3)
        for complexity in ("low", "high")
    )

    assert len(rich.data) > len(simple.data)
    assert rich.notes == ()
