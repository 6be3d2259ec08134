"""Rows and values of this room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Relation = Literal["parent", "input", "component", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who signs, as PEM: `root` and what signs on its behalf. `chain`: the signing certificate first, then those above it.

    `root_key` None: the operator's own authority, whose key we do not have. Good from `begins_at` up to `ends_at`.
    """

    root: str
    root_key: str | None = field(repr=False)
    chain: str
    key: str = field(repr=False)
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAuthority(Authority):
    """One that all nodes share."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a picture came to be, as its credentials say it.

    `source_type`: IPTC's word for it when nothing was there before. `inputs`: pictures that it was made from (file, media
    type), the first of which was edited. `is_trained`: what edited them was. `is_foreign`: the file comes with credentials
    of whoever made it, which are kept inside ours.
    """

    task_id: UUID
    source_type: str
    is_trained: bool
    made_at: datetime
    inputs: Sequence[tuple[bytes, str]] = field(default=(), repr=False)
    is_foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that was done: C2PA's word for it, with what, when, and IPTC's word for the kind of source."""

    action: str
    software: str | None = None
    source_type: str | None = None
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """A picture that it was made from. `is_signed`: it had credentials of its own; `is_good`: they hold."""

    title: str
    media_type: str
    relation: Relation
    is_signed: bool
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a file says of itself, and what that is worth.

    `state`: trusted (signed by one of the authorities that we were told to trust), valid (signed by somebody else, and
    unchanged since), or broken (changed since, or signed in a way that does not hold): `problems` says how, a sentence each.
    `signer`: the name in the certificate; `software`: what made the claim. `task_id`: ours, as text.
    """

    state: Literal["trusted", "valid", "broken"]
    signer: str | None
    software: str | None
    made_at: str | None
    source_type: str | None
    task_id: str | None
    actions: Sequence[Action]
    ingredients: Sequence[Ingredient]
    problems: Sequence[str]
