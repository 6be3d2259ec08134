"""What the caller gets: links that are signed now, or the bytes; at once, or when it asks for an earlier task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from limner.domain.spec import Spec
from limner.flow.house import House
from limner.images import service as images
from limner.images.models import StoredImage
from limner.kit import signing
from limner.limits.models import Allowance
from limner.storage import FileMissing
from limner.tasks.models import Outcome, Task

if TYPE_CHECKING:
    from limner.flow.perform import Performed  # which starts from pictures that may lie behind our own links

FILES_PATH = "/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredImage:
    """One picture of an answer: its bytes, or a link that opens without a header; where it is streamed, both."""

    revised_prompt: str
    data: bytes | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a task that went well has to show. `spec` None: the task is older than specs are kept.

    `seconds`: from the request to its end. `engine`: who was to make it; `outcome`: how it came to be, where there is something to say of that.
    """

    task_id: UUID
    created_at_seconds: int
    engine: str
    spec: Spec | None
    images: list[DeliveredImage]
    seconds: float | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An answered task. `charged` and `credits_left` are micro-credits.

    `is_repeat`: it was asked for before, under the same idempotency key. `allowance` None: nothing was taken of it.
    """

    result: Result
    trace_id: str
    charged: int
    credits_left: int
    allowance: Allowance | None
    is_repeat: bool = False


def result_of(
    house: House, *, task: Task, spec: Spec, performed: Performed, ended_at: datetime, with_bytes: bool = False
) -> Result:
    """The result of a task that has just gone well, `ended_at` now. `with_bytes`: beside the links, where it is one for links."""
    data = None if task.as_links and not with_bytes else performed.data
    return _result(
        house, task=task, spec=spec, stored=performed.images, data=data, outcome=performed.outcome, ended_at=ended_at
    )


async def kept_result(house: House, *, task: Task, with_bytes: bool = False) -> Result:
    """The result of a task that went well some time ago: the pictures that have not been deleted since.

    Raises `FileMissing` if all have, or if their bytes are wanted and gone.
    """
    (result,) = await kept_results(house, tasks=[task], with_bytes=with_bytes)
    if not result.images:
        raise FileMissing("the task's pictures have been deleted: paint them again")
    return result


async def kept_results(
    house: House, *, tasks: Sequence[Task], links_only: bool = False, with_bytes: bool = False
) -> list[Result]:
    """The same for several, of which some may have none left.

    Those that show bytes have them read from storage, unless `links_only`; `with_bytes`: those that show links as well.
    """
    async with house.database.statement() as tx:
        stored = await images.images_of(tx, task_ids=[task.id for task in tasks])
    results = []
    for task in tasks:
        spec = Spec.of(prompt=task.request["prompt"], choices=task.choices) if task.choices else None
        is_read = with_bytes or not (task.as_links or links_only)
        data = None if not is_read else [await _read(house, image) for image in stored[task.id]]
        results.append(
            _result(
                house,
                task=task,
                spec=spec,
                stored=stored[task.id],
                data=data,
                outcome=task.outcome,
                ended_at=task.finished_at,
            )
        )
    return results


def _result(
    house: House,
    *,
    task: Task,
    spec: Spec | None,
    stored: Sequence[StoredImage],
    data: Sequence[bytes] | None,
    outcome: Outcome | None,
    ended_at: datetime | None,
) -> Result:
    delivered = {
        image.index: DeliveredImage(
            revised_prompt=image.revised_prompt,
            data=None if data is None else data[place],
            url=link_to(house, image.storage_key) if data is None or task.as_links else None,
        )
        for place, image in enumerate(stored)
    }
    for link in outcome.links if outcome else ():
        delivered[link.index] = DeliveredImage(revised_prompt=link.revised_prompt, data=None, url=link.url)
    return Result(
        task_id=task.id,
        created_at_seconds=int(task.created_at.timestamp()),
        engine=task.engine,
        spec=spec,
        images=[delivered[index] for index in sorted(delivered)],
        seconds=None if ended_at is None else round((ended_at - task.created_at).total_seconds(), 3),
        outcome=outcome,
    )


async def _read(house: House, image: StoredImage) -> bytes:
    pieces = [piece async for piece in house.storage.read(image.storage_key, start=0, end=image.bytes)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def link_to(house: House, storage_key: str) -> str:
    """A link to a stored picture, good from now for the set time. Signed when read, never kept."""
    path = FILES_PATH + storage_key
    until = house.clock.now() + timedelta(seconds=house.link_seconds)
    return f"{house.public_url}{path}?{signing.sign(secret=house.link_secrets[0], path=path, until=until)}"
