from itertools import pairwise

import pytest

from limner.engines.illustrator.colour import Tint, map_colours, mix, recoloured, to_hex, to_lch


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ff0000", "#3f86f2", "#8a5a3c", "#7f7f7f"])
def test_oklch_and_back_is_the_same_colour(colour: str) -> None:
    assert to_hex(to_lch(colour)) == colour


def test_colours_out_of_reach_change_smoothly() -> None:
    greys = [int(to_hex((0.7, chroma / 1000, 2.5))[3:5], 16) for chroma in range(100, 400)]

    assert max(abs(a - b) for a, b in pairwise(greys)) <= 2


def test_mixing_half_of_black_and_white_is_grey() -> None:
    assert to_lch(mix("#000000", "#ffffff", 0.5))[1] < 0.01


def test_ids_that_look_like_nothing_are_left_alone() -> None:
    svg = '<path fill="#abc" clip-path="url(#i0)"/>'

    assert map_colours(svg, lambda _: "#000000") == '<path fill="#000000" clip-path="url(#i0)"/>'


def test_recolouring_moves_the_main_colour_and_keeps_the_rest() -> None:
    car = '<path fill="#e02020"/><path fill="#c01818"/><path fill="#8fd0f0"/><path fill="#222222"/>'

    green = recoloured(car, "#3fae49", areas={"#e02020": 500, "#c01818": 200, "#8fd0f0": 90, "#222222": 100})

    assert "#8fd0f0" in green
    assert "#222222" in green
    assert "#e02020" not in green


def test_a_grey_animal_takes_the_colour_with_its_coat() -> None:
    rabbit = '<path fill="#b0b0b0"/><path fill="#ffb0c0"/><path fill="#222222"/>'

    blue = recoloured(rabbit, "#3f86f2", areas={"#b0b0b0": 900, "#ffb0c0": 60, "#222222": 30})

    assert "#b0b0b0" not in blue
    assert "#ffb0c0" in blue


def test_an_empty_tint_changes_nothing() -> None:
    assert Tint()("#3f86f2") == "#3f86f2"
