"""Values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.domain.ask import ResponseFormat
from limner.domain.spec import Cause, Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSizes:
    """Any width and height within bounds, in pixels; both divisible by `step`."""

    step: int
    edge_min: int
    edge_max: int
    pixels_min: int
    pixels_max: int
    ratio_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """What pictures a model starts from: `count_max` of these types, each of less than `bytes_max` bytes.

    `is_square`: only square ones. `needs_clear`: without a mask, the picture must be transparent where it is to be painted
    anew. A mask has less than `mask_bytes_max` bytes. `takes_markup`: what is meant may be drawn over the first of them.
    """

    count_max: int = 16
    bytes_max: int = 50_000_000
    media_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    is_square: bool = False
    needs_clear: bool = False
    mask_bytes_max: int = 4_000_000
    takes_markup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The manners of a family of models: which parameters it takes, and which values.

    `qualities` maps the words of the wire to the amount of work they stand for. `response_format` is the default under
    /v1, where GPT image models answer with bytes. `images`: what pictures it starts from; None: from words alone.
    `input_fidelities`: how closely it can be told to keep to them. `is_lenient`: what it has no parameter for is left out
    and named, whoever asks.
    """

    name: str
    parameters: frozenset[str]
    prompt_characters_max: int
    n_max: int
    sizes: tuple[tuple[int, int], ...] | FreeSizes
    default_size: tuple[int, int]
    qualities: Mapping[str, Quality]
    output_formats: tuple[str, ...]
    response_format: ResponseFormat
    images: ImageRules | None = None
    input_fidelities: tuple[str, ...] = ()
    is_lenient: bool = False


DEFAULT_CAUSES: Final = frozenset(Cause) - {Cause.REFUSED, Cause.CANNOT}
"""What a fallback is taken for unless it says otherwise: what one engine refuses, or cannot do, is not asked of the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """An engine that has its turn when the one before it did not manage, if that was for one of the causes in `on`."""

    engine: str
    on: frozenset[Cause] = DEFAULT_CAUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model on offer. `prices`: micro-credits for a picture, by size class and quality. `alias_of`: what it follows.

    `engine` paints; where it does not manage, `fallbacks` do, in their order.
    """

    name: str
    engine: str
    profile: Profile
    description: str
    prices: Mapping[str, Mapping[Quality, int]]
    alias_of: str | None = None
    fallbacks: tuple[Fallback, ...] = ()

    def chain(self) -> tuple[Fallback, ...]:
        """All its engines in their order, the first of them for whatever comes."""
        return (Fallback(engine=self.engine, on=frozenset(Cause)), *self.fallbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How an operator wants a model to be. `profile`: its name; `prices` and `fallbacks` as in `Model`."""

    is_offered: bool
    engine: str
    profile: str
    description: str
    prices: Mapping[str, Mapping[Quality, int]]
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row of a model's history: what an operator made of it, and what it was before.

    `definition` None: as it comes with limner and as the settings say; `before` None: there was no such model.
    `made_by` None: the command line.
    """

    model: str
    number: int
    made_by: UUID | None
    before: Definition | None
    definition: Definition | None
    created_at: datetime
