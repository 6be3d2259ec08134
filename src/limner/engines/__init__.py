"""The engines: who paints. This file is the whole contract, and finds the plugs beside it.

An engine is one file (or one folder) in this package with a class `Plug` that fits `Engine`. Nothing else names it: drop
a file in and `discover()` finds it, the contract tests run over it, and the catalogue may refer to it by its file name.
An engine knows nothing of accounts, credits, storage or HTTP dialects; flow gives it a `Spec` and takes `Picture`s.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from limner.domain.problem import Problem

if TYPE_CHECKING:
    from limner.domain.spec import OutputFormat, Partial, Picture, Progress, Spec


class EngineFailed(Problem):
    """The engine broke while it painted."""

    code = "engine_failed"
    status = 500


class EngineBusy(Problem):
    """The engine has as much waiting as it may have."""

    code = "engine_busy"
    status = 503


class Engine(Protocol):
    """What every engine is.

    `output_formats`: what it can write. `paint` yields the spec's n pictures as they are done, in any order, each index
    once; closing the generator early cancels the rest, at once. In between it may say how far it has come (`Progress`) and
    show unfinished pictures (`Partial`). It raises a `Problem` for trouble that the caller should hear of.
    `open` may be slow (a process pool, a model in memory); an engine that is never asked is never opened.
    """

    output_formats: ClassVar[frozenset[OutputFormat]]

    async def open(self) -> None:
        """Get ready to paint. Called once, before the first `paint`."""

    async def close(self) -> None:
        """Give everything back. Called once; unfinished pictures are abandoned."""

    def paint(self, spec: Spec) -> AsyncGenerator[Picture | Progress | Partial]:
        """Paint `spec.n` pictures."""
        ...


class MakesEngines(Protocol):
    """A plug's class: it is made from the options that the configuration gives its name."""

    def __call__(self, options: Mapping[str, object]) -> Engine:
        """Make the engine; unknown or wrong options raise ValueError with a sentence."""
        ...


def discover() -> list[str]:
    """The names of the engines in this package, in alphabetical order. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> MakesEngines:
    """The class of the engine called `name`; importing it must not import its heavy libraries."""
    return cast("MakesEngines", importlib.import_module(f"{__name__}.{name}").Plug)
