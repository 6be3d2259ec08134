"""`/account`: one's e-mail, password, sessions, providers, language; and leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from limner.domain.problem import Problem
from limner.flow import leave, login, providers, signin
from limner.flow.signin import SignedIn
from limner.logins import rules
from limner.logins.service import WrongLogin
from limner.web.console.enter import NOTHING_WRONG, again, browser_of, providers_of
from limner.web.console.visit import SESSION_COOKIE, Page, Visit, page

_DONE: Final = frozenset({"verified", "sent", "email", "asked", "password", "sessions", "unlinked"})


def pages() -> list[Page]:
    """For whoever is signed in, approved or not."""
    return [
        page("/account", _show, needs="person"),
        page("/account/email", _email, needs="person", methods=("POST",)),
        page("/account/verify", _verify, needs="person", methods=("POST",)),
        page("/account/password", _password, needs="person", methods=("POST",)),
        page("/account/sessions", _sessions, needs="person", methods=("POST",)),
        page("/account/unlink", _unlink, needs="person", methods=("POST",)),
        page("/account/delete", _delete, needs="person", methods=("POST",)),
    ]


def _who(visit: Visit) -> SignedIn:
    assert visit.signed is not None, "the page says that it needs a person"
    return visit.signed


async def _show(visit: Visit) -> Response:
    done = visit.query("done")
    context = await _context(visit)
    return await visit.page(
        "account.html", **context, **NOTHING_WRONG, spot="", done_what=done if done in _DONE else "", email=""
    )


async def _context(visit: Visit) -> dict[str, Any]:
    who, house = _who(visit), visit.house
    identities = await providers.identities_of(house, account_id=who.account.id)
    linked = {one.provider for one in identities}
    known = providers_of(house)
    titles = dict(known)
    return {
        "who": who,
        "login": who.login,
        "has_password": who.login is not None and who.login.has_password,
        "sessions": [
            (browser_of(one.agent), one) for one in await signin.sessions_of(house, account_id=who.account.id)
        ],
        "identities": [(titles.get(one.provider, one.provider), one) for one in identities],
        "to_link": [(name, title) for name, title in known if name not in linked],
        "has_mails": house.post.is_set,
        "password_min": rules.PASSWORD_CHARACTERS_MIN,
    }


async def _wrong(visit: Visit, problem: Problem, *, at: str, email: str = "", called: str = "") -> Response:
    """The page once more. `called`: what the field for the password is called there."""
    context = await _context(visit)
    if problem.param == "password":
        problem.param = called
    return await again(visit, "account.html", problem, **context, spot=at, done_what="", email=email)


async def _email(visit: Visit) -> Response:
    email = await visit.field("email")
    try:
        is_done = await login.change_email(
            visit.house,
            _who(visit),
            email=email,
            password=await visit.field("email_password"),
            sender=visit.sender,
            language=visit.language,
        )
    except Problem as problem:
        return await _wrong(visit, problem, at="email", email=email, called="email_password")
    return visit.redirect("/account?done=email" if is_done else "/account?done=asked")


async def _verify(visit: Visit) -> Response:
    try:
        await login.request_verification(visit.house, _who(visit), sender=visit.sender, language=visit.language)
    except Problem as problem:
        return await _wrong(visit, problem, at="verify")
    return visit.redirect("/account?done=sent")


async def _password(visit: Visit) -> Response:
    try:
        await login.change_password(
            visit.house,
            _who(visit),
            old=await visit.field("old"),
            new=await visit.field("new"),
            sender=visit.sender,
        )
    except Problem as problem:
        called = "old" if isinstance(problem, WrongLogin) else "new"
        return await _wrong(visit, problem, at="password", called=called)
    return visit.redirect("/account?done=password")


async def _sessions(visit: Visit) -> Response:
    who = _who(visit)
    if await visit.field("here"):
        await signin.sign_out_everywhere(visit.house, account_id=who.account.id)
        response = visit.redirect("/")
        visit.drop_cookie(response, SESSION_COOKIE)
        return response
    await signin.sign_out_everywhere(visit.house, account_id=who.account.id, but=who.session.id)
    return visit.redirect("/account?done=sessions")


async def _unlink(visit: Visit) -> Response:
    try:
        await providers.unlink(
            visit.house,
            _who(visit),
            provider=await visit.field("provider"),
            subject=await visit.field("subject"),
        )
    except Problem as problem:
        return await _wrong(visit, problem, at="identities")
    return visit.redirect("/account?done=unlinked")


async def _delete(visit: Visit) -> Response:
    try:
        await leave.delete_account(
            visit.house, _who(visit), password=await visit.field("delete_password"), sender=visit.sender
        )
    except Problem as problem:
        return await _wrong(visit, problem, at="delete", called="delete_password")
    response = await replace(visit, signed=None).page("account_gone.html")
    visit.drop_cookie(response, SESSION_COOKIE)
    return response
