"""What may not be painted here, and what becomes of it: prompts before anything is held, pictures before anybody can read them.

Where nothing is configured, nothing is done. What is refused costs nothing, and the answer never says which word or rule it
was: a list that answers questions can be read out word by word. That is in the verdicts, for operators only.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from limner.catalog.models import Model
from limner.catalog.service import UnknownModel
from limner.db.steps import Step
from limner.domain.ask import Ask
from limner.domain.problem import Problem
from limner.domain.spec import Picture, Spec
from limner.engines import EngineRefused
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.moderations import ModerationTrouble, Opinion
from limner.moderation import service as rule_book
from limner.moderation.models import Finding, Hit, SaidBy, Stage
from limner.moderation.rules import RuleSet
from limner.tasks.models import Task

_log = logging.getLogger(__name__)


class Refused(Problem):
    """The prompt, or what was painted from it, is against this server's rules."""

    code = "refused"
    status = 403


class Blocked(Refused):
    """The same, from a model that takes `moderation`: OpenAI has another word for it there."""

    code = "moderation_blocked"
    status = 400


class ModerationUnavailable(Problem):
    """Nobody could say whether it may be painted, and unsaid it may not."""

    code = "moderation_unavailable"
    status = 503


_PROMPT = "the prompt was refused by this server's rules: change what it asks for"
_PICTURE = "what was painted was refused by this server's rules, and nothing was charged for it: change the prompt"
_NOBODY = "the service that has to look at {what} first does not answer now: try again later; nothing was charged"
_RETRY_SECONDS = 30.0


# at the door --------------------------------------------------------------------------------------------------------------


def check_prompt(prompt: str, *, blocked_words: Sequence[str]) -> None:
    """Raises `Refused` if the prompt has a listed word or phrase in it, whole, in any case."""
    if _words(tuple(blocked_words)).hits(prompt, account_id=None, models=()):
        raise Refused(_PROMPT, param="prompt")


@functools.lru_cache(maxsize=8)
def _words(blocked_words: tuple[str, ...]) -> RuleSet:
    return RuleSet(words=blocked_words)


def at_the_door(house: House, *, prompt: str, model: Model, account_id: UUID | None) -> tuple[Finding, ...]:
    """What is to be written down of a prompt that may come in; nearly always nothing.

    Raises `Refused` or `Blocked`, by the model. `account_id` None: whoever asks; what is for one account does not count.
    """
    if not house.moderator.has_rules:
        return ()
    hits = house.moderator.hits(prompt, account_id=account_id, models=_names(model))
    if hits and hits[0].is_blocked:
        raise refusal(model)(_PROMPT, param="prompt")
    return _findings(hits, stage="prompt")


async def note_at_the_door(house: House, *, ask: Ask, account_id: UUID) -> None:
    """Write down why a prompt was refused before it was a task."""
    if not house.moderator.may_note(account_id):
        return
    found = house.catalog.model(ask.model)
    hits = house.moderator.hits(ask.prompt, account_id=account_id, models=_names(found))
    findings = _findings(hits, stage="prompt")
    if findings:
        await house.database.together(
            note(house, findings, task_id=None, account_id=account_id, model=found.name), order=()
        )
    event(_log, "prompt.blocked", account_id=account_id, model=found.name, rules=len(findings))


def note(
    house: House, findings: Sequence[Finding], *, task_id: UUID | None, account_id: UUID, model: str
) -> Step[None]:
    """Write findings down, together with something else."""
    return rule_book.note(
        ids=[uuid7() for _ in findings],
        task_id=task_id,
        account_id=account_id,
        model=model,
        findings=findings,
        now=house.clock.now(),
    )


# on the way ---------------------------------------------------------------------------------------------------------------


async def moderate_prompt(house: House, *, task: Task, spec: Spec) -> None:
    """Ask the endpoint about the caller's prompt, if there is one. Raises `Refused`, `Blocked` or `ModerationUnavailable`."""
    if house.moderator.asks_about_prompts and not await _passes(
        house, spec.prompt, task=task, spec=spec, stage="prompt"
    ):
        raise refusal_of(house, task)(_PROMPT, param="prompt")


async def allows_revision(house: House, *, text: str, task: Task, spec: Spec) -> bool:
    """Whether a picture may be painted from what has been made of the prompt; if that cannot be said, as the settings want it."""
    moderator = house.moderator
    if moderator.has_rules:
        hits = moderator.hits(text, account_id=task.account_id, models=_names_of(house, task))
        await _write_down(house, task, _findings(hits, stage="revised"))
        if hits and hits[0].is_blocked:
            return False
    if not moderator.asks_about_prompts:
        return True
    try:
        return await _passes(house, text, task=task, spec=spec, stage="revised")
    except ModerationUnavailable:
        return False


