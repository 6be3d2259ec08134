"""Spans: what was done when, within which other thing, for a collector of traces.

`OFF` traces nothing and costs next to nothing. What really traces is in `kit.otlp`, whose libraries are an extra. A span
belongs to the one around it; without one, to the trace that its origin names; without that, to a trace of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Protocol, TypeAlias
from uuid import UUID

Kind: TypeAlias = Literal["internal", "server", "client", "consumer"]
Value: TypeAlias = str | int | float | bool

_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The trace that something belongs to. `span_id` 0: it begins there; else it follows from that span, elsewhere."""

    trace_id: int
    span_id: int = 0
    is_sampled: bool = True


def origin_of(text: str) -> Origin | None:
    """The origin in a trace whose id is this UUID; None if it is none."""
    if not _UUID.fullmatch(text):
        return None
    number = UUID(text).int
    return Origin(trace_id=number) if number else None


class Span(Protocol):
    """Something that is being done."""

    def rename(self, name: str) -> None:
        """It turned out to be something else."""

    def note(self, attributes: Mapping[str, Value]) -> None:
        """What is to be known of it: never a prompt, a key, a link."""

    def fail(self, why: str) -> None:
        """It went wrong; `why` is a code."""


class Tracer(Protocol):
    """Makes spans."""

    @property
    def is_on(self) -> bool:
        """Whether anybody will see them."""
        ...

    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        origin: Origin | None = None,
        attributes: Mapping[str, Value] | None = None,
    ) -> AbstractContextManager[Span]:
        """A span for as long as the block runs; what the block raises makes it a failed one."""
        ...

    def fail(self, why: str) -> None:
        """What the innermost block does went wrong; `why` is a code."""

    async def close(self, *, seconds: float) -> None:
        """Send what has not been sent, for up to so long. Spans after this are lost."""


class _Nothing:
    """No span, shared by all who want one."""

    __slots__ = ()

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def rename(self, name: str) -> None:
        """Nobody sees it."""

    def note(self, attributes: Mapping[str, Value]) -> None:
        """Nobody sees it."""

    def fail(self, why: str) -> None:
        """Nobody sees it."""


_NOTHING: Final = _Nothing()


class _Off:
    """Traces nothing."""

    is_on: Final = False

    def span(
        self,
        name: str,  # noqa: ARG002 - the other tracer's
        *,
        kind: Kind = "internal",  # noqa: ARG002
        origin: Origin | None = None,  # noqa: ARG002
        attributes: Mapping[str, Value] | None = None,  # noqa: ARG002
    ) -> _Nothing:
        return _NOTHING

    def fail(self, why: str) -> None:
        """Nobody sees it."""

    async def close(self, *, seconds: float) -> None:
        """There is nothing to send."""


OFF: Final[Tracer] = _Off()
