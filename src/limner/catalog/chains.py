"""Chains of engines as operators write them, and what may be wrong with one. Pure.

One fallback is a line such as `gpu`, or `illustrator: busy timeout` where it is taken for these causes only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from limner.catalog.models import DEFAULT_CAUSES, Fallback
from limner.domain.problem import InvalidValue
from limner.domain.spec import Cause

FALLBACKS_MAX: Final = 8
_SEPARATORS: Final = re.compile(r"[\s,]+")


def fault(engine: str, fallbacks: Sequence[Fallback], *, engines: Collection[str]) -> str | None:
    """What is wrong with the chain of a model whose own engine is `engine`, in words; None: nothing."""
    names = [one.engine for one in fallbacks]
    unknown = next((name for name in names if name not in engines), None)
    if unknown is not None:
        return f"there is no engine '{unknown[:40]}' to fall back to; there is {', '.join(sorted(engines))}"
    if engine in names:
        return f"{engine} paints in the first place: it cannot be a fallback for itself"
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        return f"{twice} is named twice: an engine has one turn"
    if len(names) > FALLBACKS_MAX:
        return f"a model has {FALLBACKS_MAX} fallbacks at most"
    idle = next((one.engine for one in fallbacks if not one.on), None)
    return None if idle is None else f"{idle} is a fallback for nothing: name a cause, or leave them all out"


def line(fallback: Fallback) -> str:
    """A fallback as one writes it; the causes only where they are not the usual ones."""
    if fallback.on == DEFAULT_CAUSES:
        return fallback.engine
    return f"{fallback.engine}: {' '.join(cause.value for cause in Cause if cause in fallback.on)}"


def from_line(text: str) -> Fallback:
    """The same back. Raises `InvalidValue` for a cause that does not exist."""
    engine, colon, rest = text.partition(":")
    words = [word for word in _SEPARATORS.split(rest) if word]
    if not colon:
        return Fallback(engine=engine.strip())
    return Fallback(engine=engine.strip(), on=frozenset(map(_cause, words)))


def from_text(text: str) -> tuple[Fallback, ...]:
    """A fallback for each line that is not empty, in their order. Raises `InvalidValue`."""
    return tuple(from_line(one) for one in text.splitlines() if one.strip())


def _cause(word: str) -> Cause:
    try:
        return Cause(word.lower())
    except ValueError:
        raise InvalidValue(
            f"there is no cause '{word[:40]}'; there is {', '.join(cause.value for cause in Cause)}", param="fallbacks"
        ) from None
