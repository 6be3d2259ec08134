"""Prompt to pictures in storage: the only slow act, outside every transaction.

The same function whoever performs: the process that admitted a synchronous call, or a worker.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from limner.domain.problem import Problem
from limner.domain.spec import Picture
from limner.engines import EngineFailed
from limner.flow.admit import Admitted
from limner.flow.house import House
from limner.images import rules as image_rules
from limner.images.models import StoredImage


class TaskTimedOut(Problem):
    """The engine took longer than a task may."""

    code = "timed_out"
    status = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What became of a task: pictures in the order of their index, and what stopped it before it was done, if anything.

    `data[i]` are the bytes of `images[i]`, still in memory.
    """

    images: list[StoredImage]
    data: list[bytes]
    trouble: Problem | None


async def perform(house: House, admitted: Admitted) -> Performed:
    """Have the pictures painted and store each as it is done. Expected trouble is in the answer, not raised."""
    done: list[tuple[StoredImage, bytes]] = []
    trouble: Problem | None = None
    try:
        async with asyncio.timeout(house.task_seconds):
            engine = await house.engines[admitted.task.engine].ready()
            async with aclosing(engine.paint(admitted.spec)) as pictures:
                async for picture in pictures:
                    image = await _store(house, admitted, picture)
                    done.append((image, picture.data))
    except TimeoutError:
        trouble = TaskTimedOut(
            f"the picture was not done within {house.task_seconds} seconds; nothing was charged for it"
        )
    except Problem as problem:
        trouble = problem
    if trouble is None and len(done) != admitted.spec.n:
        trouble = EngineFailed(f"the engine delivered {len(done)} of {admitted.spec.n} pictures")
    done.sort(key=lambda pair: pair[0].index)
    return Performed(images=[image for image, _ in done], data=[data for _, data in done], trouble=trouble)


async def _store(house: House, admitted: Admitted, picture: Picture) -> StoredImage:
    key = image_rules.storage_key(
        task_id=admitted.task.id,
        created_at=admitted.task.created_at,
        index=picture.index,
        output_format=picture.output_format,
    )
    await house.storage.put(key, picture.data)
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
