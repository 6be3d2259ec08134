"""`/login` and `/logout`; and coming in through a provider, there and back."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from limner.domain.problem import Problem
from limner.flow import login, providers, signin
from limner.web.console.enter import NOTHING_WRONG, again, agent_of, let_in, next_of, providers_of, with_next
from limner.web.console.visit import SESSION_COOKIE, FormForged, Page, Visit, page


def pages() -> list[Page]:
    """For anyone: who is signed in is sent on."""
    return [
        page("/login", _show, needs="anyone"),
        page("/login", _sign_in, needs="anyone", methods=("POST",)),
        page("/logout", _sign_out, needs="anyone", methods=("POST",)),
        page("/login/{provider}", _depart, needs="anyone"),
        page("/login/{provider}/back", _arrive, needs="anyone"),
    ]


async def _show(visit: Visit) -> Response:
    next_ = next_of(visit.query("next"))
    if visit.signed is not None:
        return visit.redirect(next_)
    return await visit.page("login.html", **_context(visit, next_), **NOTHING_WRONG, email="")


def _context(visit: Visit, next_: str) -> dict[str, Any]:
    return {
        "next_": next_,
        "providers": [(with_next(f"/login/{name}", next_), title) for name, title in providers_of(visit.house)],
        "register_path": with_next("/register", next_),
        "takes_people": visit.house.accounts_policy.registration != "closed",
    }


async def _sign_in(visit: Visit) -> Response:
    next_, email = next_of(await visit.field("next")), await visit.field("email")
    try:
        token = await login.sign_in(
            visit.house,
            email=email,
            password=await visit.field("password"),
            sender=visit.sender,
            agent=agent_of(visit),
        )
    except Problem as problem:
        return await again(visit, "login.html", problem, **_context(visit, next_), email=email)
    return let_in(visit, token=token, next_=next_)


async def _sign_out(visit: Visit) -> Response:
    token = visit.request.cookies.get(SESSION_COOKIE)
    if token:
        await signin.sign_out(visit.house, token=token)
    response = visit.redirect("/")
    visit.drop_cookie(response, SESSION_COOKIE)
    return response


async def _depart(visit: Visit) -> Response:
    """A link and not a form: browsers let no form of ours lead to another server."""
    is_linking = visit.query("link") == "1"
    if is_linking and visit.signed is None:
        return visit.redirect(with_next("/login", "/account"))
    if is_linking and visit.request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise FormForged("the link was followed from a page of another server")
    next_ = "/account#identities" if is_linking else next_of(visit.query("next"))
    try:
        address = await providers.depart(
            visit.house,
            provider=visit.request.path_params["provider"],
            visitor=visit.cookie,
            sender=visit.sender,
            next_=next_,
            invitation=visit.query("invitation") or None,
            link_to=visit.signed.account.id if is_linking and visit.signed is not None else None,
        )
    except Problem as problem:
        return await _told(visit, problem, next_=next_)
    return visit.dressed(RedirectResponse(address, status_code=303))


async def _arrive(visit: Visit) -> Response:
    try:
        arrival = await providers.arrive(
            visit.house,
            provider=visit.request.path_params["provider"],
            answer=dict(visit.request.query_params),
            visitor=visit.cookie if visit.has_cookie else None,
            who=visit.signed,
            sender=visit.sender,
            agent=agent_of(visit),
        )
    except Problem as problem:
        return await _told(visit, problem, next_="/")
    next_ = arrival.next or "/"
    return visit.redirect(next_) if arrival.token is None else let_in(visit, token=arrival.token, next_=next_)


async def _told(visit: Visit, problem: Problem, *, next_: str) -> Response:
    """What went wrong at a provider, where one can try again or another way; who is in already needs no such page."""
    if visit.signed is not None or isinstance(problem, providers.UnknownProvider):
        raise problem
    problem.param = None
    return await again(visit, "login.html", problem, **_context(visit, next_), email="")
