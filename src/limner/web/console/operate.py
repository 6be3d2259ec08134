"""For whoever runs the server: how it does, what is in trouble, what is kept, how it is set, and what operators did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from limner.audit.models import Actor, Entry, Filter
from limner.catalog import chains
from limner.domain.money import in_credits
from limner.domain.spec import Cause
from limner.flow import operators, overview
from limner.flow.machinery import machinery
from limner.images.models import Kept
from limner.web.console.charts import Chart, chart
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import N_

_ENTRIES: Final = 50
_LAST_ACTS: Final = 6
_WAITING: Final = 100
_MEBI: Final = 1024 * 1024
_ENGINE_CHARACTERS: Final = 100
_CAUSES: Final[Mapping[Cause, str]] = {
    Cause.BUSY: N_("too much to do"),
    Cause.FAILED: N_("broke"),
    Cause.TIMEOUT: N_("took too long"),
    Cause.UNAVAILABLE: N_("could not be reached"),
    Cause.QUOTA: N_("means used up"),
    Cause.REFUSED: N_("refused"),
    Cause.CANNOT: N_("cannot do it"),
}

ACTS: Final[Mapping[str, str]] = {
    "account.credited": N_("gave credits to"),
    "account.debited": N_("took credits back from"),
    "account.suspended": N_("suspended"),
    "account.resumed": N_("resumed"),
    "account.approved": N_("approved"),
    "account.refused": N_("refused"),
    "key.limited": N_("changed the limits of the key"),
    "key.enabled": N_("enabled the key"),
    "key.disabled": N_("disabled the key"),
    "invitation.made": N_("made the invitation"),
    "invitation.revoked": N_("revoked the invitation"),
    "code.made": N_("made the redeem code"),
    "code.disabled": N_("switched off the redeem code"),
    "model.added": N_("added the model"),
    "model.changed": N_("changed the model"),
    "model.reset": N_("reset the model"),
    "model.switched_on": N_("switched on the model"),
    "model.switched_off": N_("switched off the model"),
    "receiver.recovered": N_("sent callbacks again to"),
    "moderation.rule_added": N_("added the moderation rule"),
    "moderation.rule_removed": N_("removed the moderation rule"),
}
KINDS: Final[Mapping[str, str]] = {
    "account": N_("accounts"),
    "key": N_("keys"),
    "invitation": N_("invitations"),
    "code": N_("redeem codes"),
    "model": N_("models"),
    "receiver": N_("receivers"),
    "moderation": N_("moderation rules"),
}


_FACTS: Final[Mapping[str, str]] = {
    "credits": N_("credits"),
    "balance": N_("balance"),
    "uses": N_("uses"),
    "uses_max": N_("uses at most"),
    "note": N_("note"),
    "email": N_("e-mail"),
    "expires_at": N_("expires"),
    "account": N_("account"),
    "account_id": N_("account id"),
    "callbacks": N_("callbacks"),
    "before": N_("before"),
    "after": N_("after"),
    "engine": N_("engine"),
    "profile": N_("profile"),
    "description": N_("description"),
    "prices": N_("prices"),
    "fallbacks": N_("fallbacks"),
    "is_offered": N_("on offer"),
    "kind": N_("kind"),
    "action": N_("what is done"),
    "model": N_("model"),
}


def pages() -> list[Page]:
    """The owner's alone."""
    return [
        page("/operate", _overview, needs="owner"),
        page("/operate/engines", _engines, needs="owner"),
        page("/operate/webhooks", _webhooks, needs="owner"),
        page("/operate/webhooks/recover", _recover, needs="owner", methods=("POST",)),
        page("/operate/storage", _storage, needs="owner"),
        page("/operate/settings", _settings, needs="owner"),
        page("/operate/audit", _audit, needs="owner"),
    ]


def actor_of(visit: Visit) -> Actor:
    """Who acts, for the log."""
    return Actor(account_id=visit.account_id, trace_id=visit.trace_id, sender=visit.sender)


