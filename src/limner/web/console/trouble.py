"""Tells a problem to a person: a page of its own, or a notice on the page that is there."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from limner.domain.problem import Problem
from limner.web.console.look import rendered
from limner.web.console.packing import packed
from limner.web.console.visit import Remembered, headers_of, remembered
from limner.web.console.words import Language, words_of
from limner.web.door import Told
from limner.web.site import house_of

# Programs live here, whatever they say that they accept.
_PROGRAMS: Final = ("/v1/", "/openai/", "/api/", "/inbox/", "/healthz", "/readyz", "/metrics")


def told(scope: Scope, problem: Problem, *, trace_id: str) -> Told | None:
    """The problem as HTML, if it is a browser that asks for a page or for a part of one; else None."""
    request = Request(scope)
    is_part = request.headers.get("hx-request") == "true"
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_PROGRAMS)
    if not (is_part or wants_page):
        return None
    likes = remembered(request)
    if is_part:
        text = _rendered("notice.html", problem, trace_id=trace_id, likes=likes)
        placed = {"hx-retarget": "#notices", "hx-reswap": "afterbegin"}
    else:
        here = f"{request.url.path}?{request.url.query}" if request.method in ("GET", "HEAD") else "/"
        text = _rendered("problem.html", problem, trace_id=trace_id, likes=likes, here=here.removesuffix("?"))
        placed = {}
    body, encoding = packed(text.encode(), accept_encoding=request.headers.get("accept-encoding", ""))
    headers = {
        "content-type": "text/html; charset=utf-8",
        **headers_of(house_of(request)),
        **placed,
        **encoding,
        **({"retry-after": str(max(1, round(problem.retry_after_seconds)))} if problem.retry_after_seconds else {}),
    }
    return Told(status=problem.status, headers=headers, body=body)


def _rendered(template: str, problem: Problem, *, trace_id: str, likes: Remembered, here: str = "/") -> str:
    return rendered(
        template,
        language=likes.language,
        context={
            "problem": problem,
            "said": said(problem, language=likes.language),
            "trace_id": trace_id,
            "theme": likes.theme,
            "here": here,
        },
    )


def said(problem: Problem, *, language: Language) -> str:
    """What went wrong, in the reader's language where we have a sentence for it; else in the problem's own words."""
    sentence = words_of(language).pgettext("problem", problem.code)
    if sentence == problem.code:
        return problem.message[:1].upper() + problem.message[1:]
    return sentence.replace("%(message)s", problem.message)
