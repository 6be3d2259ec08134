from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from limner.files import rules

ID = UUID("019a0000-0000-7000-8000-0000000000ab")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("otter.png", "otter.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\grace\\otter.png", "otter.png"),
        ("海獭.png", "海獭.png"),
        ("a\0b\r\n\x1b[31m.png", "ab[31m.png"),
        ("gnp.\u202ereto", "gnp.reto"),
        ("\ud800", ""),
        ("folder/", ""),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_is_kept_as_far_as_it_may_be_shown(given: str, kept: str) -> None:
    assert rules.kept_name(given) == kept
    kept.encode()


def test_of_an_address_no_secret_is_kept() -> None:
    assert rules.kept_url("https://grace.test/a.png?sig=secret#part") == "https://grace.test/a.png"
    assert rules.kept_url(None) is None
    assert len(rules.kept_url("https://grace.test/" + "a" * 9000) or "") == 2048


@pytest.mark.parametrize(
    ("media_type", "extension"),
    [("image/png", "png"), ("image/jpeg", "jpeg"), ("image/../x", "bin"), ("text/html", "bin"), ("", "bin")],
)
def test_files_end_as_their_kind_does(media_type: str, extension: str) -> None:
    assert rules.extension_of(media_type) == extension


def test_files_lie_in_folders_by_day() -> None:
    late = datetime(2026, 11, 23, 1, 0, tzinfo=timezone(timedelta(hours=8)))

    key = rules.storage_key(id_=ID, media_type="image/png", created_at=late)

    assert late.astimezone(UTC).day == 22
    assert key == f"inputs/2026-11-22/{ID}.png"


@pytest.mark.parametrize("prefix", ["019a", "file-019a", "019A", "019a0000-00", f"file-{ID.hex}", str(ID)])
def test_the_beginning_of_an_id_is_a_range_of_ids(prefix: str) -> None:
    ids = rules.id_range(prefix)

    assert ids is not None
    assert ids[0] <= ID <= ids[1]


@pytest.mark.parametrize("prefix", ["", "file-", "otter", "0" * 33, "019a%"])
def test_what_begins_no_id_is_none(prefix: str) -> None:
    assert rules.id_range(prefix) is None
