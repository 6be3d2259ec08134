"""Rows of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from limner.domain.spec import Cause, Usage

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

OPEN: Final[frozenset[Status]] = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An engine, or a part of one (an upstream, a device), that was tried and did not manage. `seconds`: how long it took."""

    engine: str
    part: str | None
    cause: Cause
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A picture that lies with an upstream, under its address there, and is not kept here."""

    index: int
    url: str = field(repr=False)
    revised_prompt: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a task's pictures came to be. `engine` and `part` made them; `tried` did not manage before that.

    `warnings`: what the caller should know, a sentence each. `usage` None: the engine told none.
    """

    engine: str
    part: str | None = None
    tried: tuple[Tried, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: Usage | None = None
    links: tuple[Link, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What is kept of it: what is not there is left out."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Outcome:
        """From what was kept."""
        return cls(
            engine=kept["engine"],
            part=kept.get("part"),
            tried=tuple(Tried(**{**one, "cause": Cause(one["cause"])}) for one in kept.get("tried", ())),
            warnings=tuple(kept.get("warnings", ())),
            usage=Usage(**kept["usage"]) if "usage" in kept else None,
            links=tuple(Link(**one) for one in kept.get("links", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A request for pictures and what has become of it.

    `kind`: what was called, in the vendor's words (images_generations). `prefix`: the prefix in whose words it answers.
    `request`: what the caller asked for, after parsing. `choices`: the spec that followed from it, but for the prompt; {}
    for tasks older than it. `price`: micro-credits for each picture, `held` for all of them, `charged` in the end.
    `is_async`: nobody waits for it on a connection. `has_job`: it goes through the queue. `begun`: how often it was.
    `callback_line`: in whose line its callback will wait; None: it has none.
    `cancel_asked_at`: somebody wants it stopped. `expired_at`: its files were removed. `engine`: who is to perform it, or
    whoever of the model's chain has its turn; `outcome`: who did, where there is something to say of that.
    """

    id: UUID
    account_id: UUID
    api_key_id: UUID
    trace_id: str
    kind: str
    prefix: str
    model: str
    engine: str
    request: Mapping[str, Any] = field(repr=False)
    choices: Mapping[str, Any] = field(repr=False)
    as_links: bool
    price: int
    held: int
    is_async: bool
    has_job: bool
    priority: int
    created_at: datetime
    status: Status
    callback_line: UUID | None = None
    begun: int = 0
    progress: float = 0.0
    node_id: UUID | None = None
    lease_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_asked_at: datetime | None = None
    expired_at: datetime | None = None
    charged: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has yet to end."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which tasks to list; None means any. Times are inclusive, the ends of `before` (an id) are not."""

    ids: tuple[UUID, ...] | None = None
    trace_ids: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    model: str | None = None
    engine: str | None = None
    kinds: tuple[str, ...] | None = None
    api_key_id: UUID | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    before: UUID | None = None
    error_codes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A node that has tasks of an engine in hand: how many, until when it has promised to say more, since when the oldest."""

    node_id: UUID
    engine: str
    count: int
    lease_until: datetime
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How many tasks of an engine have ended so; `seconds`: what the good ones took, on average."""

    engine: str
    status: Status
    count: int
    seconds: float | None
