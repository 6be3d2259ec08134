"""What people write on a command line for times and amounts, and how those are shown. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

import click
from typing_extensions import override

_SPAN: Final = re.compile(r"(\d{1,6})\s*([mhdwy])", re.ASCII)
_UNITS: Final = MappingProxyType(
    {
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
        "y": timedelta(days=365),
    }
)
_CREDITS_MAX: Final = 1_000_000_000
_PLACES_MAX: Final = 6
NO_ENGINES: Final = "none"


def moment(text: str, *, now: datetime) -> datetime:
    """A time to come: after a span (90m, 12h, 30d, 8w, 1y) or at an ISO date or time, in UTC unless it says otherwise.

    Raises ValueError with a sentence.
    """
    then = _time(text, now=now, direction=1)
    if then <= now:
        raise ValueError(f"{text} is in the past")
    return then


def earlier(text: str, *, now: datetime) -> datetime:
    """A time gone by: a span ago (90m, 12h, 5d) or at an ISO date or time, in UTC unless it says otherwise.

    Raises ValueError with a sentence.
    """
    then = _time(text, now=now, direction=-1)
    if then > now:
        raise ValueError(f"{text} is in the future")
    return then


def _time(text: str, *, now: datetime, direction: int) -> datetime:
    span = _SPAN.fullmatch(text.strip().lower())
    try:
        then = now + direction * int(span[1]) * _UNITS[span[2]] if span else datetime.fromisoformat(text.strip())
    except OverflowError:
        raise ValueError(f"{text} is too far away") from None
    except ValueError:
        raise ValueError(f"'{text}' is neither a span like 12h, 30d or 1y nor a date like 2027-12-31") from None
    return then if then.tzinfo else then.replace(tzinfo=UTC)


def amount(text: str) -> int:
    """Micro-credits of an amount in credits with up to six decimals. Raises ValueError with a sentence."""
    from limner.domain.money import micro

    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"'{text}' is not an amount of credits like 10 or 0.25") from None
    if not value.is_finite() or abs(value) > _CREDITS_MAX:
        raise ValueError(f"an amount is {_CREDITS_MAX:,} credits at most")
    if value != round(value, _PLACES_MAX):
        raise ValueError(f"credits have {_PLACES_MAX} decimals at most")
    return micro(value)


def shown_time(time: datetime | None) -> str:
    """To the minute, in UTC; nothing for None."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" if time else ""


def shown_moment(time: datetime | None) -> str:
    """To the second, in UTC; nothing for None."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def shown_span(span: timedelta) -> str:
    """How long, in its largest unit: 12s, 5m, 3h, 12d. Nothing is shorter than 0s."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def engine_names(text: str) -> tuple[str, ...]:
    """The engines that a list with commas names; `none` stands for no engine at all. Raises ValueError with a sentence."""
    names = tuple(name.strip() for name in text.split(","))
    if names == (NO_ENGINES,):
        return ()
    if not all(names) or NO_ENGINES in names:
        raise ValueError(f"'{text}' does not name engines: give some with commas between them, or {NO_ENGINES}")
    return names


class Credits(click.ParamType[int]):
    """An option or argument in credits; its value is in micro-credits."""

    name = "credits"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else amount(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """An option that names a time to come."""

    name = "time"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else moment(value, now=datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Earlier(click.ParamType[datetime]):
    """An option that names a time gone by."""

    name = "time"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else earlier(value, now=datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Engines(click.ParamType[tuple[str, ...]]):
    """An option that names engines."""

    name = "names"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        try:
            return value if isinstance(value, tuple) else engine_names(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
