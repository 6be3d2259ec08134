"""An account's API keys: made, shown once, limited, replaced, switched off, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from limner.accounts.models import IssuedKey
from limner.accounts.service import NoSuchKey
from limner.credits import service as credit_book
from limner.domain.money import in_credits, micro
from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow import keys
from limner.flow.keys import KeyLimits, KeyUse
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page


def pages() -> list[Page]:
    """Each account sees its own."""
    return [
        page("/keys", _list, needs="account"),
        page("/keys", _make, needs="account", methods=("POST",)),
        page("/keys/new", _new, needs="account"),
        page("/keys/{id}", _one, needs="account"),
        page("/keys/{id}", _save, needs="account", methods=("POST",)),
        page("/keys/{id}/rotate", _rotate, needs="account", methods=("POST",)),
        page("/keys/{id}/end-old", _end_old, needs="account", methods=("POST",)),
        page("/keys/{id}/disable", _disable, needs="account", methods=("POST",)),
        page("/keys/{id}/enable", _enable, needs="account", methods=("POST",)),
        page("/keys/{id}/delete", _delete, needs="account", methods=("POST",)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What the form says, as it was typed; `wrong`: what is wrong with a field, in the reader's language."""

    name: str = ""
    models: frozenset[str] = frozenset()
    requests_per_minute: str = ""
    concurrent: str = ""
    spend_limit: str = ""
    expires: str = ""
    lenient: bool = False
    wrong: Mapping[str, str] | None = None

    def error(self, field: str) -> str:
        """What is wrong with it; '' if nothing is."""
        return (self.wrong or {}).get(field, "")


class _Wrong(Exception):
    """A field cannot be read at all."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


async def _list(visit: Visit) -> Response:
    return await _listed(visit)


async def _listed(visit: Visit, *, issued: IssuedKey | None = None) -> Response:
    found = await keys.keys_of(visit.house, account_id=visit.account_id)
    done = visit.query("done") if issued is None else ""
    return await visit.page("keys.html", keys=found, issued=issued, done=done, state=_state(visit))


async def _new(visit: Visit) -> Response:
    return await _form(visit, Filled())


async def _make(visit: Visit) -> Response:
    filled = await _filled(visit)
    try:
        issued = await keys.make_key(
            visit.house, account_id=visit.account_id, name=filled.name, may=_limits(visit, filled, before=None)
        )
    except (_Wrong, InvalidValue, MissingParameter) as trouble:
        return await _form(visit, _marked(visit, filled, trouble), status=400)
    return await _listed(visit, issued=issued)


async def _form(visit: Visit, filled: Filled, *, status: int = 200) -> Response:
    return await visit.page("key_new.html", status=status, **_fields(visit, filled))


async def _one(visit: Visit) -> Response:
    use = await keys.key_of(visit.house, account_id=visit.account_id, key_id=_id(visit))
    return await _shown(visit, use, _filled_of(visit, use))


async def _shown(
    visit: Visit, use: KeyUse, filled: Filled, *, issued: IssuedKey | None = None, status: int = 200
) -> Response:
    context: dict[str, Any] = _fields(visit, filled)
    context |= {"use": use, "issued": issued, "done": visit.query("done"), "state": _state(visit)}
    return await visit.page("key.html", status=status, **context)


async def _save(visit: Visit) -> Response:
    key_id = _id(visit)
    before = await keys.key_of(visit.house, account_id=visit.account_id, key_id=key_id)
    filled = await _filled(visit)
    try:
        may = _limits(visit, filled, before=before)
        await keys.change_key(visit.house, account_id=visit.account_id, key_id=key_id, name=filled.name, may=may)
    except (_Wrong, InvalidValue, MissingParameter) as trouble:
        return await _shown(visit, before, _marked(visit, filled, trouble), status=400)
    return visit.redirect(f"/keys/{key_id}?done=save")


async def _rotate(visit: Visit) -> Response:
    key_id, chosen = _id(visit), await visit.field("old_lives", "day")
    old_lives = next((one for one in keys.OLD_LIVES if one == chosen), "day")
    issued = await keys.rotate_key(
        visit.house, account_id=visit.account_id, key_id=key_id, old_lives=cast("keys.OldLives", old_lives)
    )
    use = await keys.key_of(visit.house, account_id=visit.account_id, key_id=key_id)
    return await _shown(visit, use, _filled_of(visit, use), issued=issued)


async def _end_old(visit: Visit) -> Response:
    await keys.end_old_secrets(visit.house, account_id=visit.account_id, key_id=_id(visit))
    return visit.redirect(f"/keys/{_id(visit)}?done=end-old")


async def _disable(visit: Visit) -> Response:
    await keys.disable_key(visit.house, account_id=visit.account_id, key_id=_id(visit))
    return visit.redirect(f"/keys/{_id(visit)}?done=disable")


async def _enable(visit: Visit) -> Response:
    await keys.enable_key(visit.house, account_id=visit.account_id, key_id=_id(visit))
    return visit.redirect(f"/keys/{_id(visit)}?done=enable")


async def _delete(visit: Visit) -> Response:
    await keys.delete_key(visit.house, account_id=visit.account_id, key_id=_id(visit))
    return visit.redirect("/keys?done=delete")


def _id(visit: Visit) -> UUID:
    try:
        return UUID(visit.request.path_params["id"])
    except ValueError:
        raise NoSuchKey("there is no such key") from None


def _state(visit: Visit) -> Any:
    def state(use: KeyUse) -> str:
        if use.key.disabled_at is not None:
            return "off"
        return "expired" if use.has_expired(now=visit.now) else "good"

    return state


# the form ---------------------------------------------------------------------------------------------------------------


def _fields(visit: Visit, filled: Filled) -> dict[str, Any]:
    zone = ZoneInfo(visit.zone)
    return {
        "filled": filled,
        "models": sorted({model.name for model in visit.house.catalog.models()} | filled.models),
        "policy": visit.house.policy,
        "today": (visit.now.astimezone(zone)).date().isoformat(),
    }


async def _filled(visit: Visit) -> Filled:
    form = await visit.form()
    typed = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    return Filled(
        name=typed.get("name", ""),
        models=frozenset(value for value in form.getlist("models") if isinstance(value, str)),
        requests_per_minute=typed.get("requests_per_minute", ""),
        concurrent=typed.get("concurrent", ""),
        spend_limit=typed.get("spend_limit", ""),
        expires=typed.get("expires", ""),
        lenient="lenient" in typed,
    )


def _filled_of(visit: Visit, use: KeyUse) -> Filled:
    """The form as the key is now."""
    key, limit = use.key, use.budget.spend_limit
    spend_limit = "" if limit is None else in_credits(limit).rstrip("0").rstrip(".")
    return Filled(
        name=key.name,
        models=key.models or frozenset(),
        requests_per_minute=str(key.requests_per_minute or ""),
        concurrent=str(key.concurrent or ""),
        spend_limit=spend_limit,
        expires=_last_day(key.expires_at, zone=visit.zone),
        lenient=key.lenient,
    )


def _limits(visit: Visit, filled: Filled, *, before: KeyUse | None) -> KeyLimits:
    """What the form means. Raises `_Wrong` for what is no number or no day."""
    return KeyLimits(
        models=filled.models or None,
        requests_per_minute=_whole(filled.requests_per_minute, field="requests_per_minute"),
        concurrent=_whole(filled.concurrent, field="concurrent"),
        expires_at=_expiry(visit, filled.expires, before=before),
        spend_limit=_amount(filled.spend_limit, field="spend_limit"),
        lenient=filled.lenient,
    )


def _whole(text: str, *, field: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise _Wrong(field)
    return int(text[:20])


def _amount(text: str, *, field: str) -> int | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise _Wrong(field) from None
    if not amount.is_finite() or not 0 <= amount <= credit_book.AMOUNT_MAX:
        raise _Wrong(field)
    return micro(amount)


def _last_day(expires_at: datetime | None, *, zone: str) -> str:
    """The last day on which the key is good, in the reader's zone."""
    if expires_at is None:
        return ""
    return (expires_at.astimezone(ZoneInfo(zone)) - timedelta(microseconds=1)).date().isoformat()


