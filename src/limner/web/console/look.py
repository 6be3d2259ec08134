"""Templates to HTML: one environment for each language, with the console's own ways of writing amounts and times."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from limner.domain.money import MICRO_PER_CREDIT
from limner.web.console.assets import asset
from limner.web.console.words import LANGUAGES, LOCALES, TAGS, Language, Words, words_of

if TYPE_CHECKING:
    from jinja2 import Environment

UTC_ZONE: Final = "UTC"
_ZONE_CHARACTERS: Final = 60
_KIBI: Final = 1024
_IN_WORDS_FROM_SECONDS: Final = 100


def rendered(template: str, *, language: Language, context: Mapping[str, Any]) -> str:
    """The whole template. `context` has what it names; `zone` is the reader's time zone."""
    environment = _environment(language)
    return environment.get_template(template).render({**_macros(environment, context), **context})


def rendered_part(template: str, part: str, *, language: Language, context: Mapping[str, Any]) -> str:
    """One block of the template, for htmx to put in its place."""
    environment = _environment(language)
    found = environment.get_template(template)
    return "".join(found.blocks[part](found.new_context({**_macros(environment, context), **context})))


def _macros(environment: Environment, context: Mapping[str, Any]) -> dict[str, Any]:
    """What every template is made of, without importing it: a block that is rendered alone would not see imports."""
    module = environment.get_template("macros.html").make_module(dict(context))
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


@functools.cache
def _environment(language: Language) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("limner.web.console", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    words = words_of(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext
    )
    made.globals |= {
        "_": _saying(words),
        "asset": asset,
        "languages": LANGUAGES,
        "language": language,
        "language_tag": TAGS[language],
    }
    made.filters |= _filters(language)
    return made


def _saying(words: Words) -> Callable[..., str]:
    """`_("...", name=value)`: text, never HTML, unlike {% trans %}: some sentences are only passed on by a page."""

    def say(message: str, **blanks: object) -> str:
        said = words.gettext(message)
        return said % blanks if blanks else said

    return say


def known_zone(name: str) -> str:
    """The name of a time zone if there is one, else UTC."""
    if not name or len(name) > _ZONE_CHARACTERS:
        return UTC_ZONE
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC_ZONE
    return name


def _filters(language: Language) -> dict[str, Callable[..., str]]:
    """How one language writes what pages show."""
    locale = LOCALES[language]
    return {**_amounts(locale), **_times(locale)}


def _amounts(locale: str) -> dict[str, Callable[..., str]]:
    """Remembered, since writing an amount takes Babel longer than all else in a row of a table."""
    from babel.numbers import format_compact_decimal, format_decimal, format_percent

    @functools.lru_cache(maxsize=4096)
    def credits_(micro_credits: int) -> str:
        """Two places, and more where there is more."""
        return format_decimal(Decimal(micro_credits) / MICRO_PER_CREDIT, format="#,##0.00####", locale=locale)

    @functools.lru_cache(maxsize=4096)
    def number(value: float) -> str:
        return format_decimal(value, locale=locale)

    def compact(value: float) -> str:
        return format_compact_decimal(value, format_type="short", locale=locale, fraction_digits=1)

    def percent(share: float) -> str:
        return format_percent(share, locale=locale)

    def size(bytes_: int) -> str:
        amount, unit = float(bytes_), "B"
        for larger in ("KB", "MB", "GB", "TB"):
            if amount < _KIBI:
                break
            amount, unit = amount / _KIBI, larger
        return f"{format_decimal(amount, format='#,##0.#', locale=locale)} {unit}"

    return {"credits": credits_, "number": number, "compact": compact, "percent": percent, "size": size}


def _times(locale: str) -> dict[str, Callable[..., str]]:
    from babel.dates import format_date, format_datetime, format_timedelta
    from babel.numbers import format_decimal
    from jinja2 import pass_context
    from jinja2.runtime import Context

    @functools.lru_cache(maxsize=4096)
    def seconds(value: float) -> str:
        """Hundredths below a second, tenths below a hundred, words from there."""
        if value < _IN_WORDS_FROM_SECONDS:
            return f"{format_decimal(round(value, 2 if value < 1 else 1), locale=locale)} s"
        return span(timedelta(seconds=value))

    def span(length: timedelta) -> str:
        return format_timedelta(length, threshold=1.5, locale=locale)

    @pass_context
    def when(context: Context, moment: datetime) -> str:
        """Day and time in the reader's zone."""
        return format_datetime(moment, "medium", tzinfo=ZoneInfo(context.get("zone", UTC_ZONE)), locale=locale)

    @pass_context
    def day(context: Context, moment: datetime) -> str:
        return format_date(moment.astimezone(ZoneInfo(context.get("zone", UTC_ZONE))), "medium", locale=locale)

    @pass_context
    def ago(context: Context, moment: datetime) -> str:
        """How long ago, or in how long."""
        return format_timedelta(moment - context["now"], add_direction=True, threshold=1.2, locale=locale)

    return {"seconds": seconds, "span": span, "when": when, "day": day, "ago": ago}
