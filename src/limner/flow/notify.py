"""Whom a task tells when it has ended: checked and written down as it begins, let go as it ends."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid5

from limner.db.steps import Step
from limner.domain.problem import Problem
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.jobs.models import Line
from limner.kit.outbound import AddressRefusedError
from limner.tasks.models import Task
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks

CALLBACK: Final = "callback"
"""The kind of the jobs that are callbacks."""
_LINES: Final = UUID("6f5f2b1e-6d0c-4f0e-9a53-3b5d0c5f7b11")
# In the random part of a task's id, so that callbacks stand in their line in the order of their tasks.
_CALLBACK_BITS: Final = int.from_bytes(b"call")


class CallbackRefused(Problem):
    """The callback's address may not be called."""

    code = "callback_refused"
    status = 400


def check_url(house: House, *, url: str) -> None:
    """Raises `CallbackRefused` for an address that can never be called, before anything is begun for it."""
    try:
        house.outbound.check(url)
    except AddressRefusedError as error:
        raise CallbackRefused(f"callback_url is refused. {error.message}", param="callback_url") from None


def message_id(task: Task) -> UUID:
    """A task has one callback at most, so its id follows from the task's, and sorts like it."""
    return UUID(int=task.id.int ^ _CALLBACK_BITS)


def line_id(*, account_id: UUID, url: str) -> UUID:
    """The line of an account's callbacks to one receiver."""
    return uuid5(_LINES, f"{account_id} {webhook_rules.origin_of(url)}")


def hold(task: Task, *, url: str, secret: str | None) -> Step[None]:
    """Write down whom to tell when the task has ended."""
    return webhooks.hold_message(
        id_=message_id(task),
        account_id=task.account_id,
        task_id=task.id,
        url=url,
        callback_secret=secret,
        now=task.created_at,
    )


def release(house: House, task: Task) -> list[Step[Any]]:
    """The task ends: its callback may go out."""
    if task.callback_line is None:
        return []
    line = Line(id=task.callback_line, width=house.callback_policy.endpoint_concurrent)
    return [
        webhooks.release_message(task_id=task.id, now=house.clock.now()),
        jobs.submit(kind=CALLBACK, subject_id=message_id(task), line=line),
    ]
