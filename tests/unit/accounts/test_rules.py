from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from limner.accounts.rules import bearer_secret, has_expired, hash_of, secret_from, shown_prefix

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_secret_is_long_and_plain() -> None:
    secret = secret_from(bytes(range(224, 256)))

    assert secret.startswith("sk-limner-")
    assert len(secret) == len("sk-limner-") + 43
    assert secret.removeprefix("sk-limner-").isalnum()


def test_the_shown_part_gives_little_away() -> None:
    secret = secret_from(b"\x01" * 32)

    assert shown_prefix(secret) == secret[:16]


def test_the_hash_is_not_the_secret() -> None:
    secret = secret_from(b"\x01" * 32)

    assert len(hash_of(secret)) == 32
    assert secret.encode() not in hash_of(secret)
    assert hash_of(secret) != hash_of(secret + "x")


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer sk-1", "sk-1"),
        ("bearer sk-1", "sk-1"),
        ("BEARER   sk-1 ", "sk-1"),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic sk-1", None),
        ("sk-1", None),
        ("", None),
        (None, None),
        ("Bearer \udce9", "\udce9"),
    ],
)
def test_the_secret_comes_from_the_header(header: str | None, secret: str | None) -> None:
    assert bearer_secret(header) == secret


def test_bytes_that_are_no_text_still_have_a_hash() -> None:
    assert len(hash_of("\udce9")) == 32


@pytest.mark.parametrize(("expires_in", "over"), [(None, False), (1, False), (0, True), (-1, True)])
def test_a_key_ends_at_its_moment(expires_in: int | None, over: bool) -> None:  # noqa: FBT001 - a table's column
    expires_at = None if expires_in is None else NOON + timedelta(seconds=expires_in)

    assert has_expired(expires_at, now=NOON) is over
