"""A person's own platform tokens: by them programs manage the account, and make no pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow.tokens import delete_token, make_token, tokens_of
from limner.tokens.models import IssuedToken
from limner.tokens.service import NoSuchToken, TooManyTokens
from limner.web.console.operate_accounts import end_of_day
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page

_MONTHS: Final = timedelta(days=90)


def pages() -> list[Page]:
    """Each account has its own."""
    return [
        page("/tokens", _show, needs="account"),
        page("/tokens", _make, needs="account", methods=("POST",)),
        page("/tokens/{id}/delete", _delete, needs="account", methods=("POST",)),
    ]


async def _show(visit: Visit) -> Response:
    return await _shown(visit, expires=(visit.now.astimezone(ZoneInfo(visit.zone)) + _MONTHS).date().isoformat())


async def _shown(
    visit: Visit,
    *,
    name: str = "",
    expires: str = "",
    status: int = 200,
    wrong: dict[str, str] | None = None,
    issued: IssuedToken | None = None,
) -> Response:
    return await visit.page(
        "tokens.html",
        status=status,
        tokens=await tokens_of(visit.house, account_id=visit.account_id),
        name=name,
        expires=expires,
        wrong=wrong or {},
        issued=issued,
        today=visit.now.astimezone(ZoneInfo(visit.zone)).date().isoformat(),
        done=visit.query("done") if issued is None else "",
    )


async def _make(visit: Visit) -> Response:
    _ = visit.words.gettext
    name, expires = await visit.field("name"), await visit.field("expires")
    try:
        issued = await make_token(
            visit.house, account_id=visit.account_id, name=name, expires_at=end_of_day(visit, expires)
        )
    except (ValueError, OverflowError):
        wrong, status = {"expires": _("A day to come, or nothing.")}, 400
    except (InvalidValue, MissingParameter) as problem:
        field = "expires" if problem.param == "expires_at" else "name"
        sentences = {"expires": _("A day to come, or nothing."), "name": _("A name has 1 to 64 characters.")}
        wrong, status = {field: sentences[field]}, 400
    except TooManyTokens as problem:
        wrong, status = {"name": said(problem, language=visit.language)}, problem.status
    else:
        return await _shown(visit, issued=issued)
    return await _shown(visit, name=name, expires=expires, wrong=wrong, status=status)


async def _delete(visit: Visit) -> Response:
    try:
        id_ = UUID(visit.request.path_params["id"])
    except ValueError:
        raise NoSuchToken("there is no such platform token") from None
    await delete_token(visit.house, account_id=visit.account_id, token_id=id_)
    return visit.redirect("/tokens?done=delete")
