"""Other people's accounts, for whoever runs the server: who there is, what they have, and what to do about them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from limner.accounts.service import NoSuchAccount, NoSuchKey
from limner.credits.service import CreditsUsedUp
from limner.domain.money import micro
from limner.domain.problem import InvalidValue, MissingParameter, Problem
from limner.flow import operators
from limner.flow.keys import KeyLimits, KeyUse
from limner.web.console.ledger import reason_of
from limner.web.console.operate import actor_of, acts_context, amount_text, uuid_or_none
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page

_COUNT: Final = 50
_STATES: Final = ("active", "waiting", "suspended")
_CREDITS_MAX: Final = 10**9


def pages() -> list[Page]:
    """The owner's alone."""
    one = "/operate/accounts/{id}"
    return [
        page("/operate/accounts", _list, needs="owner"),
        page(one, _one, needs="owner"),
        page(f"{one}/grant", _grant, needs="owner", methods=("POST",)),
        page(f"{one}/suspend", _suspend, needs="owner", methods=("POST",)),
        page(f"{one}/resume", _resume, needs="owner", methods=("POST",)),
        page(f"{one}/approve", _approve, needs="owner", methods=("POST",)),
        page(f"{one}/refuse", _refuse, needs="owner", methods=("POST",)),
        page(f"{one}/keys/{{key}}", _key, needs="owner"),
        page(f"{one}/keys/{{key}}", _limit, needs="owner", methods=("POST",)),
        page(f"{one}/keys/{{key}}/switch", _switch, needs="owner", methods=("POST",)),
    ]


def amount_in(text: str) -> int | None:
    """Micro-credits that somebody typed as credits; None: that is no amount, or less than there is."""
    try:
        amount = Decimal(text.strip().replace(",", "") or "x")
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) > _CREDITS_MAX:
        return None
    # What is rounded away was not meant to be nothing.
    return micro(amount) if amount == 0 or micro(amount) != 0 else None


def end_of_day(visit: Visit, text: str) -> datetime | None:
    """When that day ends, in the reader's zone. Raises `ValueError` for what is no day."""
    if not text:
        return None
    return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), tzinfo=ZoneInfo(visit.zone))


async def _list(visit: Visit) -> Response:
    state = visit.query("state")
    state = state if state in _STATES else ""
    text = visit.query("text").strip()[:100]
    found = await operators.find_accounts(
        visit.house,
        text=text,
        state=cast("operators.State", state) if state else None,
        before=uuid_or_none(visit.query("before")),
        count=_COUNT + 1,
    )
    context: dict[str, Any] = {
        "accounts": found[:_COUNT],
        "before": found[_COUNT - 1].account.id if len(found) > _COUNT else None,
        "text": text,
        "state": state,
    }
    if visit.is_partial:
        return visit.part("operate_accounts.html", "rows", **context)
    return await visit.page("operate_accounts.html", at_operate="accounts", **context)


async def _one(visit: Visit) -> Response:
    return await _shown(visit)


async def _shown(visit: Visit, *, status: int = 200, **form: str) -> Response:
    told = await operators.account_told(visit.house, account_id=_account_id(visit))
    filled = {"amount": "", "reason": "", "wrong": "", "wrong_field": ""} | form
    return await visit.page(
        "operate_account.html",
        status=status,
        at_operate="accounts",
        told=told,
        entries=[(entry, reason_of(visit, entry)) for entry in told.entries],
        filled=filled,
        done=visit.query("done"),
        **await acts_context(visit, list(told.acts)),
    )


async def _grant(visit: Visit) -> Response:
    amount, reason = await visit.field("amount"), await visit.field("reason")
    wrong = visit.words.gettext("An amount of credits, such as 10; a negative one takes some back.")
    micro_credits = amount_in(amount)
    if micro_credits is None:
        return await _shown(visit, status=400, amount=amount, reason=reason, wrong=wrong, wrong_field="amount")
    try:
        await operators.grant(
            visit.house, actor_of(visit), account_id=_account_id(visit), amount=micro_credits, reason=reason
        )
    except (InvalidValue, MissingParameter, CreditsUsedUp) as problem:
        field = "reason" if problem.param == "reason" else "amount"
        text = {
            "reason": visit.words.gettext("Say why, in up to 200 characters: it stands in the account's entries."),
            "amount": visit.words.gettext("The account has fewer credits that are free.")
            if isinstance(problem, CreditsUsedUp)
            else wrong,
        }[field]
        return await _shown(visit, status=problem.status, amount=amount, reason=reason, wrong=text, wrong_field=field)
    return _back(visit, "grant")


