"""The prompt that an engine is given: the caller's, or what a language model has made of it.

Whatever goes wrong with that, the picture is painted from the prompt as it came. What was painted from is in the answer, as
`revised_prompt`: what the engine was given, or what it says it made of that itself.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Final

from limner.catalog.models import Model
from limner.catalog.service import UnknownModel
from limner.domain.spec import Picture, Shown, Spec
from limner.flow import wording
from limner.flow.house import House
from limner.flow.moderate import allows_revision
from limner.flow.reviser import Reviser
from limner.kit.chat import ChatTrouble
from limner.kit.logs import event
from limner.tasks.models import Task

_log = logging.getLogger(__name__)
_TOLD_CHARACTERS_MAX: Final = 32_000


async def revised(house: House, *, task: Task, spec: Spec) -> Spec:
    """The spec with the prompt that the engine is to be given. One revision for all pictures of a task."""
    reviser = house.reviser
    if reviser is None or reviser.mode != "chat":
        return spec
    kept_as_is = wording.opted_out(spec.prompt)
    if kept_as_is is not None:
        return replace(spec, prompt=kept_as_is)
    text = reviser.kept(task.id)
    if text is None:
        text = await _asked(house, reviser, task=task, spec=spec)
    return spec if text is None else replace(spec, prompt=text)


def told(house: House, shown: Shown, *, spec: Spec) -> Shown:
    """What an engine shows, with what it was really painted from. `spec`: what the engine was given."""
    if not isinstance(shown, Picture):
        return shown
    # Where nobody revises, what an engine tells of its picture is no revision either.
    by_nobody = house.reviser is not None and house.reviser.mode == "none"
    # What an upstream writes may be anything; the database keeps no NUL.
    said = "" if by_nobody or shown.revised_prompt == spec.prompt else wording.plain(shown.revised_prompt)
    return replace(shown, revised_prompt=said[:_TOLD_CHARACTERS_MAX] or spec.prompt)


async def _asked(house: House, reviser: Reviser, *, task: Task, spec: Spec) -> str | None:
    """What the language model makes of it; None: the prompt stays."""
    try:
        model = house.catalog.model(task.model)
    except UnknownModel:  # it was on offer when the task was admitted
        return None
    template = reviser.templates.template(_names(model), is_edit=bool(spec.images))
    if template is None:
        return None
    characters_max = model.profile.prompt_characters_max
    started = time.monotonic()
    with house.tracer.span("prompt revise") as span:
        try:
            answer = await reviser.ask(
                spec.prompt, instruction=wording.instruction(template, spec=spec, characters_max=characters_max)
            )
        except ChatTrouble as trouble:
            fault: str | None = trouble.reason
            text = ""
        else:
            text = wording.cleaned(answer)
            fault = wording.fault_of(text, prompt=spec.prompt, characters_max=characters_max)
            if fault is None and not await allows_revision(house, text=text, task=task, spec=spec):
                fault = "blocked"
        if fault is not None:
            span.fail(fault)
    event(
        _log,
        "prompt.kept" if fault else "prompt.revised",
        level=logging.WARNING if fault else logging.DEBUG,
        task_id=task.id,
        model=task.model,
        **({"reason": fault} if fault else {}),
        seconds=time.monotonic() - started,
        trace_id=task.trace_id,
    )
    if fault is not None:
        return None
    reviser.keep(task.id, text)
    return text


def _names(model: Model) -> list[str]:
    """By what a template may be called that is for this model: the nearest first."""
    return [model.name, *([model.alias_of] if model.alias_of else []), model.profile.name]