def _expiry(visit: Visit, text: str, *, before: KeyUse | None) -> datetime | None:
    """The end of that day in the reader's zone; what was not touched stays to the second."""
    if not text:
        return None
    if before is not None and text == _last_day(before.key.expires_at, zone=visit.zone):
        return before.key.expires_at
    try:
        last = date.fromisoformat(text)
        return datetime.combine(last + timedelta(days=1), time(), tzinfo=ZoneInfo(visit.zone))
    except (ValueError, OverflowError):
        raise _Wrong("expires") from None


def _marked(visit: Visit, filled: Filled, trouble: _Wrong | InvalidValue | MissingParameter) -> Filled:
    """The form with what is wrong beside its field, in the reader's language."""
    _ = visit.words.gettext
    field = trouble.field if isinstance(trouble, _Wrong) else (trouble.param or "name")
    field = "expires" if field == "expires_at" else field
    sentences = {
        "name": _("A name has 1 to 64 characters."),
        "requests_per_minute": _("A whole number from 1 to 1,000,000, or nothing."),
        "concurrent": _("A whole number from 1 to 10,000, or nothing."),
        "expires": _("A day to come, or nothing."),
        "spend_limit": _("An amount from 0 that is not below what the key has spent, or nothing."),
    }
    told = sentences.get(field) or (said(trouble, language=visit.language) if not isinstance(trouble, _Wrong) else "")
    return Filled(
        name=filled.name,
        models=filled.models,
        requests_per_minute=filled.requests_per_minute,
        concurrent=filled.concurrent,
        spend_limit=filled.spend_limit,
        expires=filled.expires,
        lenient=filled.lenient,
        wrong={field: told},
    )
