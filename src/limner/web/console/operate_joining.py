"""What lets people in and gives them credits: invitations and redeem codes, for whoever runs the server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from limner.credits.models import IssuedCode
from limner.credits.service import NoSuchCode
from limner.domain.problem import InvalidValue
from limner.flow import operators
from limner.flow.register import invitation_address
from limner.logins.models import IssuedInvitation
from limner.logins.service import NoSuchInvitation
from limner.web.console.operate import actor_of, uuid_or_none
from limner.web.console.operate_accounts import amount_in, end_of_day
from limner.web.console.visit import Page, Visit, page

_COUNT: Final = 50
_DIGITS: Final = 7
_DAYS_MAX: Final = 3650


def pages() -> list[Page]:
    """The owner's alone."""
    return [
        page("/operate/invitations", _invitations, needs="owner"),
        page("/operate/invitations", _invite, needs="owner", methods=("POST",)),
        page("/operate/invitations/{id}/revoke", _revoke, needs="owner", methods=("POST",)),
        page("/operate/codes", _codes, needs="owner"),
        page("/operate/codes", _make_codes, needs="owner", methods=("POST",)),
        page("/operate/codes/{id}/disable", _disable, needs="owner", methods=("POST",)),
    ]


async def _typed(visit: Visit, **defaults: str) -> dict[str, str]:
    return {name: (await visit.field(name, default)).strip() for name, default in defaults.items()}


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


# invitations -------------------------------------------------------------------------------------------------------------

_NEW_INVITATION: Final = {"note": "", "email": "", "credits": "0", "uses": "1", "days": "14"}


async def _invitations(visit: Visit) -> Response:
    return await _invitations_shown(visit, dict(_NEW_INVITATION))


async def _invitations_shown(
    visit: Visit,
    typed: dict[str, str],
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    issued: IssuedInvitation | None = None,
) -> Response:
    return await visit.page(
        "operate_invitations.html",
        status=status,
        at_operate="invitations",
        invitations=await operators.invitations(visit.house),
        registration=visit.house.accounts_policy.registration,
        typed=typed,
        wrong=wrong or {},
        issued=issued,
        address=invitation_address(visit.house.public_url, code=issued.code) if issued else "",
        done=visit.query("done") if issued is None else "",
    )


async def _invite(visit: Visit) -> Response:
    _ = visit.words.gettext
    typed = await _typed(visit, **_NEW_INVITATION)
    credits_, uses, days = amount_in(typed["credits"] or "0"), _whole(typed["uses"]), _whole(typed["days"] or "0")
    wrong: dict[str, str] = {}
    if credits_ is None or credits_ < 0:
        wrong["credits"] = _("An amount of credits from 0.")
    if uses is None or not uses:
        wrong["uses"] = _("A whole number from 1.")
    if days is None or days > _DAYS_MAX:
        wrong["days"] = _("A whole number of days, or nothing.")
    if not wrong:
        try:
            issued = await operators.invite(
                visit.house,
                actor_of(visit),
                note=typed["note"],
                email=typed["email"] or None,
                credits_=credits_ or 0,
                uses_max=uses or 1,
                life=timedelta(days=days) if days else None,
            )
        except InvalidValue as problem:
            sentences = {"email": _("That is no e-mail address."), "uses": _("A whole number from 1.")}
            wrong[problem.param or "note"] = sentences.get(problem.param or "", problem.message)
        else:
            return await _invitations_shown(visit, dict(_NEW_INVITATION), issued=issued)
    return await _invitations_shown(visit, typed, status=400, wrong=wrong)


async def _revoke(visit: Visit) -> Response:
    id_ = uuid_or_none(visit.request.path_params["id"])
    if id_ is None:
        raise NoSuchInvitation("there is no such invitation")
    await operators.revoke_invitation(visit.house, actor_of(visit), id_=id_)
    return visit.redirect("/operate/invitations?done=revoke")


# redeem codes ------------------------------------------------------------------------------------------------------------

_NEW_CODES: Final = {"credits": "", "count": "1", "uses": "1", "note": "", "expires": ""}


async def _codes(visit: Visit) -> Response:
    if visit.is_partial:
        return visit.part("operate_codes.html", "rows", **await _code_rows(visit))
    return await _codes_shown(visit, dict(_NEW_CODES))


async def _code_rows(visit: Visit) -> dict[str, Any]:
    before: UUID | None = uuid_or_none(visit.query("before"))
    found = await operators.codes(visit.house, before=before, count=_COUNT + 1)
    return {"codes": found[:_COUNT], "before": found[_COUNT - 1].id if len(found) > _COUNT else None}


async def _codes_shown(
    visit: Visit,
    typed: dict[str, str],
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    issued: list[IssuedCode] | None = None,
) -> Response:
    return await visit.page(
        "operate_codes.html",
        status=status,
        at_operate="codes",
        typed=typed,
        wrong=wrong or {},
        issued=issued or [],
        done=visit.query("done") if not issued else "",
        **await _code_rows(visit),
    )


async def _make_codes(visit: Visit) -> Response:
    _ = visit.words.gettext
    typed = await _typed(visit, **_NEW_CODES)
    sentences = {
        "credits": _("An amount of credits above 0."),
        "count": _("A whole number from 1 to 1,000."),
        "uses": _("A whole number from 1."),
        "note": _("Up to 200 characters on one line."),
        "expires": _("A day to come, or nothing."),
    }
    amount, count, uses = amount_in(typed["credits"]), _whole(typed["count"]), _whole(typed["uses"])
    wrong = [name for name, value in (("credits", amount), ("count", count), ("uses", uses)) if value is None]
    expires_at = None
    try:
        expires_at = end_of_day(visit, typed["expires"])
    except (ValueError, OverflowError):
        wrong.append("expires")
    if not wrong:
        try:
            issued = await operators.make_codes(
                visit.house,
                actor_of(visit),
                amount=amount or 0,
                uses_max=uses or 0,
                count=count or 0,
                note=typed["note"],
                expires_at=expires_at,
            )
        except InvalidValue as problem:
            wrong.append("expires" if problem.param == "expires_at" else problem.param or "note")
        else:
            return await _codes_shown(visit, dict(_NEW_CODES), issued=issued)
    return await _codes_shown(visit, typed, status=400, wrong={name: sentences[name] for name in wrong})


async def _disable(visit: Visit) -> Response:
    id_ = uuid_or_none(visit.request.path_params["id"])
    if id_ is None:
        raise NoSuchCode("there is no such redeem code")
    await operators.disable_code(visit.house, actor_of(visit), id_=id_)
    return visit.redirect("/operate/codes?done=disable")
