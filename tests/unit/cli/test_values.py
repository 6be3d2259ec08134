from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from limner.cli.parts.values import amount, earlier, engine_names, moment, shown_span, shown_time

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("90m", NOON + timedelta(minutes=90)),
        ("12h", NOON + timedelta(hours=12)),
        ("30d", NOON + timedelta(days=30)),
        ("2 W", NOON + timedelta(weeks=2)),
        ("1y", NOON + timedelta(days=365)),
        ("2027-12-31", datetime(2027, 12, 31, tzinfo=UTC)),
        ("2026-11-22T14:00+01:00", datetime(2026, 11, 22, 14, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_a_time_is_a_span_or_a_date(text: str, then: datetime) -> None:
    assert moment(text, now=NOON) == then


@pytest.mark.parametrize("text", ["", "soon", "30", "30 days", "2026-11-22T11:59", "0d", "999999y", "2027-13-01"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"past|neither|far"):
        moment(text, now=NOON)


@pytest.mark.parametrize(
    ("text", "micro"), [("10", 10_000_000), ("0.000001", 1), ("-2.5", -2_500_000), (" 1e3 ", 10**9)]
)
def test_an_amount_is_in_credits(text: str, micro: int) -> None:
    assert amount(text) == micro


@pytest.mark.parametrize("text", ["", "ten", "nan", "inf", "1e400", "0.0000001", "2000000000"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="credits"):
        amount(text)


def test_times_are_shown_in_utc() -> None:
    assert shown_time(NOON.astimezone(timezone(timedelta(hours=8)))) == "2026-11-22 12:00"
    assert shown_time(None) == ""


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("90m", NOON - timedelta(minutes=90)),
        ("5d", NOON - timedelta(days=5)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T12:00+01:00", datetime(2026, 11, 22, 11, tzinfo=UTC)),
    ],
)
def test_a_time_gone_by_is_a_span_or_a_date(text: str, then: datetime) -> None:
    assert earlier(text, now=NOON) == then


@pytest.mark.parametrize("text", ["", "yesterday", "-2h", "2026-11-23", "999999y"])
def test_what_is_no_time_gone_by_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"future|neither|far"):
        earlier(text, now=NOON)


@pytest.mark.parametrize(
    ("text", "names"), [("fake", ("fake",)), (" fake, illustrator ", ("fake", "illustrator")), ("none", ())]
)
def test_engines_are_named_with_commas(text: str, names: tuple[str, ...]) -> None:
    assert engine_names(text) == names


@pytest.mark.parametrize("text", ["", "fake,", "none,fake", ","])
def test_what_names_no_engines_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not name engines"):
        engine_names(text)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0s"), (59.9, "59s"), (60, "1m"), (7199, "1h"), (86_400 * 12 + 5, "12d")]
)
def test_spans_are_shown_in_their_largest_unit(seconds: float, shown: str) -> None:
    assert shown_span(timedelta(seconds=seconds)) == shown
