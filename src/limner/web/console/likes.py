"""How somebody likes the console: its language, light or dark. Kept in cookies, so that nobody need sign in for it."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from limner.web.console.visit import LANGUAGE_COOKIE, THEME_COOKIE, Page, Visit, ours, page
from limner.web.console.words import LANGUAGES
from limner.web.door import UnknownPath

_YEAR_SECONDS: Final = 31_536_000
_THEMES: Final = ("auto", "light", "dark")


def pages() -> list[Page]:
    """Both are followed like links: they change nothing but what one sees."""
    return [
        page("/language/{language}", _language, needs="anyone"),
        page("/theme/{theme}", _theme, needs="anyone"),
    ]


async def _language(visit: Visit) -> Response:
    return _chosen(visit, LANGUAGE_COOKIE, visit.request.path_params["language"], among=tuple(LANGUAGES))


async def _theme(visit: Visit) -> Response:
    return _chosen(visit, THEME_COOKIE, visit.request.path_params["theme"], among=_THEMES)


def _chosen(visit: Visit, cookie: str, value: str, *, among: tuple[str, ...]) -> Response:
    if value not in among:
        raise UnknownPath(f"there is {', '.join(among)}, and no {value[:20]}")
    response = visit.redirect(ours(visit.query("next", "/")))
    visit.set_cookie(response, cookie, value, seconds=_YEAR_SECONDS)
    return response
