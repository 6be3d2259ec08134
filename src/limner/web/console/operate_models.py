"""Models and their prices, for whoever runs the server: look at what a change would do, then make it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response

from limner.catalog import chains, prices
from limner.catalog import rules as catalog_rules
from limner.catalog.models import Definition
from limner.catalog.profiles import PROFILES
from limner.catalog.service import ModelChanged
from limner.domain.problem import InvalidValue
from limner.domain.spec import Quality
from limner.flow import offer, operators
from limner.flow.offer import ModelStands, Preview
from limner.web.console.operate import actor_of, amount_text, told_causes
from limner.web.console.operate_accounts import amount_in
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import N_

_NUMBER_DIGITS: Final = 9
_CHAIN_CHARACTERS: Final = 4000
_NEW_PROFILE: Final = "open"
_SENTENCES: Final = {
    "name": N_("Up to 64 letters, digits, dots, colons and dashes; and no other model has it."),
    "engine": N_("There is no such engine."),
    "profile": N_("There is no such profile."),
    "description": N_("Up to 300 characters on one line."),
    "fallbacks": N_(
        "One engine a line, each of them once and not the model's own; causes after a colon, such as gpu: busy timeout."
    ),
    "prices": N_("A price is 0 to 1,000,000 credits for a picture; there is one at least."),
}


def pages() -> list[Page]:
    """The owner's alone. A new model comes first: its path looks like a model's name."""
    return [
        page("/operate/models", _list, needs="owner"),
        page("/operate/models", _add, needs="owner", methods=("POST",)),
        page("/operate/models/{name:path}", _one, needs="owner"),
        page("/operate/models/{name:path}", _change, needs="owner", methods=("POST",)),
    ]


async def _list(visit: Visit) -> Response:
    if visit.query("new"):
        profile = visit.query("profile")
        return await _new(visit, _draft(visit, profile if profile in PROFILES else _NEW_PROFILE), name="")
    found = await offer.models_of_operator(visit.house)
    return await visit.page(
        "operate_models.html",
        at_operate="models",
        models=[(one, _range(one)) for one in found],
        done=visit.query("done"),
        changed=visit.query("model")[:80],
    )


def _range(stands: ModelStands) -> tuple[int, int]:
    """The least and the most that a picture costs."""
    costs = [cost for row in prices.table(stands.model).values() for cost in row.values()]
    return min(costs), max(costs)


async def _one(visit: Visit) -> Response:
    stands = await offer.model_of_operator(visit.house, name=visit.request.path_params["name"])
    return await _form(visit, stands, stands.definition, seen=stands.number)


async def _change(visit: Visit) -> Response:
    """The form's buttons: look, make it so, or back to how it came."""
    name = visit.request.path_params["name"]
    stands = await offer.model_of_operator(visit.house, name=name)
    act, seen = await visit.field("act"), _number(await visit.field("seen"))
    definition: Definition | None = None
    typed = stands.definition
    try:
        if act not in {"reset", "reset-save"}:
            typed, wrong = await _definition(visit, profile=stands.definition.profile, base=stands.definition)
            if wrong:
                return await _form(visit, stands, typed, seen=seen, wrong=wrong, status=400, grid=await _grid(visit))
            definition = typed
        if act == "save" and await visit.field("previewed") != _mark(typed):
            act = "preview"  # nobody has seen what this would do
        if act in {"save", "reset-save"}:
            await offer.change_model(visit.house, actor_of(visit), name=name, definition=definition, seen=seen)
            return visit.redirect(f"/operate/models?done=change&model={quote(name)}")
        shown = await offer.preview(visit.house, name=name, definition=definition)
    except InvalidValue as problem:
        wrong = _wrong(visit, problem)
        return await _form(visit, stands, typed, seen=seen, wrong=wrong, status=400, grid=await _grid(visit))
    except ModelChanged as problem:
        fresh = await offer.model_of_operator(visit.house, name=name)
        shown = await offer.preview(visit.house, name=name, definition=definition)
        return await _form(
            visit, fresh, shown.after, seen=fresh.number, shown=shown, status=problem.status, is_stale=True
        )
    return await _form(visit, stands, shown.after, seen=shown.seen, shown=shown, is_reset=definition is None)


async def _form(
    visit: Visit,
    stands: ModelStands,
    definition: Definition,
    *,
    seen: int,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    grid: dict[str, str] | None = None,
    shown: Preview | None = None,
    is_reset: bool = False,
    is_stale: bool = False,
) -> Response:
    history = await offer.history_of(visit.house, name=stands.model.name)
    makers = {change.made_by for change in history if change.made_by is not None}
    return await visit.page(
        "operate_model.html",
        status=status,
        at_operate="models",
        stands=stands,
        history=history,
        makers=await operators.names_of(visit.house, account_ids=sorted(makers)),
        differs=_differs,
        is_reset=is_reset,
        is_stale=is_stale,
        **_fields(visit, definition, seen=seen, wrong=wrong, grid=grid, shown=shown),
    )


