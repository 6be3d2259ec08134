"""Where pictures lie. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from limner.domain.spec import OutputFormat


def storage_prefix(*, task_id: UUID, created_at: datetime) -> str:
    """What the keys of all of a task's pictures begin with.

    It follows from the task's row alone, so that whatever a crash left in storage can be found and removed.
    """
    return f"{created_at:%Y-%m-%d}/{task_id}_"


def storage_key(*, task_id: UUID, created_at: datetime, index: int, output_format: OutputFormat) -> str:
    """Where picture `index` of the task lies: `2026-11-22/<task>_0.png`, one folder a day."""
    return f"{storage_prefix(task_id=task_id, created_at=created_at)}{index}.{output_format.value}"
