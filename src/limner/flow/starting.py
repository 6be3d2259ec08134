"""Pictures that people start from: found again by their ids, of a task that started from some, or taken out of the gallery."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from limner.domain.ask import Ask
from limner.files import service as file_room
from limner.files.models import File
from limner.flow import files
from limner.flow.fetch import fetched
from limner.flow.gallery import picture
from limner.flow.house import House
from limner.flow.inputs import PURPOSE
from limner.tasks.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a request starts from, of what is still there."""

    images: tuple[File, ...] = ()
    mask: File | None = None


async def start_of(house: House, *, account_id: UUID, images: Sequence[UUID], mask: UUID | None = None) -> Start:
    """The account's files of these ids, each once; those that it does not have (any more) are left out."""
    wanted = list(dict.fromkeys(images))
    ids = [*wanted, *([mask] if mask is not None else [])]
    if not ids:
        return Start()
    async with house.database.statement() as tx:
        found = await file_room.files_of(tx, account_id=account_id, ids=ids, now=house.clock.now())
    there = tuple(found[id_] for id_ in wanted if id_ in found)
    return Start(images=there, mask=found.get(mask) if mask is not None else None)


async def start_of_task(house: House, *, task: Task) -> Start:
    """What the task started from; nothing of what has expired, or been deleted."""
    if "image" not in task.request:
        return Start()
    ask = Ask.of(task.request)
    return await start_of(
        house,
        account_id=task.account_id,
        images=[one.file_id for one in ask.images],
        mask=ask.mask.file_id if ask.mask is not None else None,
    )


async def from_gallery(house: House, *, account_id: UUID, task_id: UUID, index: int) -> File:
    """The account's own picture, kept once more as one to start from.

    Raises `NoSuchPicture`, `FileMissing`, or what `files.keep` does: an svg is none of the pictures that engines take.
    """
    hung = await picture(house, account_id=account_id, task_id=task_id, index=index)
    key = hung.image.storage_key
    painted = await fetched(house, key=key, until=hung.gone_at)
    with tempfile.TemporaryDirectory(prefix="limner-") as folder:
        path = Path(folder) / "picture"
        with path.open("wb") as file:
            async for piece in painted.read(start=0, end=painted.length):
                await asyncio.to_thread(file.write, piece)
        return await files.keep(
            house,
            account_id=account_id,
            path=path,
            name=key.rpartition("/")[2],
            purpose=PURPOSE,
            is_listed=False,
        )
