"""Engines with a part to play."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar

from limner.domain.spec import OutputFormat, Partial, Picture, Progress, Spec
from limner.engines import fake
from limner.flow.house import EngineStand, House


class Painter(fake.Plug):
    """Paints flat pictures like the fake engine; its children do something else first."""

    output_formats: ClassVar[frozenset[OutputFormat]] = frozenset({OutputFormat.PNG})

    def __init__(self) -> None:
        super().__init__({"bytes": 256})
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        """Count how often."""
        self.opened += 1

    async def close(self) -> None:
        """Count how often."""
        self.closed += 1


class Breaking(Painter):
    """Raises an error after so many pictures."""

    def __init__(self, error: Exception, *, after: int = 0) -> None:
        super().__init__()
        self._error, self._after = error, after

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        """Break when it is time."""
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                if picture.index == self._after:
                    raise self._error
                yield picture


class Lazy(Painter):
    """Delivers fewer pictures than were asked for, and says nothing."""

    def __init__(self, *, pictures: int) -> None:
        super().__init__()
        self._pictures = pictures

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        """Stop early."""
        async with aclosing(super().paint(replace(spec, n=max(1, self._pictures)))) as pictures:
            async for picture in pictures:
                if self._pictures:
                    yield picture


class Backwards(Painter):
    """Finishes the last picture first."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        """Turn the order round."""
        async with aclosing(super().paint(spec)) as pictures:
            done = [picture async for picture in pictures]
        for picture in reversed(done):
            yield picture


class Waiting(Painter):
    """Paints so many pictures, then waits to be told to go on; `began` says that it waits."""

    def __init__(self, *, after: int = 0) -> None:
        super().__init__()
        self._after = after
        self.began = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.left_early = False

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        """Wait at the right moment."""
        try:
            async with aclosing(super().paint(spec)) as pictures:
                async for picture in pictures:
                    if picture.index == self._after:
                        self.began.set()
                        await self.may_go_on.wait()
                    yield picture
        except (asyncio.CancelledError, GeneratorExit):
            self.left_early = True
            raise


class Showing(Painter):
    """Goes on, one thing at a time, when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_show: asyncio.Queue[float | int | None] = asyncio.Queue()
        self.began = asyncio.Event()

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture | Progress | Partial]:
        async with aclosing(super().paint(replace(spec, partials=0))) as shown:
            async for picture in shown:
                assert isinstance(picture, Picture)
                self.began.set()
                while (what := await self.may_show.get()) is not None:
                    if isinstance(what, float):
                        yield Progress(share=what)
                    else:
                        yield Partial(
                            index=picture.index, number=what, data=picture.data, output_format=picture.output_format
                        )
                yield picture


def with_painter(house: House, painter: Painter) -> House:
    """The same house with this painter behind the engine `fake`."""
    return replace(house, engines={**house.engines, "fake": EngineStand(painter)})
