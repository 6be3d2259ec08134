"""From what a program sent to what a verb of flow takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import orjson

from limner.domain.money import micro
from limner.domain.problem import InvalidValue, MissingParameter, UnknownParameter
from limner.flow.platform import NoSuchRecord
from limner.flow.usage import DAYS_MAX, Span, last_days

LIMIT_MAX: Final = 100
LIMIT: Final = 20
_OFFSET_MAX: Final = 10_000_000
_CREDITS_MAX: Final = 10**9
_DAY: Final = timedelta(days=1)
_UNIX_MAX: Final = 32_503_680_000  # the year 3000
_UNIX_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list."""

    limit: int
    offset: int


def check_names(given: Mapping[str, str], known: Collection[str]) -> None:
    """Raises `UnknownParameter` for a query field that is none."""
    for name in given:
        if name not in known:
            raise UnknownParameter(
                f"there is no '{name[:40]}' here: there is {', '.join(known) or 'nothing'}", param=name
            )


def page(given: Mapping[str, str]) -> Page:
    """The part that limit and offset name. Raises `InvalidValue`."""
    return Page(
        limit=_whole(given.get("limit"), "limit", low=1, high=LIMIT_MAX, default=LIMIT),
        offset=_whole(given.get("offset"), "offset", low=0, high=_OFFSET_MAX, default=0),
    )


def _whole(text: str | None, name: str, *, low: int, high: int, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise InvalidValue(f"{name} must be a whole number from {low} to {high}", param=name)
    return int(text)


def status_code(given: Mapping[str, str]) -> int | None:
    """The HTTP status that is asked for. Raises `InvalidValue`."""
    if "status_code" not in given:
        return None
    return _whole(given["status_code"], "status_code", low=100, high=599, default=0)


def id_in_path(text: str, *, what: str) -> UUID:
    """The id in an address; one that cannot be is nobody's. Raises `NoSuchRecord`."""
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchRecord(f"there is no {what} '{text[:60]}'") from None


def id_in(given: Mapping[str, Any], name: str) -> UUID | None:
    """An id in a query or a body. Raises `InvalidValue`."""
    value = given.get(name)
    if value is None:
        return None
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidValue(f"{name} must be an id", param=name) from None


def moment(value: object, name: str) -> datetime | None:
    """A time as ISO 8601 (without a zone: UTC) or Unix seconds; None: not given. Raises `InvalidValue`."""
    if value is None or value == "":
        return None
    text_ = str(value)
    if text_.isascii() and text_.replace(".", "", 1).isdigit() and not isinstance(value, bool):
        if len(text_) <= _UNIX_DIGITS and float(text_) <= _UNIX_MAX:
            return datetime.fromtimestamp(float(text_), UTC)
    else:
        with suppress(ValueError, OverflowError):
            found = datetime.fromisoformat(text_)
            return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    raise InvalidValue(f"{name} must be a time such as 2026-11-22T12:00:00Z", param=name)


def span(given: Mapping[str, str], *, now: datetime) -> Span:
    """The whole days (UTC) that the given times are in; without them the last thirty. Raises `InvalidValue`."""
    since = moment(given.get("created_at_from"), "created_at_from")
    until = moment(given.get("created_at_to"), "created_at_to") or now
    if since is None:
        since = last_days(30, now=until).since
    begins, ends = _midnight(since), _midnight(until) + _DAY
    if not _DAY <= ends - begins <= DAYS_MAX * _DAY:
        raise InvalidValue(f"usage is told for 1 to {DAYS_MAX} days", param="created_at_from")
    return Span(step="day", since=begins, until=ends)


def _midnight(moment_: datetime) -> datetime:
    return moment_.replace(hour=0, minute=0, second=0, microsecond=0)


def body(content: bytes, *, known: Collection[str]) -> dict[str, Any]:
    """The fields of a JSON object; nothing at all counts as {}. Raises `InvalidValue`, `UnknownParameter`."""
    try:
        found = orjson.loads(content) if content.strip() else {}
    except orjson.JSONDecodeError:
        raise InvalidValue("the body must be a JSON object") from None
    if not isinstance(found, dict):
        raise InvalidValue("the body must be a JSON object")
    for name in found:
        if name not in known:
            raise UnknownParameter(
                f"there is no field '{name[:40]}' here: there is {', '.join(known)}", param=name[:40]
            )
    return found


def text(given: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """A field of text. Raises `MissingParameter` or `InvalidValue`."""
    value = given.get(name, default)
    if value is None:
        raise MissingParameter(f"{name} is missing", param=name)
    if not isinstance(value, str):
        raise InvalidValue(f"{name} must be text", param=name)
    return value


def amount(given: Mapping[str, Any], name: str) -> int | None:
    """An amount of credits, in micro-credits; None: not given. Raises `InvalidValue`."""
    value = given.get(name)
    if value is None:
        return None
    try:
        credits_ = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        credits_ = None
    if credits_ is None or not credits_.is_finite() or not 0 <= credits_ <= _CREDITS_MAX:
        raise InvalidValue(f"{name} must be an amount of credits such as 2.5, or null", param=name)
    return micro(credits_)
