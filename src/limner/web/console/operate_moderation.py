"""Moderation, for whoever runs the server: what is in force, the rules and what they would say, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from starlette.responses import Response

from limner.accounts import service as accounts
from limner.accounts.service import NoSuchAccount
from limner.catalog.service import UnknownModel
from limner.domain.problem import InvalidValue, MissingParameter, Problem
from limner.flow import moderation_rules, operators
from limner.flow.moderate import Blocked, Refused
from limner.flow.moderator import OTHERS
from limner.logins import service as logins
from limner.moderation.models import Action, Decision, Filter, Hit, Kind, Rule, Stage, Tally, Verdict
from limner.moderation.rules import TEXT_CHARACTERS_MAX
from limner.moderation.service import NoSuchRule, RuleExists, TooManyRules
from limner.tasks.models import Task
from limner.web.console.operate import actor_of, midnight, uuid_or_none
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import N_

_RULES: Final = 50
_VERDICTS: Final = 50
_DAYS: Final = 30
_PROMPT_CHARACTERS: Final = 32_000
_NAME_CHARACTERS: Final = 254
_REFUSALS: Final = frozenset({Refused.code, Blocked.code})
_NEW: Final = {"kind": "word", "text": "", "action": "block", "account": "", "model": ""}
_TRY: Final = {"prompt": "", "for_account": "", "for_model": ""}
_STAGES: Final[Mapping[Stage, str]] = {
    "prompt": N_("prompt"),
    "revised": N_("revised prompt"),
    "picture": N_("picture"),
}
_SAID_BY: Final = {
    "settings": N_("words of the settings"),
    "rule": N_("rules"),
    "endpoint": N_("the endpoint"),
    "hook": N_("your function"),
    "engine": N_("engines"),
}
_PATTERN: Final = N_("It cannot be used: %(said)s")
_TEXT: Final = N_("A word or phrase of up to %(count)s characters on one line, with a letter or a digit in it.")
_SENTENCES: Final[Mapping[type[Problem], tuple[str, str]]] = {
    NoSuchAccount: ("account", N_("There is no account of that name or with that e-mail.")),
    UnknownModel: ("model", N_("There is no such model.")),
    RuleExists: ("text", N_("There is this very rule already, for the same account and model.")),
    TooManyRules: ("text", N_("There are as many rules as there may be: remove some.")),
    MissingParameter: ("text", N_("A word, a phrase or a pattern.")),
}


def pages() -> list[Page]:
    """The owner's alone."""
    here = "/operate/moderation"
    return [
        page(here, _show, needs="owner"),
        page(here, _add, needs="owner", methods=("POST",)),
        page(f"{here}/try", _show, needs="owner"),
        page(f"{here}/try", _try, needs="owner", methods=("POST",)),
        page(f"{here}/verdicts", _verdicts, needs="owner"),
        page(f"{here}/rules/{{rule}}/remove", _remove, needs="owner", methods=("POST",)),
    ]


# rules -------------------------------------------------------------------------------------------------------------------


async def _show(visit: Visit) -> Response:
    if visit.is_partial:
        return visit.part("operate_moderation.html", "rows", **await _rule_rows(visit))
    return await _shown(visit)


async def _shown(
    visit: Visit,
    *,
    status: int = 200,
    typed: Mapping[str, str] = _NEW,
    wrong: Mapping[str, str] | None = None,
    tried: Mapping[str, str] = _TRY,
    untried: Mapping[str, str] | None = None,
    hits: list[Hit] | None = None,
) -> Response:
    """`hits`: what the rules say to the prompt that was tried; None: none was."""
    return await visit.page(
        "operate_moderation.html",
        status=status,
        at_operate="moderation",
        typed=typed,
        wrong=wrong or {},
        tried=tried,
        untried=untried or {},
        hits=hits,
        hit_names=await _names(visit, [hit.rule.account_id for hit in hits or [] if hit.rule]),
        models=[("", visit.words.gettext("all models")), *((name, name) for name in _models(visit))],
        done=visit.query("done"),
        force=_in_force(visit),
        days=_DAYS,
        characters_max=TEXT_CHARACTERS_MAX,
        prompt_characters_max=_PROMPT_CHARACTERS,
        **await _rule_rows(visit),
    )


def _models(visit: Visit) -> list[str]:
    return [model.name for model in visit.house.catalog.models()]


