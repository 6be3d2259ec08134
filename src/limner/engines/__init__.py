"""The engines: who paints. This file is the whole contract, and finds the plugs beside it.

An engine is one file (or one folder) in this package with a class `Plug` that fits `Engine`. Nothing else names it: drop
a file in and `discover()` finds it, the contract tests run over it, and the catalogue may refer to it by its file name.
An engine knows nothing of accounts, credits, storage or HTTP dialects; flow gives it a `Spec` and takes `Picture`s.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, cast

from limner.domain.problem import Problem
from limner.domain.spec import Cause

if TYPE_CHECKING:
    from limner.domain.spec import OutputFormat, Shown, Spec


class EngineTrouble(Problem):
    """Trouble that an engine had. `cause` decides who tries next; `said`: an upstream's own words, for the operator only.

    `part`: which of the engine's upstreams or devices. `lost_pictures`: charged to us, as far as can be known, and gone.
    """

    cause: ClassVar[Cause]

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_seconds: float | None = None,
        said: str = "",
        part: str | None = None,
        lost_pictures: int = 0,
    ) -> None:
        super().__init__(message, param=param, retry_after_seconds=retry_after_seconds)
        self.said = said
        self.part = part
        self.lost_pictures = lost_pictures


class EngineFailed(EngineTrouble):
    """The engine broke while it painted."""

    code = "engine_failed"
    status = 500
    cause = Cause.FAILED


class EngineBusy(EngineTrouble):
    """The engine has as much waiting as it may have, or its upstreams were asked too often."""

    code = "engine_busy"
    status = 503
    cause = Cause.BUSY


class EngineTimeout(EngineTrouble):
    """A picture took longer than it may."""

    code = "engine_timeout"
    status = 504
    cause = Cause.TIMEOUT


class EngineUnavailable(EngineTrouble):
    """Nobody who could paint can be reached, or lets us in."""

    code = "engine_unavailable"
    status = 503
    cause = Cause.UNAVAILABLE


class EngineQuota(EngineTrouble):
    """The operator's own means with the upstream are used up."""

    code = "engine_quota"
    status = 503
    cause = Cause.QUOTA


class EngineRefused(EngineTrouble):
    """The upstream will not paint that: its own moderation says so."""

    code = "engine_refused"
    status = 400
    cause = Cause.REFUSED


class EngineCannot(EngineTrouble):
    """The engine is not able to do what was asked. `param` says which field."""

    code = "engine_cannot"
    status = 400
    cause = Cause.CANNOT


class SourceType(StrEnum):
    """How an engine's pictures come to be, in IPTC's words for digital sources: what content credentials say."""

    TRAINED = "trainedAlgorithmicMedia"
    ALGORITHMIC = "algorithmicMedia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a part of an engine (an upstream, a device) is, as this process knows it. For the operator.

    `state`: well, trying (after trouble, one request at a time), resting (not asked for a while), or unknown (not asked yet).
    `tried`, `failed`: since the start. `busy`: requests it has now, of `at_once`. `last_trouble`: in its own words.
    `resting_seconds`: until it is tried again. `details`: short facts by name (address, model, device, memory).
    """

    part: str
    state: Literal["well", "trying", "resting", "unknown"]
    tried: int = 0
    failed: int = 0
    busy: int = 0
    at_once: int | None = None
    seconds: float | None = None
    last_trouble: str | None = None
    resting_seconds: float | None = None
    details: Mapping[str, str] | None = None


class Engine(Protocol):
    """What every engine is.

    `output_formats`: what it can write. `source_type`: how its pictures come to be. `images_max`: how many pictures it can
    start from, 0: from words alone. `open` may be slow (a process pool, a model in memory); an engine that is never asked is
    never opened. What it says of itself may be asked before it is opened.
    """

    @property
    def output_formats(self) -> frozenset[OutputFormat]: ...  # noqa: D102 - see above

    @property
    def source_type(self) -> SourceType: ...  # noqa: D102

    @property
    def images_max(self) -> int: ...  # noqa: D102

    def formats(self, model: str) -> frozenset[OutputFormat]:
        """What of that it writes for the model of that name."""
        ...

    def extras(self, model: str) -> Collection[str]:
        """The parameters beyond a profile's that it takes for the model of that name (seed, steps, negative_prompt...)."""
        ...

    def health(self) -> Sequence[Health]:
        """How its parts are; empty: there is nothing that could be otherwise than the rest of the process."""
        ...

    async def open(self) -> None:
        """Get ready to paint. Called once, before the first `paint`."""

    async def close(self) -> None:
        """Give everything back. Called once; unfinished pictures are abandoned."""

    def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        """Paint `spec.n` pictures.

        Yields them as they are done, in any order, each index once; in between how far it has come, unfinished pictures,
        what was used, and which tries came to nothing. Closing the generator early cancels the rest, at once.
        Raises `EngineTrouble`, or another `Problem` that the caller should hear of; what was yielded before stands.
        """
        ...


class MakesEngines(Protocol):
    """A plug's class: it is made from the options that the configuration gives it.

    `needs_options`: it is nothing by itself; there is one for each name in the settings whose `plug` it is, and no other.
    """

    needs_options: ClassVar[bool]

    def __call__(self, options: Mapping[str, object]) -> Engine:
        """Make the engine; unknown or wrong options raise ValueError with a sentence."""
        ...


def discover() -> list[str]:
    """The names of the engines in this package, in alphabetical order. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> MakesEngines:
    """The class of the engine called `name`; importing it must not import its heavy libraries."""
    return cast("MakesEngines", importlib.import_module(f"{__name__}.{name}").Plug)
