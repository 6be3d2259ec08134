"""Objects and lists in forms, as clients write them there."""

from __future__ import annotations

import pytest

from limner.domain.ask import Act, Ask
from limner.domain.problem import InvalidValue
from limner.web.dialects.images import parse
from limner.web.dialects.images.differences import DIALECTS
from limner.web.uploads import Form

IMAGE = ("image", "https://example.com/otter.png")


def asked(*fields: tuple[str, str]) -> Ask:
    form = Form(fields=[("model", "gpt-image-2.6-flare"), ("prompt", "Draw it"), IMAGE, *fields])
    ask, _, _ = parse.edit_form(form, act=Act.EDIT, dialect=DIALECTS[0])
    return ask


def test_an_object_comes_in_pieces() -> None:
    ask = asked(("svg[model]", "gpt-6"), ("svg[reasoning][effort]", "low"))

    assert ask.svg == {"model": "gpt-6", "reasoning": {"effort": "low"}}


def test_an_object_comes_as_json_too() -> None:
    assert asked(("svg", '{"model": "gpt-6"}')).svg == {"model": "gpt-6"}


@pytest.mark.parametrize(
    ("fields", "lora"),
    [
        ((("lora[]", "ink"), ("lora[]", "paper")), ["ink", "paper"]),
        ((("lora[name]", "ink"), ("lora[scale]", "0.5")), {"name": "ink", "scale": 0.5}),
        (
            (("lora[][name]", "ink"), ("lora[][scale]", "0.5"), ("lora[][name]", "paper")),
            [{"name": "ink", "scale": 0.5}, {"name": "paper"}],
        ),
    ],
    ids=["list", "object", "list-of-objects"],
)
def test_what_engines_know_comes_in_pieces_too(fields: tuple[tuple[str, str], ...], lora: object) -> None:
    assert asked(*fields).extras == {"lora": lora}


def test_what_stands_in_extra_body_is_put_beside_the_rest() -> None:
    ask = asked(("extra_body[seed]", "7"), ("extra_body[steps]", "9"))

    assert (ask.seed, ask.extras) == (7, {"steps": 9})


@pytest.mark.parametrize(
    "fields",
    [
        (("svg", '{"model": "a"}'), ("svg[model]", "b")),
        (("svg[model]", "a"), ("svg[model]", "b")),
        (("svg[model]", "a"), ("svg[model][x]", "b")),
        (("lora[]", "a"), ("lora[name]", "b")),
    ],
)
def test_what_is_said_twice_is_refused(fields: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(InvalidValue, match="is there twice: send it once"):
        asked(*fields)
