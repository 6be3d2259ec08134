import pytest

from limner.engines.illustrator.art import Extent
from limner.engines.illustrator.compose import compose
from limner.engines.illustrator.scene import Scene, Wanted, Wish

FULL = Extent(left=8, top=8, right=120, bottom=120, foot_left=40, foot_right=88)
KINDS = {
    "cat": "animal-mammal",
    "house": "place-building",
    "otter": "animal-mammal",
    "bird": "animal-bird",
    "dove": "animal-bird",
}


def scene(*wanted: Wanted, width: int = 1024, height: int = 1024, seed: int = 1, **changes: object) -> Scene:
    return compose(
        Wish(language="en", wanted=wanted, **changes),
        width=width,
        height=height,
        detail=1,
        vivid=True,
        transparent=False,
        seed=seed,
        kind_of=lambda slug: KINDS.get(slug, ""),
        extent_of=lambda _: FULL,
        mood=0,
    )


@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1792, 1024), (1024, 1792), (3840, 256)])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_everything_is_inside_the_frame(width: int, height: int, count: int) -> None:
    for seed in range(5):
        made = scene(Wanted(slug="cat", count=count), Wanted(slug="house"), width=width, height=height, seed=seed)
        scale = 112 / 128
        for thing in made.placed:
            assert thing.x - thing.span * scale / 2 >= -1
            assert thing.x + thing.span * scale / 2 <= made.width + 1
            assert thing.y - thing.span * scale >= -1
            assert thing.y <= made.height


def test_a_house_is_larger_than_a_cat_and_behind_it() -> None:
    made = scene(Wanted(slug="cat"), Wanted(slug="house"))

    spans = {thing.slug: thing.span for thing in made.placed}
    assert spans["house"] > 1.5 * spans["cat"]
    assert [thing.slug for thing in made.placed] == ["house", "cat"]


def test_feet_stand_on_the_ground_and_wings_are_above_it() -> None:
    made = scene(Wanted(slug="cat"), Wanted(slug="dove"))

    feet = {thing.slug: thing.y for thing in made.placed}
    assert feet["cat"] > made.horizon > feet["dove"]


def test_an_otter_goes_to_sea_by_itself_and_swims() -> None:
    made = scene(Wanted(slug="otter"))

    assert made.place == "sea"
    assert made.placed[0].stance == "float"
    assert made.placed[0].sink > 0


def test_a_cat_at_sea_stands_on_the_beach() -> None:
    assert scene(Wanted(slug="cat"), place="sea").place == "beach"


def test_a_prompt_without_anything_still_gets_a_place_and_something_in_it() -> None:
    made = scene()

    assert made.place == "meadow"
    assert len(made.placed) == 1
