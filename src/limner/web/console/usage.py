"""What an account has used: by day, model, key and outcome; and all of it for a spreadsheet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from starlette.responses import Response, StreamingResponse

from limner.domain.money import MICRO_PER_CREDIT
from limner.flow.usage import DAYS_MAX, Report, export, last_days, report
from limner.usage.models import Used
from limner.web.console.charts import Chart, chart
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import LOCALES, N_

_Kind = TypeVar("_Kind")
_DAYS: Final = 30
_WHOLE_FROM_SECONDS: Final = 100
_SPANS: Final = ((1, N_("24 hours")), (7, N_("7 days")), (30, N_("30 days")), (90, N_("90 days")))
_HALF: Final = 0.5
_MOST: Final = 0.95
# Spreadsheets take a file without it for one of their own country's letters.
_MARK: Final = "\ufeff".encode()


def pages() -> list[Page]:
    """Each account sees its own."""
    return [
        page("/usage", _show, needs="account"),
        page("/usage/export", _export, needs="account"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table, as it is written: a year of days would take a library of formats too long.

    `share`: how much of the largest row's credits it is, from 0 to 1. `href`: what is behind it; '' nothing.
    """

    what: str
    href: str
    share: float
    pictures: str
    credits: str
    half: str
    most: str
    tasks: str
    failed: str

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed."""
        return self.failed == "0"


async def _show(visit: Visit) -> Response:
    days = _asked(visit)
    found = await report(visit.house, account_id=visit.account_id, span=last_days(days, now=visit.now))
    names = _names(visit, found)
    lines = _lines((name, "", used) for name, (_, used) in zip(names, found.steps, strict=True))
    usage, links = found.usage, {id_: f"/keys/{id_}" for id_ in found.living}
    _ = visit.words.gettext
    context: dict[str, Any] = {
        "days": days,
        "spans": [(count, _(words)) for count, words in _SPANS],
        "report": found,
        "total": usage.total,
        "half": _HALF,
        "most": _MOST,
        "edges": [names[at] for at in (0, len(names) // 2, -1)],
        "steps": [line for line in reversed(lines) if line.tasks != "0"],
        "charts": _charts(visit, found, lines),
        "models": _lines((name, "", used) for name, used in _by_size(usage.models)),
        "keys": _lines(
            (found.names.get(id_, str(id_)), links.get(id_, ""), used) for id_, used in _by_size(usage.keys)
        ),
        "outcomes": sorted(usage.outcomes.items(), key=lambda one: -one[1].tasks),
    }
    return await visit.page("usage.html", **context)


async def _export(visit: Visit) -> Response:
    span = last_days(_asked(visit), now=visit.now)
    pieces = export(visit.house, account_id=visit.account_id, span=span, with_prompts=visit.query("prompts") == "yes")

    async def marked() -> AsyncIterator[bytes]:
        yield _MARK
        async for piece in pieces:
            yield piece

    name = f"limner-{span.since:%Y-%m-%d}-{visit.now:%Y-%m-%d}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return visit.dressed(StreamingResponse(marked(), media_type="text/csv; charset=utf-8", headers=headers))


def _asked(visit: Visit) -> int:
    text = visit.query("days")
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else _DAYS  # noqa: PLR2004 - digits
    return days if 1 <= days <= DAYS_MAX else _DAYS


def _by_size(found: Mapping[_Kind, Used]) -> list[tuple[_Kind, Used]]:
    return sorted(found.items(), key=lambda one: (-one[1].charged, -one[1].tasks))


def _lines(found: Iterable[tuple[str, str, Used]]) -> list[Line]:
    all_ = list(found)
    largest = max((used.charged for _, _, used in all_), default=0) or 1
    return [
        Line(
            what=what,
            href=href,
            share=used.charged / largest,
            pictures=f"{used.pictures:,}",
            credits=f"{used.charged / MICRO_PER_CREDIT:,.2f}",
            half=_seconds(used.seconds_at(_HALF)),
            most=_seconds(used.seconds_at(_MOST)),
            tasks=f"{used.tasks:,}",
            failed=f"{used.failed:,}",
        )
        for what, href, used in all_
    ]


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.{2 if value < 1 else 1 if value < _WHOLE_FROM_SECONDS else 0}f} s"


def _names(visit: Visit, found: Report) -> list[str]:
    """How each step is called: hours by the reader's clock, days as they are counted, in UTC."""
    from babel.core import Locale
    from babel.dates import format_skeleton, format_time

    locale = Locale.parse(LOCALES[visit.language])
    if found.span.step == "hour":
        zone = ZoneInfo(visit.zone)
        return [format_time(begins_at, "short", tzinfo=zone, locale=locale) for begins_at in found.span.steps]
    return [format_skeleton("MMMd", begins_at, tzinfo=UTC, locale=locale) for begins_at in found.span.steps]


def _charts(visit: Visit, found: Report, lines: Sequence[Line]) -> dict[str, Chart]:
    _ = visit.words.gettext
    steps = [(line, used) for line, (_at, used) in zip(lines, found.steps, strict=True)]
    return {
        "pictures": chart(
            [(f"{line.what}: {line.pictures}", (used.pictures,)) for line, used in steps],
            kinds=("sea",),
            label=visit.words.pgettext("usage", "Pictures"),
        ),
        "credits": chart(
            [(f"{line.what}: {line.credits}", (used.charged,)) for line, used in steps],
            kinds=("sand",),
            label=_("Credits"),
            least_top=20_000,
        ),
        "latency": chart(
            [
                (
                    f"{line.what}: p50 {line.half}, p95 {line.most}",
                    (used.seconds_at(_MOST) or 0, used.seconds_at(_HALF) or 0),
                )
                for line, used in steps
            ],
            kinds=("pale", "sea"),
            label=_("Latency"),
            least_top=0.02,
        ),
        "errors": chart(
            [(f"{line.what}: {line.failed}", (used.failed,)) for line, used in steps],
            kinds=("coral",),
            label=_("Errors"),
        ),
    }
