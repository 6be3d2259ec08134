"""Rows and values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal["word", "pattern"]
Action = Literal["block", "flag"]
Stage = Literal["prompt", "revised", "picture"]
Decision = Literal["blocked", "let_through"]
SaidBy = Literal["settings", "rule", "endpoint", "hook", "engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A word or phrase, or a pattern, and what is done about prompts that have it: refused (block) or noted (flag).

    It is for the prompts of one account, or for one model (and what is named after it), or for both together; None: any.
    `made_by` None: the command line.
    """

    id: UUID
    kind: Kind
    text: str = field(repr=False)
    action: Action
    account_id: UUID | None
    model: str | None
    made_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What somebody has to say about a prompt or a picture, and what was made of it.

    `rule_id`: which rule, if it was one. `by`: the engine's name, or the model that the endpoint was asked for. `categories`
    and `scores`: in its own words, as far as it has any. `picture`: the index, where it is about one.
    """

    stage: Stage
    decision: Decision
    said_by: SaidBy
    rule_id: UUID | None = None
    by: str | None = None
    categories: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    picture: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Finding):
    """One that was written down. `task_id` None: it was refused before it became a task."""

    id: UUID
    task_id: UUID | None
    account_id: UUID
    model: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which verdicts to list; None means any. `before`: only what was written before the verdict with this id."""

    account_id: UUID | None = None
    task_id: UUID | None = None
    rule_id: UUID | None = None
    stage: Stage | None = None
    decision: Decision | None = None
    since: datetime | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A rule that a prompt breaks. `rule` None: it is a word of the settings, `text`, which is refused always."""

    rule: Rule | None
    text: str = field(repr=False)

    @property
    def is_blocked(self) -> bool:
        """Whether the prompt is refused for it."""
        return self.rule is None or self.rule.action == "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often somebody has said something. `last_at`: the last time."""

    said_by: SaidBy
    rule_id: UUID | None
    blocked: int
    let_through: int
    last_at: datetime
