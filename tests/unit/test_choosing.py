"""Which engine paints where nobody has said, by what is at hand."""

from __future__ import annotations

from typing import Any

import pytest

from limner.catalog.service import shipped
from limner.choosing import Found, choose, upstream_name, upstream_of

NAMES = sorted(shipped(engine="fake"))
LOCAL = Found(engine="local", options={"plug": "diffusers_local", "model": "/models/pear"}, why="there is a GPU")


def upstream(**environ: str) -> Found:
    found = upstream_of({"OPENAI_API_KEY": "sk-abc", **environ}, models=NAMES, plug="openai_relay")
    assert found is not None
    return found


def options(found: Found) -> dict[str, Any]:
    made: dict[str, Any] = found.options["upstreams"]["main"]
    return made


def test_a_key_makes_an_upstream() -> None:
    found = upstream()

    assert (found.engine, found.place, found.why) == ("openai", "api.openai.com", "OPENAI_API_KEY is set")
    assert found.options["plug"] == "openai_relay"
    made = options(found)
    assert (made["address"], made["key"], made["dialect"]) == ("https://api.openai.com/v1", "sk-abc", "openai")
    assert "organization" not in made


def test_the_other_variables_of_openai_s_clients_are_heeded() -> None:
    found = upstream(OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_ORG_ID="org-1", OPENAI_PROJECT_ID="proj-1")

    made = options(found)
    assert (made["address"], made["organization"], made["project"]) == ("http://127.0.0.1:9/v1", "org-1", "proj-1")
    assert found.place == "127.0.0.1"


@pytest.mark.parametrize(
    "environ", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": "  "}, {"OPENAI_BASE_URL": "http://x"}]
)
def test_without_a_key_there_is_none(environ: dict[str, str]) -> None:
    assert upstream_of(environ, models=NAMES, plug="openai_relay") is None


def test_an_empty_address_is_none() -> None:
    assert options(upstream(OPENAI_BASE_URL=" "))["address"] == "https://api.openai.com/v1"


def test_neither_key_nor_password_is_shown() -> None:
    found = upstream(OPENAI_BASE_URL="http://ada:hunter2@127.0.0.1:9/v1?token=x")

    shown = f"{found!r} {found.place} {found.why}"
    for secret in ("sk-abc", "hunter2", "ada", "token"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("dall-e-2", "gpt-image-2"),
        ("dall-e-3", "gpt-image-2"),
        ("gpt-image-1", "gpt-image-2"),
        ("gpt-image-1-mini", "gpt-image-2.6-flare"),
        ("gpt-image-1.5", "gpt-image-2.6-sunburst"),
        ("chatgpt-image-latest", "gpt-image-2.6-sunburst"),
        ("gpt-image-2", "gpt-image-2"),
        ("gpt-image-2-2026-04-21", "gpt-image-2-2026-04-21"),
        ("gpt-image-2:official", "gpt-image-2"),
        ("gpt-image-2.5-flare:official", "gpt-image-2.5-flare"),
        ("gpt-image-2.6-sunburst", "gpt-image-2.6-sunburst"),
        ("gpt-image-9", "gpt-image-9"),
        ("portraits", "gpt-image-2"),
    ],
)
def test_a_model_is_asked_for_by_a_name_that_is_current_there(ours: str, theirs: str) -> None:
    assert upstream_name(ours) == theirs


def test_every_name_on_offer_has_one() -> None:
    names = options(upstream())["models"]

    assert set(names) == set(NAMES)
    assert all(name.startswith("gpt-image-2") for name in names.values())


def test_an_upstream_goes_before_a_model_on_this_machine_and_that_before_the_illustrator() -> None:
    def nothing() -> None:
        return None

    for finders, engine in (
        ([upstream, lambda: LOCAL], "openai"),
        ([nothing, lambda: LOCAL], "local"),
        ([nothing, nothing], "illustrator"),
    ):
        choice, found = choose(finders, fault=lambda _: None)
        assert choice.engine == engine
        assert choice.is_plain is (found is None)


def test_nobody_looks_further_than_need_be() -> None:
    def dear() -> None:
        raise AssertionError("it takes seconds to look for GPUs")

    assert choose([upstream, dear], fault=lambda _: None)[0].engine == "openai"


def test_what_cannot_be_used_is_said_and_passed_over() -> None:
    choice, found = choose([upstream, lambda: LOCAL], fault=lambda one: "it is broken" if one is not LOCAL else None)

    assert found is LOCAL
    assert choice.notes == ("OPENAI_API_KEY is set, but it is broken",)
    plain, nothing = choose([upstream], fault=lambda _: "it is broken")
    assert (plain.sentence, nothing) == ("illustrator, since nothing better can be used", None)


def test_the_sentence_says_what_and_why() -> None:
    choice, _ = choose([upstream], fault=lambda _: None)
    assert choice.sentence == "openai at api.openai.com, since OPENAI_API_KEY is set"
    choice, _ = choose([], fault=lambda _: None)
    assert choice.sentence == "illustrator, since neither OPENAI_API_KEY nor a GPU model is here"
