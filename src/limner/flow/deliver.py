"""What the caller gets: links that are signed now, or the bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from limner.domain.spec import Spec
from limner.flow.admit import Admitted
from limner.flow.house import House
from limner.flow.perform import Performed
from limner.kit import signing
from limner.limits.models import Allowance

FILES_PATH = "/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredImage:
    """One picture of an answer: its bytes, or a link that opens without a header."""

    revised_prompt: str
    data: bytes | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An answered task. `charged` and `credits_left` are micro-credits."""

    task_id: UUID
    created_at_seconds: int
    spec: Spec
    images: list[DeliveredImage]
    charged: int
    credits_left: int
    allowance: Allowance


def deliver(house: House, admitted: Admitted, performed: Performed, *, as_links: bool, credits_left: int) -> Delivery:
    """The answer to a task that went well."""
    return Delivery(
        task_id=admitted.task.id,
        created_at_seconds=int(admitted.task.created_at.timestamp()),
        spec=admitted.spec,
        images=[
            DeliveredImage(
                revised_prompt=image.revised_prompt,
                data=None if as_links else data,
                url=link_to(house, image.storage_key) if as_links else None,
            )
            for image, data in zip(performed.images, performed.data, strict=True)
        ],
        charged=admitted.price * len(performed.images),
        credits_left=credits_left,
        allowance=admitted.allowance,
    )


def link_to(house: House, storage_key: str) -> str:
    """A link to a stored picture, good from now for the set time. Signed when read, never kept."""
    path = FILES_PATH + storage_key
    until = house.clock.now() + timedelta(seconds=house.link_seconds)
    return f"{house.public_url}{path}?{signing.sign(secret=house.link_secrets[0], path=path, until=until)}"