def _fields(
    visit: Visit,
    definition: Definition,
    *,
    seen: int,
    wrong: dict[str, str] | None,
    grid: dict[str, str] | None,
    shown: Preview | None,
) -> dict[str, Any]:
    profile = PROFILES[definition.profile]
    costs = prices.table(prices.model_from("", definition)) if any(definition.prices.values()) else {}
    typed = {
        f"{name}.{quality.value}": amount_text(costs.get(name, {}).get(quality, 0)) if costs else ""
        for name in catalog_rules.size_classes(profile)
        for quality in prices.qualities(profile)
    }
    return {
        "definition": definition,
        "engines": sorted(visit.house.engines),
        "profiles": sorted(PROFILES),
        "classes": catalog_rules.size_classes(profile),
        "qualities": prices.qualities(profile),
        "grid": typed | {"fallbacks": "\n".join(map(chains.line, definition.fallbacks))} | (grid or {}),
        "causes": told_causes(visit),
        "chain_line": chains.line,
        "wrong": wrong or {},
        "seen": seen,
        "shown": shown,
        "previewed": _mark(shown.after) if shown else "",
    }


async def _definition(visit: Visit, *, profile: str, base: Definition) -> tuple[Definition, dict[str, str]]:
    """What the form says, and what of it cannot be read. A cell that is empty has no price of its own."""
    kept = PROFILES[profile]
    table: dict[str, dict[Quality, int]] = {}
    wrong: dict[str, str] = {}
    for name in catalog_rules.size_classes(kept):
        for quality in prices.qualities(kept):
            text = (await visit.field(f"{name}.{quality.value}")).strip()
            if not text:
                continue
            amount = amount_in(text)
            if amount is None or amount < 0:
                wrong["prices"] = visit.words.gettext(_SENTENCES["prices"])
            else:
                table.setdefault(name, {})[quality] = amount
    fallbacks = base.fallbacks
    try:
        fallbacks = chains.from_text((await visit.field("fallbacks"))[:_CHAIN_CHARACTERS])
    except InvalidValue as problem:
        wrong |= _wrong(visit, problem)
    definition = replace(
        base,
        is_offered=await visit.field("is_offered") == "yes",
        engine=await visit.field("engine"),
        profile=profile,
        description=(await visit.field("description")).strip(),
        prices=table,
        fallbacks=fallbacks,
    )
    return definition, wrong


async def _grid(visit: Visit) -> dict[str, str]:
    """The prices and the chain as they were typed."""
    return {
        name: value
        for name, value in (await visit.form()).items()
        if isinstance(value, str) and ("." in name or name == "fallbacks")
    }


def _wrong(visit: Visit, problem: InvalidValue) -> dict[str, str]:
    field = (problem.param or "prices").partition(".")[0]
    return {field: visit.words.gettext(_SENTENCES[field]) if field in _SENTENCES else problem.message}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS else 0


def _mark(definition: Definition) -> str:
    """By which a definition that was looked at is known again."""
    if any(definition.prices.values()):  # what a cell without a price comes to stands in the form afterwards
        costs = prices.table(prices.model_from("", definition))
        definition = replace(definition, prices=costs)
    kept = orjson.dumps(prices.to_json(definition), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(kept).hexdigest()[:32]


def _differs(before: Definition | None, after: Definition | None) -> list[str]:
    """Which parts of a model a change has touched."""
    if before is None or after is None:
        return []
    return [
        name
        for name in ("is_offered", "engine", "fallbacks", "description", "prices")
        if getattr(before, name) != getattr(after, name)
    ]


# a model of one's own ----------------------------------------------------------------------------------------------------


def _draft(visit: Visit, profile: str) -> Definition:
    engine = visit.house.catalog.models()[0].engine if visit.house.catalog.models() else min(visit.house.engines)
    return Definition(is_offered=True, engine=engine, profile=profile, description="", prices={})


async def _add(visit: Visit) -> Response:
    name, profile = (await visit.field("name")).strip(), await visit.field("profile")
    if profile not in PROFILES:
        return await _new(visit, _draft(visit, _NEW_PROFILE), name=name, status=400)
    draft = _draft(visit, profile)
    definition, wrong = await _definition(visit, profile=profile, base=draft)
    if wrong:
        return await _new(visit, draft, name=name, wrong=wrong, status=400, grid=await _grid(visit))
    try:
        if await visit.field("act") == "save" and await visit.field("previewed") == _mark(definition):
            await offer.change_model(
                visit.house, actor_of(visit), name=name, definition=definition, seen=0, is_new=True
            )
            return visit.redirect(f"/operate/models?done=add&model={quote(name)}")
        shown = await offer.preview(visit.house, name=name, definition=definition, is_new=True)
    except InvalidValue as problem:
        filled = replace(definition, profile=profile, prices={})
        return await _new(visit, filled, name=name, wrong=_wrong(visit, problem), status=400, grid=await _grid(visit))
    return await _new(visit, definition, name=name, shown=shown)


async def _new(
    visit: Visit,
    definition: Definition,
    *,
    name: str,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    grid: dict[str, str] | None = None,
    shown: Preview | None = None,
) -> Response:
    fields = _fields(visit, definition, seen=0, wrong=wrong, grid=grid, shown=shown)
    return await visit.page("operate_model_new.html", status=status, at_operate="models", name=name, **fields)