def _in_force(visit: Visit) -> dict[str, Any]:
    """What the settings say, as far as this node knows."""
    moderator = visit.house.moderator
    given = {one.name: one.value for one in visit.house.settings_shown if not one.is_default}
    hook = moderator.pictures
    return {
        "asks": moderator.asks_about_prompts,
        "url": given.get("moderation.url", ""),
        "model": moderator.endpoint_name,
        "pictures": "hook" if callable(hook) else hook or "",
        "hook": f"{hook.__module__}:{getattr(hook, '__qualname__', '')}" if callable(hook) else "",
        "thresholds": _in_order(moderator.bounds.thresholds),
        "low_thresholds": _in_order({OTHERS: moderator.bounds.low_threshold, **moderator.bounds.low_thresholds}),
        "others": OTHERS,
        "on_trouble": moderator.on_trouble,
        "words": given.get("moderation.blocked_words", ""),
        "kept_days": visit.house.verdicts_kept.days,
    }


def _in_order(bounds: Mapping[str, float]) -> list[tuple[str, float]]:
    """By name, what is for all others last."""
    return sorted(bounds.items(), key=lambda pair: (pair[0] == OTHERS, pair[0]))


async def _rule_rows(visit: Visit) -> dict[str, Any]:
    rules = await moderation_rules.rules(visit.house)
    before = uuid_or_none(visit.query("before"))
    shown = [rule for rule in rules if before is None or rule.id < before]
    tallies = await moderation_rules.tallies(visit.house, days=_DAYS)
    return {
        "rules": shown[:_RULES],
        "rules_count": len(rules),
        "before": shown[_RULES - 1].id if len(shown) > _RULES else None,
        "counted": {one.rule_id: one for one in tallies if one.rule_id is not None},
        "sums": _sums(visit, tallies),
        "names": await _names(visit, [rule.account_id for rule in shown[:_RULES]]),
    }


def _sums(visit: Visit, tallies: list[Tally]) -> list[tuple[str, int, int]]:
    """Who has refused how much, and let how much through though there was something to it."""
    return [
        (
            visit.words.gettext(words),
            sum(one.blocked for one in tallies if one.said_by == who),
            sum(one.let_through for one in tallies if one.said_by == who),
        )
        for who, words in _SAID_BY.items()
        if any(one.said_by == who for one in tallies)
    ]


async def _names(visit: Visit, ids: list[UUID | None]) -> dict[UUID, str]:
    return await operators.names_of(visit.house, account_ids=sorted({id_ for id_ in ids if id_ is not None}))


async def _typed(visit: Visit, defaults: Mapping[str, str]) -> dict[str, str]:
    return {name: await visit.field(name, default) for name, default in defaults.items()}


async def _account_id(visit: Visit, name: str) -> UUID | None:
    """Whose name or e-mail it is; None: nobody's was given. Raises `NoSuchAccount`."""
    name = name.strip()[:_NAME_CHARACTERS]
    if not name:
        return None
    async with visit.house.database.statement() as tx:
        login = await logins.login_called(tx, email=name)
        if login is not None:
            return login.account_id
    async with visit.house.database.statement() as tx:
        return (await accounts.account_called(tx, name=name)).id


async def _add(visit: Visit) -> Response:
    typed = await _typed(visit, _NEW)
    kind: Kind = "pattern" if typed["kind"] == "pattern" else "word"
    action: Action = "flag" if typed["action"] == "flag" else "block"
    try:
        await moderation_rules.add_rule(
            visit.house,
            actor_of(visit),
            kind=kind,
            text=typed["text"],
            action=action,
            account_id=await _account_id(visit, typed["account"]),
            model=typed["model"] or None,
        )
    except (InvalidValue, MissingParameter, NoSuchAccount, UnknownModel, RuleExists, TooManyRules) as problem:
        field, sentence = _told(visit, problem, kind=kind)
        return await _shown(visit, status=problem.status, typed=typed, wrong={field: sentence})
    return visit.redirect("/operate/moderation?done=add")


def _told(visit: Visit, problem: Problem, *, kind: Kind = "word") -> tuple[str, str]:
    """At which field, and in which words, a form is told what is wrong with it."""
    field, sentence = _SENTENCES.get(type(problem), ("text", _PATTERN if kind == "pattern" else _TEXT))
    blanks = {"said": problem.message, "count": TEXT_CHARACTERS_MAX}
    return field, visit.words.gettext(sentence) % blanks


