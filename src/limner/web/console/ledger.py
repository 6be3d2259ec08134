"""What an account has, how it came to it, and redeem codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from limner.credits import service as credit_book
from limner.credits.models import Entry
from limner.flow.redeem import redeem
from limner.logins.service import TriedTooOften
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import N_

_COUNT: Final = 50
_KINDS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "": None,
    "given": tuple(sorted(credit_book.GIVEN)),
    "charged": ("charge",),
    "held": ("hold", "release"),
}
# What the server itself gives as a reason; whatever else there is was written by a person.
_REASONS: Final = {
    "promised to a task": N_("held for a task"),
    "nothing to charge": N_("nothing to charge"),
    "to start with": N_("to start with"),
    "free credits, once per account": N_("free credits, once per account"),
    "granted": N_("granted"),
}
_PICTURES: Final = re.compile(r"pictures by (\S+)")
_REFUSALS: Final = (
    N_("there is no such redeem code: check it letter by letter"),
    N_("your account has redeemed this code already: each account may once"),
    N_("this redeem code has been switched off"),
    N_("this redeem code has expired"),
    N_("this redeem code has been used as often as it may be"),
)


def pages() -> list[Page]:
    """Each account sees its own."""
    return [
        page("/credits", _show, needs="account"),
        page("/credits", _redeem, needs="account", methods=("POST",)),
    ]


async def _show(visit: Visit) -> Response:
    context = await _entries(visit)
    if visit.is_partial:
        return visit.part("credits.html", "rows", **context)
    return await visit.page("credits.html", **context, code="", wrong="", redeemed=None)


async def _redeem(visit: Visit) -> Response:
    code = (await visit.field("code")).strip()
    try:
        redeemed = await redeem(visit.house, account_id=visit.account_id, code=code)
    except credit_book.CodeRefused as problem:
        wrong = _sentence(visit.words.gettext(problem.message))
        return await visit.page(
            "credits.html", status=problem.status, **await _entries(visit), code=code, wrong=wrong, redeemed=None
        )
    except TriedTooOften as problem:
        wrong = said(problem, language=visit.language)
        return await visit.page(
            "credits.html", status=problem.status, **await _entries(visit), code=code, wrong=wrong, redeemed=None
        )
    return await visit.page("credits.html", **await _entries(visit), code="", wrong="", redeemed=redeemed)


async def _entries(visit: Visit) -> dict[str, Any]:
    kind = visit.query("kind")
    kind = kind if kind in _KINDS else ""
    async with visit.house.database.statement() as tx:
        found = await credit_book.entries(
            tx, account_id=visit.account_id, count=_COUNT + 1, before=_uuid(visit.query("before")), kinds=_KINDS[kind]
        )
    shown = found[:_COUNT]
    return {
        "kind": kind,
        "entries": [(entry, reason_of(visit, entry)) for entry in shown],
        "before": shown[-1].id if len(found) > _COUNT else None,
    }


def reason_of(visit: Visit, entry: Entry) -> str:
    """Why an entry was made, in the reader's language where the server itself has said why."""
    _ = visit.words.gettext
    pictures = _PICTURES.fullmatch(entry.reason)
    if pictures is not None:
        return _("pictures by %(model)s") % {"model": pictures[1]}
    if entry.kind == "redemption":
        return _("redeem code %(prefix)s…") % {"prefix": entry.reason}
    return _(_REASONS[entry.reason]) if entry.reason in _REASONS else entry.reason


def _sentence(text: str) -> str:
    """A problem's words as a sentence of a page."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(("。", ".")) else ".")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
