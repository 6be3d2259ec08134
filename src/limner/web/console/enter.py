"""What the pages for coming in share: the session's cookie, where one goes on, and how a form says what is wrong."""

from __future__ import annotations

import math
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from limner.domain.problem import Problem
from limner.flow.house import House
from limner.logins import rules
from limner.web.console.trouble import said
from limner.web.console.visit import SESSION_COOKIE, Visit


def agent_of(visit: Visit) -> str:
    """What the browser calls itself."""
    return visit.request.headers.get("user-agent", "")


def next_of(given: str) -> str:
    """Where to go on: a path of ours, or the start page."""
    return rules.place_of_ours(given) or "/"


def with_next(path: str, next_: str, **more: str) -> str:
    """A path that remembers where one wants to go."""
    asked = {**more, **({"next": next_} if next_ != "/" else {})}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items() if value)
    return f"{path}?{query}" if query else path


def let_in(visit: Visit, *, token: str, next_: str) -> Response:
    """Go on, signed in."""
    response = visit.redirect(next_)
    seconds = int(visit.house.accounts_policy.session_life.total_seconds())
    visit.set_cookie(response, SESSION_COOKIE, token, seconds=seconds)
    return response


def providers_of(house: House) -> list[tuple[str, str]]:
    """The names of providers, and what their buttons say."""
    return [(name, policy.title) for name, policy in house.accounts_policy.providers.items()]


def wrong(visit: Visit, problem: Problem) -> dict[str, Any]:
    """What a form shows of a problem: at the field that is at fault, or (`trouble`) above all."""
    sentence = visit.words.gettext(problem.message)
    if sentence == problem.message:
        sentence = said(problem, language=visit.language)
    sentence = sentence[:1].upper() + sentence[1:]
    if problem.param is not None:
        return {"errors": {problem.param: sentence}, "trouble_text": ""}
    return {"errors": {}, "trouble_text": sentence}


_BROWSERS: Final = (
    ("edg", "Edge"),
    ("opr", "Opera"),
    ("firefox", "Firefox"),
    ("fxios", "Firefox"),
    ("chrom", "Chrome"),
    ("crios", "Chrome"),
    ("safari", "Safari"),
    ("curl", "curl"),
)
_SYSTEMS: Final = (
    ("android", "Android"),
    ("iphone", "iOS"),
    ("ipad", "iOS"),
    ("windows", "Windows"),
    ("mac os", "macOS"),
    ("linux", "Linux"),
)


def browser_of(agent: str) -> tuple[str, str]:
    """A browser's name and its system's, as people call them; empty where we do not know them."""
    text = agent.lower()
    return _first(text, _BROWSERS), _first(text, _SYSTEMS)


def _first(text: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for sign, name in names if sign in text), "")


NOTHING_WRONG: dict[str, Any] = {"errors": {}, "trouble_text": ""}


async def again(visit: Visit, template: str, problem: Problem, **context: Any) -> Response:
    """The form once more, with what is wrong."""
    response = await visit.page(template, status=problem.status, **wrong(visit, problem), **context)
    if problem.retry_after_seconds is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(problem.retry_after_seconds)))
    return response
