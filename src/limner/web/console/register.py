"""`/register`, and the links in mails: `/verify/<token>`, `/forgot`, `/reset/<token>`, `/welcome/<token>`."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from limner.domain.problem import Problem
from limner.flow import login, register
from limner.logins import rules
from limner.logins.models import Invitation, Purpose
from limner.logins.service import LinkOver
from limner.web.console.enter import (
    NOTHING_WRONG,
    again,
    agent_of,
    let_in,
    next_of,
    providers_of,
    with_next,
    wrong,
)
from limner.web.console.visit import Page, Visit, page


def pages() -> list[Page]:
    """For anyone; a link in a mail is looked at first, and used by a form: programs that follow links use nothing up."""
    return [
        page("/register", _show, needs="anyone"),
        page("/register", _register, needs="anyone", methods=("POST",)),
        page("/verify/{token}", _show_verify, needs="anyone"),
        page("/verify/{token}", _verify, needs="anyone", methods=("POST",)),
        page("/forgot", _show_forgot, needs="anyone"),
        page("/forgot", _forgot, needs="anyone", methods=("POST",)),
        page("/reset/{token}", _show_reset, needs="anyone"),
        page("/reset/{token}", _reset, needs="anyone", methods=("POST",)),
        page("/welcome/{token}", _show_welcome, needs="anyone"),
        page("/welcome/{token}", _welcome, needs="anyone", methods=("POST",)),
    ]


# joining -----------------------------------------------------------------------------------------------------------------


async def _show(visit: Visit) -> Response:
    next_, code = next_of(visit.query("next")), visit.query("invitation")
    if visit.signed is not None:
        return visit.redirect(next_)
    invitation, words = None, NOTHING_WRONG
    if code:
        try:
            invitation = await register.look_at_invitation(visit.house, code=code, sender=visit.sender)
        except Problem as problem:
            words = wrong(visit, problem)
    email = invitation.email or "" if invitation else ""
    return await visit.page("register.html", **_context(visit, next_, code, invitation), **words, email=email)


def _context(visit: Visit, next_: str, code: str, invitation: Invitation | None) -> dict[str, Any]:
    return {
        "next_": next_,
        "code": code,
        "invitation": invitation,
        "registration": visit.house.accounts_policy.registration,
        "password_min": rules.PASSWORD_CHARACTERS_MIN,
        "providers": [
            (with_next(f"/login/{name}", next_, invitation=code), title) for name, title in providers_of(visit.house)
        ],
        "login_path": with_next("/login", next_),
    }


async def _register(visit: Visit) -> Response:
    next_, code = next_of(await visit.field("next")), (await visit.field("invitation")).strip()
    email = await visit.field("email")
    try:
        done = await register.register(
            visit.house,
            email=email,
            password=await visit.field("password"),
            invitation=code or None,
            next_=next_,
            sender=visit.sender,
            agent=agent_of(visit),
            language=visit.language,
        )
    except Problem as problem:
        return await again(visit, "register.html", problem, **_context(visit, next_, code, None), email=email)
    if done.token is not None:
        return let_in(visit, token=done.token, next_=next_)
    return await visit.page("login_sent.html", kind="verify", email=done.email, is_by_mail=True)


# links -------------------------------------------------------------------------------------------------------------------


async def _over(visit: Visit, purpose: Purpose, problem: LinkOver) -> Response:
    """What to do now that the link is good for nothing."""
    return await visit.page("login_over.html", status=problem.status, purpose=purpose)


async def _show_verify(visit: Visit) -> Response:
    try:
        email = await _look(visit, "verify")
    except LinkOver as problem:
        return await _over(visit, "verify", problem)
    return await visit.page("verify.html", email=email, is_done=False, go_on="")


async def _verify(visit: Visit) -> Response:
    try:
        verified = await login.verify(visit.house, token=_token(visit), sender=visit.sender, language=visit.language)
    except LinkOver as problem:
        return await _over(visit, "verify", problem)
    next_ = verified.next or "/"
    if visit.signed is not None and visit.signed.account.id == verified.account_id:
        return visit.redirect("/account?done=verified")
    return await visit.page("verify.html", email=verified.email, is_done=True, go_on=with_next("/login", next_))


def _token(visit: Visit) -> str:
    return str(visit.request.path_params["token"])


async def _look(visit: Visit, purpose: Purpose) -> str | None:
    return await login.look_at_link(visit.house, token=_token(visit), purpose=purpose, sender=visit.sender)


async def _show_forgot(visit: Visit) -> Response:
    return await visit.page("forgot.html", **NOTHING_WRONG, email="", is_by_mail=visit.house.post.is_set)


async def _forgot(visit: Visit) -> Response:
    email = await visit.field("email")
    is_by_mail = visit.house.post.is_set
    try:
        await login.request_reset(visit.house, email=email, sender=visit.sender, language=visit.language)
    except Problem as problem:
        return await again(visit, "forgot.html", problem, email=email, is_by_mail=is_by_mail)
    return await visit.page("login_sent.html", kind="reset", email=email.strip(), is_by_mail=is_by_mail)


async def _show_reset(visit: Visit) -> Response:
    try:
        email = await _look(visit, "reset")
    except LinkOver as problem:
        return await _over(visit, "reset", problem)
    return await visit.page("reset.html", **NOTHING_WRONG, email=email, password_min=rules.PASSWORD_CHARACTERS_MIN)


async def _reset(visit: Visit) -> Response:
    email = None
    try:
        email = await _look(visit, "reset")
        session = await login.reset(
            visit.house,
            token=_token(visit),
            password=await visit.field("password"),
            sender=visit.sender,
            agent=agent_of(visit),
        )
    except LinkOver as problem:
        return await _over(visit, "reset", problem)
    except Problem as problem:
        return await again(visit, "reset.html", problem, email=email, password_min=rules.PASSWORD_CHARACTERS_MIN)
    return let_in(visit, token=session, next_="/")


async def _show_welcome(visit: Visit) -> Response:
    try:
        await _look(visit, "welcome")
    except LinkOver as problem:
        return await _over(visit, "welcome", problem)
    return await visit.page("welcome.html", **NOTHING_WRONG, email="", password_min=rules.PASSWORD_CHARACTERS_MIN)


async def _welcome(visit: Visit) -> Response:
    email = await visit.field("email")
    try:
        session = await register.welcome(
            visit.house,
            token=_token(visit),
            email=email,
            password=await visit.field("password"),
            sender=visit.sender,
            agent=agent_of(visit),
        )
    except LinkOver as problem:
        return await _over(visit, "welcome", problem)
    except Problem as problem:
        return await again(visit, "welcome.html", problem, email=email, password_min=rules.PASSWORD_CHARACTERS_MIN)
    return let_in(visit, token=session, next_="/")
