from __future__ import annotations

import base64
import json
import os

import pytest

from limner.inboxes import rules


def test_a_token_is_a_word_that_nobody_guesses() -> None:
    tokens = {rules.token_of(os.urandom(rules.TOKEN_BYTES)) for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 32 and token.isalnum() and token.islower() for token in tokens)
    assert all(map(rules.is_token, tokens))
    assert rules.TOKEN_BYTES * 8 >= 128


@pytest.mark.parametrize("text", ["", "a", "a" * 31, "a" * 33, "A" * 32, "a" * 31 + "\0", "1" * 32, "a" * 31 + "/"])
def test_what_could_not_be_a_token_is_none(text: str) -> None:
    assert not rules.is_token(text)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Authorization", "Bearer sk-limner-secret", "Bearer ***"),
        ("authorization", "Basic YWRhOnNlY3JldA==", "Basic ***"),
        ("authorization", "sk-limner-secret", "***"),
        ("authorization", "secret of ada", "***"),
        ("Proxy-Authorization", "Basic YWRhOnNlY3JldA==", "Basic ***"),
        ("cookie", "session=secret", "***"),
        ("x-api-key", "secret", "***"),
        ("x-secret-garden", "open", "open"),
    ],
)
def test_no_secret_is_kept(name: str, value: str, kept: str) -> None:
    assert rules.kept_headers([(name, value)]) == {name.lower(): kept}


def test_headers_of_one_name_are_joined_and_none_is_endless() -> None:
    kept = rules.kept_headers(
        [("x-a", "1"), ("X-A", "2"), ("x-nul", "a\0b"), ("x-bytes", "\udcff"), ("x-long", "y" * 100_000)]
    )

    assert kept["x-a"] == "1, 2"
    assert kept["x-nul"] == "a�b"
    assert kept["x-bytes"] == "?"
    assert len(kept["x-long"]) == 4096


def test_of_a_thousand_headers_a_hundred_are_kept() -> None:
    assert len(rules.kept_headers((f"x-{number}", "1") for number in range(1000))) == 100


def test_a_text_is_shown_as_text_and_bytes_as_base64() -> None:
    text = rules.shown_body("eine Möwe".encode(), is_truncated=False)
    data = rules.shown_body(b"\x89PNG\xff", is_truncated=False)

    assert (text.text, text.encoding, text.is_shortened) == ("eine Möwe", "utf-8", False)
    assert (base64.b64decode(data.text), data.encoding, data.is_shortened) == (b"\x89PNG\xff", "base64", False)


def test_a_letter_that_was_cut_in_two_does_not_make_a_text_bytes() -> None:
    cut = "eine Möwe".encode()[:7]

    assert rules.shown_body(cut, is_truncated=True).text == "eine M"
    assert rules.shown_body(cut, is_truncated=False).encoding == "base64"


def test_json_with_a_picture_in_it_stays_json_when_it_is_shortened() -> None:
    picture = base64.b64encode(bytes(100_000)).decode()
    body = json.dumps({"b64_json": picture, "prompt": "an otter", "url": "data:image/png;base64," + picture}).encode()

    shown = rules.shown_body(body, is_truncated=False, characters=1000)

    assert shown.is_shortened
    assert len(shown.text) < 500
    found = json.loads(shown.text)
    assert found["prompt"] == "an otter"
    assert found["b64_json"] == picture[:48] + f"… ({len(picture) - 48:,} more)"
    assert found["url"].startswith("data:image/png;base64,AAAA")


def test_long_texts_and_long_bytes_are_shortened_where_that_is_asked_for() -> None:
    text, data = b"otter " * 1000, b"\xff" * 6000

    assert len(rules.shown_body(text, is_truncated=False, characters=100).text) == 100
    assert len(rules.shown_body(data, is_truncated=False, characters=100).text) == 100
    assert rules.shown_body(data, is_truncated=False, characters=100).is_shortened
    assert not rules.shown_body(text, is_truncated=False).is_shortened
    assert not rules.shown_body(data, is_truncated=False).is_shortened


def test_ids_hashes_and_signatures_are_left_as_they_are() -> None:
    for text in ("01a204d4-7fff-7354-896b-6bc9421c55ed", "d5907c4d" * 8, "v1," + "A" * 88):
        assert rules.shortened(text) == text
