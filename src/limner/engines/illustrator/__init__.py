"""The embedded illustrator: prompt to Scene to SVG to pixels, without a model, a network or a GPU.

`Plug` runs in the server and only hands out work; the drawing happens in painting processes (`pool`, `painter`, `studio`).
Importing this package loads no Skia, no numpy and no art: a test holds it to that. It does not load asyncio either, since
each painting process passes through here too, and would start a tenth of a second later.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from limner.domain.spec import OutputFormat, Partial, Picture, Spec
from limner.engines import Health, SourceType

if TYPE_CHECKING:
    from limner.engines.illustrator.pool import Pool

SEEDS = 2**63
_OPTIONS = frozenset(("processes", "queue_length_max", "picture_seconds_max"))
_PROCESSES_DEFAULT_MAX = 4


class Plug:
    """The engine. Options: `processes`, `queue_length_max` (waiting pictures), `picture_seconds_max`."""

    needs_options: ClassVar[bool] = False
    output_formats: frozenset[OutputFormat] = frozenset(OutputFormat)
    source_type: SourceType = SourceType.ALGORITHMIC
    images_max: int = 16

    def __init__(self, options: Mapping[str, object]) -> None:
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise ValueError(f"The illustrator knows no option {unknown[0]!r}; it knows {', '.join(sorted(_OPTIONS))}.")
        self._processes = _whole(
            options, "processes", least=1, default=min(os.cpu_count() or 1, _PROCESSES_DEFAULT_MAX)
        )
        self._queue_length_max = _whole(options, "queue_length_max", least=0, default=64)
        self._picture_seconds_max = _seconds(options, "picture_seconds_max", default=60.0)
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Start the painting processes."""
        from limner.engines.illustrator.pool import Pool

        assert self._pool is None, "opened twice"
        pool = Pool(
            processes=self._processes,
            queue_length_max=self._queue_length_max,
            picture_seconds_max=self._picture_seconds_max,
        )
        await pool.open()
        self._pool = pool

    async def close(self) -> None:
        """End them; unfinished pictures are abandoned."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def formats(self, model: str) -> frozenset[OutputFormat]:  # noqa: ARG002 - the same for all
        """All of them."""
        return self.output_formats

    def extras(self, model: str) -> Collection[str]:  # noqa: ARG002 - the same for all
        """A seed."""
        return ("seed",)

    def health(self) -> Sequence[Health]:
        """Its painters are replaced when they die: there is nothing to tell."""
        return ()

    def pids(self) -> list[int]:
        """The ids of the painting processes."""
        return self._pool.pids() if self._pool is not None else []

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture | Partial]:
        """The spec's pictures, each as soon as it is done, and unfinished ones before them where they are wanted."""
        import asyncio
        import secrets

        assert self._pool is not None, "painted before it was opened"
        self._pool.admit(spec.n)
        first = spec.seed if spec.seed is not None else secrets.randbelow(SEEDS)
        seen: asyncio.Queue[Partial | asyncio.Task[Picture]] = asyncio.Queue()
        errands = [
            asyncio.create_task(self._pool.paint(spec, index=index, seed=(first + index) % SEEDS, show=seen.put_nowait))
            for index in range(spec.n)
        ]
        for errand in errands:
            errand.add_done_callback(self._pool.leave)
            errand.add_done_callback(seen.put_nowait)
        left = spec.n
        try:
            while left:
                one = await seen.get()
                if isinstance(one, Partial):
                    yield one
                else:
                    left -= 1
                    yield await one
        finally:
            for errand in errands:
                errand.cancel()
            await asyncio.gather(*errands, return_exceptions=True)


def _whole(options: Mapping[str, object], name: str, *, least: int, default: int) -> int:
    value = options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"The illustrator's option {name!r} must be a whole number of at least {least}.")
    return value


def _seconds(options: Mapping[str, object], name: str, *, default: float) -> float:
    value = options.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"The illustrator's option {name!r} must be a number of seconds above 0.")
    return float(value)
