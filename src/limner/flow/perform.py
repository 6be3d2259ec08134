"""Prompt to pictures in storage: the only slow act, outside every transaction.

The same function whoever performs: the process that admitted a synchronous call, or a worker.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from limner.domain.problem import Problem
from limner.domain.spec import Partial, Picture, Progress, Spec
from limner.engines import EngineFailed
from limner.flow import spans
from limner.flow.house import House
from limner.images import rules as image_rules
from limner.images.models import StoredImage
from limner.storage import StorageFailed
from limner.tasks.models import Task


class TaskTimedOut(Problem):
    """The engine took longer than a task may."""

    code = "timed_out"
    status = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What became of a task: pictures in the order of their index, and what stopped it before it was done, if anything.

    `data[i]` are the bytes of `images[i]`, still in memory. `partials`: unfinished pictures of it lie in storage.
    """

    images: list[StoredImage]
    data: list[bytes]
    trouble: Problem | None
    partials: bool


class Audience(Protocol):
    """Who wants to know how a task comes along."""

    async def progress(self, share: float) -> None:
        """It has come so far, between 0 and 1."""

    async def partial(self, name: str) -> None:
        """An unfinished picture lies in storage under that name."""


async def perform(house: House, *, task: Task, spec: Spec, audience: Audience | None = None) -> Performed:
    """Have the pictures painted and store each as it is done. Expected trouble is in the answer, not raised."""
    stage = _Stage(house, task=task, spec=spec, audience=audience)
    trouble: Problem | None = None
    try:
        async with asyncio.timeout(house.task_seconds):
            engine = await house.engines[task.engine].ready()
            with spans.painting(house, task):
                async with aclosing(engine.paint(spec)) as shown:
                    async for one in shown:
                        await stage.take(one)
    except TimeoutError:
        trouble = TaskTimedOut(
            f"the picture was not done within {house.task_seconds} seconds; nothing was charged for it"
        )
    except Problem as problem:
        trouble = problem
    done = sorted(stage.done, key=lambda pair: pair[0].index)
    if trouble is None and len(done) != spec.n:
        trouble = EngineFailed(f"the engine delivered {len(done)} of {spec.n} pictures")
    return Performed(
        images=[image for image, _ in done],
        data=[data for _, data in done],
        trouble=trouble,
        partials=stage.partials,
    )


class _Stage:
    """What an engine hands out goes from here to storage, and to whoever watches."""

    def __init__(self, house: House, *, task: Task, spec: Spec, audience: Audience | None) -> None:
        self.done: list[tuple[StoredImage, bytes]] = []
        self.partials = False
        self._house, self._task, self._spec, self._audience = house, task, spec, audience
        self._told_at = time.monotonic()

    async def take(self, one: Picture | Progress | Partial) -> None:
        match one:
            case Picture():
                self.done.append((await self._stored(one), one.data))
                if len(self.done) < self._spec.n:
                    await self._tell(len(self.done) / self._spec.n)
            case Progress():
                await self._tell(one.share)
            case Partial():
                await self._show(one)

    async def _tell(self, share: float) -> None:
        """Not more often than anybody looks."""
        now = time.monotonic()
        if self._audience is not None and now - self._told_at >= self._house.queue_policy.tell_every_seconds:
            self._told_at = now
            await self._audience.progress(share)

    async def _show(self, partial: Partial) -> None:
        if self._audience is None:
            return
        self.partials = True
        name = image_rules.partial_name(
            task_id=self._task.id, index=partial.index, number=partial.number, output_format=partial.output_format
        )
        key = image_rules.partial_key(created_at=self._task.created_at, name=name)
        await self._keep(key, partial.data)
        await self._audience.partial(name)

    async def _keep(self, key: str, data: bytes) -> None:
        try:
            with self._house.tracer.span("storage put", attributes={"limner.bytes": len(data)}):
                await self._house.storage.put(key, data)
        except StorageFailed:
            self._house.signs.storage_failed = True
            raise
        self._house.signs.storage_failed = False

    async def _stored(self, picture: Picture) -> StoredImage:
        key = image_rules.storage_key(
            task_id=self._task.id,
            created_at=self._task.created_at,
            index=picture.index,
            output_format=picture.output_format,
        )
        await self._keep(key, picture.data)
        return StoredImage(
            index=picture.index,
            storage_key=key,
            media_type=picture.output_format.media_type,
            bytes=len(picture.data),
            width=picture.width,
            height=picture.height,
            seed=picture.seed,
            revised_prompt=picture.revised_prompt,
        )
