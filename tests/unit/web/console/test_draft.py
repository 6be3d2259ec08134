"""From a form's fields to the request that they stand for."""

from __future__ import annotations

import pytest

from limner.catalog.abilities import abilities
from limner.catalog.service import shipped
from limner.domain.spec import OutputFormat
from limner.web.console.draft import Draft, draft_of

MODELS = shipped(engine="illustrator")


def draft(model: str = "dall-e-3", /, **fields: str) -> Draft:
    able = abilities(MODELS[model], formats=frozenset(OutputFormat), response_format="url")
    return draft_of({"prompt": "an otter", **fields}, abilities=able)


def test_at_first_a_request_is_a_model_and_a_prompt() -> None:
    assert draft(size="1024x1024", quality="auto", style="vivid", n="1").body == {
        "model": "dall-e-3",
        "prompt": "an otter",
    }


def test_what_somebody_chose_stays_also_when_it_is_the_default() -> None:
    body = draft(style="vivid", quality="hd", given="style quality").body
    assert body == {"model": "dall-e-3", "prompt": "an otter", "quality": "hd", "style": "vivid"}


def test_a_number_that_was_typed_counts() -> None:
    assert draft("dall-e-2", n="3", seed="7").body == {"model": "dall-e-2", "prompt": "an otter", "n": 3, "seed": 7}


@pytest.mark.parametrize("text", ["", " ", "many", "-1", "1e3", "0x10", "11", "9" * 400, "²"])
def test_what_is_no_number_for_the_model_is_left_out(text: str) -> None:
    assert "n" not in draft("dall-e-2", n=text, given="n").body


def test_what_another_model_took_is_left_out() -> None:
    assert "style" not in draft("gpt-image-1", style="natural", given="style").body


def test_what_is_ruled_out_by_something_else_is_left_out() -> None:
    made = draft(output_format="jpeg", background="transparent", given="output_format background")
    assert "background" not in made.body
    background = made.choice("background")
    assert background is not None
    assert "transparent" not in background.values


def test_compression_is_there_for_formats_that_have_it() -> None:
    assert draft().choice("output_compression") is None
    made = draft(output_format="webp", output_compression="80", given="output_format")
    assert made.body["output_compression"] == 80


def test_any_size_goes_where_any_size_goes() -> None:
    assert draft("gpt-image-2", size="1280x720", given="size").body["size"] == "1280x720"
    assert "size" not in draft("gpt-image-2", size="1281x720", given="size").body
    assert "size" not in draft(size="1280x720", given="size").body


def test_an_empty_prompt_is_still_part_of_it() -> None:
    assert draft(prompt="").body["prompt"] == ""


def test_lines_of_a_prompt_end_as_programs_end_them() -> None:
    assert draft(prompt="a\r\nb").body["prompt"] == "a\nb"


def test_what_was_chosen_is_remembered() -> None:
    assert draft(style="natural", given="style nonsense").given == "style"