async def _remove(visit: Visit) -> Response:
    rule_id = uuid_or_none(visit.request.path_params["rule"])
    if rule_id is None:
        raise NoSuchRule("there is no such rule")
    await moderation_rules.remove_rule(visit.house, actor_of(visit), rule_id=rule_id)
    return visit.redirect("/operate/moderation?done=remove")


async def _try(visit: Visit) -> Response:
    """What would become of a prompt. It is sent in a form, so that no address and no log has it."""
    tried = await _typed(visit, _TRY)
    prompt = tried["prompt"].strip()
    if not prompt:
        return await _shown(visit, status=400, tried=tried, untried={"prompt": visit.words.gettext("A prompt to try.")})
    try:
        hits = moderation_rules.try_prompt(
            visit.house,
            prompt=prompt[:_PROMPT_CHARACTERS],
            account_id=await _account_id(visit, tried["for_account"]),
            model=tried["for_model"] or None,
        )
    except (NoSuchAccount, UnknownModel) as problem:
        field, sentence = _told(visit, problem)
        return await _shown(visit, status=problem.status, tried=tried, untried={f"for_{field}": sentence})
    return await _shown(visit, tried=tried, hits=hits)


# verdicts ----------------------------------------------------------------------------------------------------------------


async def _verdicts(visit: Visit) -> Response:
    asked = {
        name: visit.query(name).strip()[:_NAME_CHARACTERS]
        for name in ("account", "task", "rule", "stage", "decision", "since")
    }
    which = await _which(visit, asked)
    found: list[Verdict] = []
    if which is not None:
        found = await moderation_rules.verdicts(visit.house, which=which, count=_VERDICTS + 1)
    shown = found[:_VERDICTS]
    context: dict[str, Any] = {
        "verdicts": shown,
        "asked": asked,
        "before": shown[-1].id if len(found) > _VERDICTS else None,
        "names": await _names(visit, [one.account_id for one in shown]),
        "rules": {rule.id: rule for rule in await moderation_rules.rules(visit.house)},
        "stages": {name: visit.words.gettext(words) for name, words in _STAGES.items()},
        "scores_of": _scores,
    }
    if visit.is_partial:
        return visit.part("operate_verdicts.html", "rows", **context)
    return await visit.page(
        "operate_verdicts.html", at_operate="moderation", kept_days=visit.house.verdicts_kept.days, **context
    )


async def _which(visit: Visit, asked: Mapping[str, str]) -> Filter | None:
    """What the form asks for; None: it names what there is not."""
    ids = {name: uuid_or_none(asked[name]) for name in ("task", "rule")}
    if any(asked[name] and id_ is None for name, id_ in ids.items()):
        return None
    try:
        account_id = await _account_id(visit, asked["account"])
    except NoSuchAccount:
        return None
    since: datetime | None = midnight(visit, asked["since"])
    return Filter(
        account_id=account_id,
        task_id=ids["task"],
        rule_id=ids["rule"],
        stage=cast("Stage", asked["stage"]) if asked["stage"] in _STAGES else None,
        decision=cast("Decision", asked["decision"]) if asked["decision"] in {"blocked", "let_through"} else None,
        since=since,
        before=uuid_or_none(visit.query("before")),
    )


def _scores(verdict: Verdict) -> list[tuple[str, float]]:
    """The highest first."""
    return sorted(verdict.scores.items(), key=lambda pair: (-pair[1], pair[0]))


# a task ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What of a task was refused. `by`: whoever said so, each with its rule if it still is there; for the owner alone."""

    is_picture: bool
    by: list[tuple[Verdict, Rule | None]]


async def refusal_of(visit: Visit, task: Task) -> Refusal | None:
    """Why moderation ended a task; None: it did not."""
    if task.status != "failed" or task.error_code not in _REFUSALS:
        return None
    found = await moderation_rules.verdicts(visit.house, which=Filter(task_id=task.id, decision="blocked"))
    is_picture = any(one.stage == "picture" for one in found)
    if not visit.is_owner:
        return Refusal(is_picture=is_picture, by=[])
    rules = {rule.id: rule for rule in await moderation_rules.rules(visit.house)} if found else {}
    return Refusal(is_picture=is_picture, by=[(one, rules.get(one.rule_id) if one.rule_id else None) for one in found])