def uuid_or_none(text: str) -> UUID | None:
    """The id that a text is."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def told_act(visit: Visit) -> Callable[[str], str]:
    """What an act of that verb is called."""
    return lambda verb: visit.words.gettext(ACTS[verb]) if verb in ACTS else verb


def subject_link(entry: Entry) -> str:
    """Where there is more to see of what an act was about; '' if nowhere."""
    if entry.verb == "account.refused":
        return ""
    account = entry.subject.id if entry.subject.kind == "account" else entry.details.get("account_id", "")
    places = {
        "account": f"/operate/accounts/{account}",
        "key": f"/operate/accounts/{account}",
        "model": f"/operate/models/{quote(entry.subject.id)}",
        "invitation": "/operate/invitations",
        "code": "/operate/codes",
        "receiver": "/operate/webhooks",
        "moderation_rule": "/operate/moderation",
    }
    return places.get(entry.subject.kind, "")


def facts_of(entry: Entry) -> list[tuple[str, str]]:
    """An act's details, as one reads them; what has nothing to say is left out."""
    return [
        (_FACTS.get(name, name), _fact(value))
        for name, value in entry.details.items()
        if value is not None and value != "" and name != "reason"
    ]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        if value.keys() == {"before", "after"}:
            return f"{_fact(value['before'])} → {_fact(value['after'])}"
        if value.keys() == {"engine", "on"}:
            return chains.line(chains.from_line(f"{value['engine']}: {' '.join(value['on'])}"))
        return "; ".join(f"{name}: {_fact(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_fact, value)) or "–"
    return "–" if value is None or value == "" else str(value)


async def acts_context(visit: Visit, entries: list[Entry]) -> dict[str, Any]:
    """What the list of acts is drawn of."""
    ids = {entry.actor.account_id for entry in entries if entry.actor.account_id is not None}
    return {
        "acts": entries,
        "actors": await operators.names_of(visit.house, account_ids=sorted(ids)),
        "told_act": told_act(visit),
        "subject_link": subject_link,
        "facts_of": facts_of,
    }


async def _overview(visit: Visit) -> Response:
    house = visit.house
    entries = await operators.audit_entries(house, which=Filter(), count=_LAST_ACTS)
    return await visit.page(
        "operate.html",
        at_operate="overview",
        engines=await overview.engines(house),
        webhooks=await overview.webhooks_in_trouble(house),
        storage=await overview.storage_used(house),
        waiting=await operators.find_accounts(house, state="waiting", count=_WAITING),
        **await acts_context(visit, entries),
    )


async def _engines(visit: Visit) -> Response:
    engine = visit.query("engine").replace("\0", "")[:_ENGINE_CHARACTERS]
    return await visit.page(
        "operate_engines.html",
        at_operate="engines",
        engines=await overview.engines(visit.house),
        machinery=await machinery(visit.house, engine=engine or None),
        engine=engine,
        causes=told_causes(visit),
    )


def told_causes(visit: Visit) -> Mapping[str, str]:
    """What a trouble with an engine is called."""
    return {cause.value: visit.words.gettext(words) for cause, words in _CAUSES.items()}


# webhooks ----------------------------------------------------------------------------------------------------------------


async def _webhooks(visit: Visit) -> Response:
    found = await overview.webhooks_in_trouble(visit.house)
    return await visit.page(
        "operate_webhooks.html", at_operate="webhooks", webhooks=found, recovered=visit.query("recovered")
    )


async def _recover(visit: Visit) -> Response:
    account_id = uuid_or_none(await visit.field("account"))
    recovered = 0
    if account_id is not None:
        recovered = await operators.recover_receiver(
            visit.house,
            actor_of(visit),
            account_id=account_id,
            origin=await visit.field("origin"),
            since=visit.now - timedelta(days=30),
        )
    return visit.redirect(f"/operate/webhooks?recovered={recovered}")


# storage -----------------------------------------------------------------------------------------------------------------


async def _storage(visit: Visit) -> Response:
    found = await overview.storage_used(visit.house)
    bars = _bars(visit, found.by_day)
    return await visit.page(
        "operate_storage.html",
        at_operate="storage",
        storage=found,
        bars=bars,
        edges=[found.by_day[at][0] for at in (0, len(found.by_day) // 2, -1)],
        days=round(found.keep / timedelta(days=1), 2),
        largest=max((kept.bytes for kept in found.by_account.values()), default=1),
    )


def _bars(visit: Visit, by_day: Sequence[tuple[datetime, Kept]]) -> Chart:
    _ = visit.words.gettext
    steps = [
        (
            _("%(day)s: %(size)s MB in %(count)s pictures")
            % {"day": day.date().isoformat(), "size": f"{kept.bytes / _MEBI:.1f}", "count": kept.pictures},
            (kept.bytes / _MEBI,),
        )
        for day, kept in by_day
    ]
    return chart(steps, kinds=("sea",), label=_("MB kept, by day"))


# settings and the log ----------------------------------------------------------------------------------------------------


async def _settings(visit: Visit) -> Response:
    only_set = visit.query("only") == "set"
    settings = [setting for setting in visit.house.settings_shown if not (only_set and setting.is_default)]
    return await visit.page("operate_settings.html", at_operate="settings", settings=settings, only_set=only_set)


async def _audit(visit: Visit) -> Response:
    which = _which(visit)
    found = await operators.audit_entries(visit.house, which=which, count=_ENTRIES + 1)
    context = await acts_context(visit, found[:_ENTRIES])
    context |= {
        "before": found[_ENTRIES - 1].id if len(found) > _ENTRIES else None,
        "asked": {name: visit.query(name) for name in ("verb", "text", "since", "until")},
    }
    if visit.is_partial:
        return visit.part("operate_audit.html", "rows", **context)
    verbs = await operators.audit_verbs(visit.house)
    return await visit.page(
        "operate_audit.html",
        at_operate="audit",
        verbs=[(f"{kind}.", visit.words.gettext(name)) for kind, name in KINDS.items()]
        + [(verb, verb) for verb in verbs],
        **context,
    )


def _which(visit: Visit) -> Filter:
    return Filter(
        verb=visit.query("verb")[:64] or None,
        text=visit.query("text").strip()[:100] or None,
        since=midnight(visit, visit.query("since")),
        until=midnight(visit, visit.query("until"), after=timedelta(days=1)),
        before=uuid_or_none(visit.query("before")),
    )


def midnight(visit: Visit, text: str, *, after: timedelta = timedelta()) -> datetime | None:
    """When that day begins, in the reader's zone."""
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day + after, time(), tzinfo=ZoneInfo(visit.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def amount_text(micro_credits: int) -> str:
    """An amount as one types it: without the zeros that say nothing."""
    whole, _, rest = in_credits(micro_credits).partition(".")
    return f"{whole}.{rest.rstrip('0')}" if rest.rstrip("0") else whole
