from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from limner.kit.signing import LinkExpiredError, LinkForgedError, sign, verify

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATH = "/files/2026-11-22/otter_0.png"
OURS, OLDER, FOREIGN = b"o" * 32, b"p" * 32, b"f" * 32


def signed(*, secret: bytes = OURS, path: str = PATH, seconds: int = 60) -> dict[str, str]:
    query = parse_qs(sign(secret=secret, path=path, until=NOON + timedelta(seconds=seconds)))
    return {"expiry": query["se"][0], "permission": query["sp"][0], "signature": query["sig"][0]}


def test_a_link_opens_until_its_end() -> None:
    assert verify(secrets=[OURS], path=PATH, now=NOON, **signed()) == NOON + timedelta(seconds=60)


def test_the_query_is_fit_for_a_url() -> None:
    query = sign(secret=OURS, path=PATH, until=NOON)

    assert query.startswith("se=2026-11-22T12%3A00%3A00Z&sp=r&sig=")
    assert not set(query) & set("+/ ")


def test_a_link_is_over_at_its_very_end() -> None:
    with pytest.raises(LinkExpiredError):
        verify(secrets=[OURS], path=PATH, now=NOON + timedelta(seconds=60), **signed())


def test_an_expiry_in_another_zone_is_the_same_moment() -> None:
    tokyo = (NOON + timedelta(seconds=60)).astimezone(tz=None)

    query = parse_qs(sign(secret=OURS, path=PATH, until=tokyo))

    assert query["se"] == ["2026-11-22T12:01:00Z"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("expiry", "2027-11-22T12:01:00Z"),
        ("expiry", ""),
        ("expiry", "tomorrow"),
        ("expiry", "2026-13-45T99:99:99Z"),
        ("permission", "w"),
        ("permission", ""),
        ("permission", "rw"),
        ("signature", ""),
        ("signature", "AAAA"),
        ("signature", "ключ"),
        ("signature", "x" * 100_000),
    ],
)
def test_a_changed_part_is_a_forgery(part: str, value: str) -> None:
    with pytest.raises(LinkForgedError):
        verify(secrets=[OURS], path=PATH, now=NOON, **{**signed(), part: value})


def test_a_link_is_good_for_its_own_path_only() -> None:
    with pytest.raises(LinkForgedError):
        verify(secrets=[OURS], path="/files/2026-11-22/otter_1.png", now=NOON, **signed())


def test_what_a_foreign_secret_signed_is_a_forgery_even_when_expired() -> None:
    with pytest.raises(LinkForgedError):
        verify(secrets=[OURS, OLDER], path=PATH, now=NOON + timedelta(days=9), **signed(secret=FOREIGN))


def test_links_of_an_older_secret_stay_good() -> None:
    assert verify(secrets=[OURS, OLDER], path=PATH, now=NOON, **signed(secret=OLDER))


def test_without_any_secret_nothing_is_good() -> None:
    with pytest.raises(LinkForgedError):
        verify(secrets=[], path=PATH, now=NOON, **signed())


def test_a_line_break_cannot_move_a_part_into_another() -> None:
    """The signed text has a line for each part: no part may smuggle one in."""
    good = signed()

    with pytest.raises(LinkForgedError):
        verify(
            secrets=[OURS],
            path=PATH.removeprefix("/files"),
            now=NOON,
            expiry=good["expiry"] + "\n/files",
            permission="r",
            signature=good["signature"],
        )