async def moderate_picture(house: House, *, task: Task, spec: Spec, picture: Picture) -> None:
    """Have a finished picture looked at, if anybody does. Raises `Refused`, `Blocked` or `ModerationUnavailable`."""
    if not house.moderator.checks_pictures:
        return
    moderator = house.moderator
    with house.tracer.span("picture moderate") as span:
        try:
            opinion = await moderator.opinion_of_picture(picture.data, media_type=picture.output_format.media_type)
        except ModerationTrouble as trouble:
            span.fail(trouble.reason)
            _without_opinion(house, trouble, task=task, what="pictures")
            return
    said_by: SaidBy = "endpoint" if moderator.pictures == "endpoint" else "hook"
    if not await _decided(house, opinion, task=task, spec=spec, stage="picture", said_by=said_by, index=picture.index):
        raise refusal_of(house, task)(_PICTURE, param="prompt")


def checks_pictures(house: House) -> bool:
    """Whether pictures are looked at before anybody can read them: unfinished ones are not shown then, and none stays elsewhere."""
    return house.moderator.checks_pictures


async def told(house: House, trouble: Problem | None, *, task: Task, engine: str) -> Problem | None:
    """What the caller hears of a task's trouble: an upstream's own refusal in the same words as ours."""
    if not isinstance(trouble, EngineRefused):
        return trouble
    with suppress(Problem):  # the task ends all the same, and says why
        await _write_down(house, task, [Finding(stage="prompt", decision="blocked", said_by="engine", by=engine)])
    return refusal_of(house, task)(trouble.message, param=trouble.param or "prompt")


async def _passes(house: House, text: str, *, task: Task, spec: Spec, stage: Stage) -> bool:
    with house.tracer.span("prompt moderate") as span:
        try:
            opinion = await house.moderator.opinion_of_prompt(text)
        except ModerationTrouble as trouble:
            span.fail(trouble.reason)
            _without_opinion(house, trouble, task=task, what="prompts")
            return True
    return await _decided(house, opinion, task=task, spec=spec, stage=stage, said_by="endpoint")


async def _decided(
    house: House, opinion: Opinion, *, task: Task, spec: Spec, stage: Stage, said_by: SaidBy, index: int | None = None
) -> bool:
    """Whether it may pass by that opinion, which is written down if there is anything to it."""
    against = house.moderator.bounds.against(opinion, is_low=spec.moderation == "low")
    if against is None and not opinion.flagged:
        return True
    named = tuple(sorted(name for name, is_so in opinion.categories.items() if is_so)) if against is None else against
    finding = Finding(
        stage=stage,
        decision="let_through" if against is None else "blocked",
        said_by=said_by,
        by=house.moderator.endpoint_name if said_by == "endpoint" else None,
        categories=named,
        scores=opinion.scores,
        picture=index,
    )
    await _write_down(house, task, [finding])
    return against is None


def _without_opinion(house: House, trouble: ModerationTrouble, *, task: Task, what: str) -> None:
    """Nobody has said anything: let it pass, or raise `ModerationUnavailable`, as the settings want it."""
    passes = house.moderator.on_trouble == "allow"
    event(
        _log,
        "moderation.trouble",
        level=logging.WARNING,
        task_id=task.id,
        what=what,
        reason=trouble.reason,
        passes=passes,
        trace_id=task.trace_id,
        **({"cause": repr(trouble.__cause__)[:300]} if trouble.__cause__ else {}),
    )
    if not passes:
        raise ModerationUnavailable(_NOBODY.format(what=what), retry_after_seconds=_RETRY_SECONDS)


async def _write_down(house: House, task: Task, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    step: Step[Any] = note(house, findings, task_id=task.id, account_id=task.account_id, model=task.model)
    await house.database.together(step, order=())
    for one in findings:
        event(
            _log,
            f"{'picture' if one.stage == 'picture' else 'prompt'}.{'blocked' if one.decision == 'blocked' else 'flagged'}",
            task_id=task.id,
            stage=one.stage,
            said_by=one.said_by,
            trace_id=task.trace_id,
        )


def _findings(hits: Sequence[Hit], *, stage: Stage) -> tuple[Finding, ...]:
    """One for each rule; those that only flag are beside the point where another one blocks."""
    is_blocked = bool(hits) and hits[0].is_blocked
    return tuple(
        Finding(
            stage=stage,
            decision="blocked" if hit.is_blocked else "let_through",
            said_by="settings" if hit.rule is None else "rule",
            rule_id=hit.rule.id if hit.rule else None,
        )
        for hit in hits
        if hit.is_blocked or not is_blocked
    )


def _names(model: Model) -> tuple[str, ...]:
    return (model.name,) if model.alias_of is None else (model.name, model.alias_of)


def _names_of(house: House, task: Task) -> tuple[str, ...]:
    try:
        return _names(house.catalog.model(task.model))
    except UnknownModel:  # it was on offer when the task was admitted
        return (task.model,)


def refusal(model: Model) -> type[Refused]:
    """How a model says no."""
    return Blocked if "moderation" in model.profile.parameters else Refused


def refusal_of(house: House, task: Task) -> type[Refused]:
    """The same, of a task's model."""
    try:
        return refusal(house.catalog.model(task.model))
    except UnknownModel:
        return Refused