async def _suspend(visit: Visit) -> Response:
    reason = await visit.field("reason")
    await operators.suspend(visit.house, actor_of(visit), account_id=_account_id(visit), reason=reason)
    return _back(visit, "suspend")


async def _resume(visit: Visit) -> Response:
    await operators.resume(visit.house, actor_of(visit), account_id=_account_id(visit))
    return _back(visit, "resume")


async def _approve(visit: Visit) -> Response:
    await operators.approve(visit.house, actor_of(visit), account_id=_account_id(visit), language=visit.language)
    return _back(visit, "approve")


async def _refuse(visit: Visit) -> Response:
    await operators.refuse(visit.house, actor_of(visit), account_id=_account_id(visit), language=visit.language)
    return visit.redirect("/operate/accounts?state=waiting")


def _back(visit: Visit, done: str) -> Response:
    return visit.redirect(f"/operate/accounts/{_account_id(visit)}?done={done}")


# keys --------------------------------------------------------------------------------------------------------------------


async def _key(visit: Visit) -> Response:
    use = await _use(visit)
    return await _key_shown(visit, use, _typed(visit, use))


async def _key_shown(
    visit: Visit, use: KeyUse, typed: dict[str, str], *, status: int = 200, wrong: dict[str, str] | None = None
) -> Response:
    account_id = _account_id(visit)
    names = await operators.names_of(visit.house, account_ids=[account_id])
    return await visit.page(
        "operate_key.html",
        status=status,
        at_operate="accounts",
        use=use,
        account_id=account_id,
        account_name=names[account_id],
        typed=typed,
        wrong=wrong or {},
        policy=visit.house.policy,
    )


async def _limit(visit: Visit) -> Response:
    use = await _use(visit)
    names = ("spend_limit", "expires", "requests_per_minute", "concurrent")
    typed = {name: (await visit.field(name)).strip() for name in names}
    wrong: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name in ("requests_per_minute", "concurrent"):
        text = typed[name]
        values[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004
        if text and values[name] is None:
            wrong[name] = visit.words.gettext("A whole number from 1, or nothing.")
    values["spend_limit"] = amount_in(typed["spend_limit"]) if typed["spend_limit"] else None
    if typed["spend_limit"] and (values["spend_limit"] is None or values["spend_limit"] < 0):
        wrong["spend_limit"] = visit.words.gettext("An amount from 0, or nothing.")
    try:
        values["expires_at"] = end_of_day(visit, typed["expires"])
        if typed["expires"] == _typed(visit, use)["expires"]:
            values["expires_at"] = use.key.expires_at
    except (ValueError, OverflowError):
        wrong["expires"] = visit.words.gettext("A day to come, or nothing.")
    if not wrong:
        try:
            await operators.limit_key(
                visit.house,
                actor_of(visit),
                account_id=_account_id(visit),
                key_id=use.key.id,
                may=KeyLimits(models=use.key.models, **values),
            )
        except InvalidValue as problem:
            field = "expires" if problem.param == "expires_at" else str(problem.param)
            wrong[field] = _sentence(visit, problem)
    if wrong:
        return await _key_shown(visit, use, typed, status=400, wrong=wrong)
    return _back(visit, "limit")


async def _switch(visit: Visit) -> Response:
    use = await _use(visit)
    on = await visit.field("on") == "yes"
    await operators.switch_key(visit.house, actor_of(visit), account_id=_account_id(visit), key_id=use.key.id, on=on)
    return _back(visit, "key-on" if on else "key-off")


async def _use(visit: Visit) -> KeyUse:
    key_id = uuid_or_none(visit.request.path_params["key"])
    told = await operators.account_told(visit.house, account_id=_account_id(visit))
    found = next((use for use in told.keys if use.key.id == key_id), None)
    if found is None:
        raise NoSuchKey("there is no such key")
    return found


def _typed(visit: Visit, use: KeyUse) -> dict[str, str]:
    expires, limit = use.key.expires_at, use.budget.spend_limit
    last_day = (expires.astimezone(ZoneInfo(visit.zone)) - timedelta(microseconds=1)).date() if expires else None
    return {
        "spend_limit": "" if limit is None else amount_text(limit),
        "expires": last_day.isoformat() if last_day else "",
        "requests_per_minute": str(use.key.requests_per_minute or ""),
        "concurrent": str(use.key.concurrent or ""),
    }


def _sentence(visit: Visit, problem: Problem) -> str:
    text = said(problem, language=visit.language)
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(("。", ".")) else ".")


def _account_id(visit: Visit) -> UUID:
    found = uuid_or_none(visit.request.path_params["id"])
    if found is None:
        raise NoSuchAccount("there is no such account")
    return found
