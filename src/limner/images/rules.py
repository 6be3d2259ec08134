"""Where pictures lie. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.domain.spec import OutputFormat

_PARTIAL: Final = re.compile(r"_([0-9]{1,4})\.partial([0-9]{1,6})\.[a-z]+\Z", re.ASCII)


def storage_prefix(*, task_id: UUID, created_at: datetime) -> str:
    """What the keys of all of a task's pictures begin with.

    It follows from the task's row alone, so that whatever a crash left in storage can be found and removed.
    """
    return f"{created_at:%Y-%m-%d}/{task_id}_"


def storage_key(*, task_id: UUID, created_at: datetime, index: int, output_format: OutputFormat) -> str:
    """Where picture `index` of the task lies: `2026-11-22/<task>_0.png`, one folder a day."""
    return f"{storage_prefix(task_id=task_id, created_at=created_at)}{index}.{output_format.value}"


def partial_name(*, task_id: UUID, index: int, number: int, output_format: OutputFormat) -> str:
    """What the file of a partial picture is called; it lies beside the pictures of its task until that has ended."""
    return f"{task_id}_{index}.partial{number}.{output_format.value}"


def partial_of(name: str) -> tuple[int, int] | None:
    """Which picture, and its how manieth partial, a file of that name shows; None: it is none."""
    found = _PARTIAL.search(name)
    return (int(found[1]), int(found[2])) if found else None


def partial_key(*, created_at: datetime, name: str) -> str:
    """Where a partial picture lies."""
    return f"{created_at:%Y-%m-%d}/{name}"
