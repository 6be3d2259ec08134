from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

from limner.domain.ask import Ask
from limner.domain.money import in_credits, micro
from limner.domain.problem import InvalidValue
from limner.domain.spec import Background, OutputFormat, Picture, Quality, Spec, Style


@pytest.mark.parametrize(
    ("credits_", "micro_credits"),
    [
        ("0.04", 40_000),
        (0.1, 100_000),
        (1000, 1_000_000_000),
        (Decimal("0.0000005"), 0),
        (Decimal("0.0000015"), 2),
        ("-2.5", -2_500_000),
        (0, 0),
    ],
)
def test_credits_become_whole_micro_credits(credits_: str | float | Decimal, micro_credits: int) -> None:
    assert micro(credits_) == micro_credits


@pytest.mark.parametrize(
    ("micro_credits", "shown"),
    [(40_000, "0.040000"), (1, "0.000001"), (-1, "-0.000001"), (-2_500_000, "-2.500000"), (0, "0.000000")],
)
def test_micro_credits_are_shown_with_all_places(micro_credits: int, shown: str) -> None:
    assert in_credits(micro_credits) == shown


def test_an_ask_tells_only_what_was_given() -> None:
    ask = Ask(prompt="an otter", model="dall-e-3", n=1, seed=0)

    assert ask.given() == {"prompt": "an otter", "model": "dall-e-3", "n": 1, "seed": 0}


@pytest.mark.parametrize(
    ("output_format", "media_type"),
    [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp"), ("svg", "image/svg+xml")],
)
def test_every_format_has_its_media_type(output_format: str, media_type: str) -> None:
    assert OutputFormat(output_format).media_type == media_type


def test_a_problem_carries_its_sentence_its_field_and_when_to_come_back() -> None:
    problem = InvalidValue("n must be 1", param="n", retry_after_seconds=2)

    assert (str(problem), problem.message, problem.param) == ("n must be 1", "n must be 1", "n")
    assert (problem.code, problem.status, problem.retry_after_seconds) == ("invalid_value", 400, 2)


def test_specs_and_pictures_cross_process_borders() -> None:
    spec = Spec(
        prompt="an otter",
        n=1,
        width=64,
        height=64,
        quality=Quality.HD,
        style=Style.NATURAL,
        background=Background.TRANSPARENT,
        output_format=OutputFormat.WEBP,
        output_compression=50,
        seed=None,
    )
    picture = Picture(
        index=0, data=b"x", output_format=OutputFormat.PNG, width=1, height=1, seed=1, revised_prompt="an otter"
    )

    assert pickle.loads(pickle.dumps((spec, picture))) == (spec, picture)
