"""Callbacks: told when a task has ended, tried until they are delivered."""

from __future__ import annotations

import asyncio
import logging
import secrets as noise_source
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

import orjson

from limner.db.steps import Step
from limner.domain.problem import Problem
from limner.flow.deliver import Result, kept_result
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.jobs.models import Line
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.outbound import AddressRefusedError, CallFailedError
from limner.storage import FileMissing
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Message

CALLBACK: Final = "callback"
"""The kind of the jobs that are callbacks."""
_SECRET_BYTES: Final = 32
_LINES: Final = UUID("6f5f2b1e-6d0c-4f0e-9a53-3b5d0c5f7b11")
_JITTER: Final = SystemRandom()
_log = logging.getLogger(__name__)


class CallbackRefused(Problem):
    """The callback's address may not be called."""

    code = "callback_refused"
    status = 400


class Renders(Protocol):
    """How the body of a callback is written: in the words of the prefix that the task was asked for at."""

    def __call__(self, *, task: Task, result: Result | None) -> bytes:
        """The whole body; `result` None: the task has nothing to show (any more)."""
        ...


# with a task's beginning and end -----------------------------------------------------------------------------------------


def check_url(house: House, *, url: str) -> None:
    """Raises `CallbackRefused` for an address that can never be called, before anything is begun for it."""
    try:
        house.outbound.check(url)
    except AddressRefusedError as error:
        raise CallbackRefused(f"callback_url cannot be called: {error}", param="callback_url") from None


def message_id(task: Task) -> UUID:
    """A task has one callback at most, so its id follows from the task's."""
    return uuid5(task.id, CALLBACK)


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
    return [
        webhooks.release_message(task_id=task.id, now=house.clock.now()),
        jobs.submit(kind=CALLBACK, subject_id=message_id(task), line=_line(house, task.callback_line)),
    ]


def _line(house: House, id_: UUID) -> Line:
    return Line(id=id_, width=house.callback_policy.endpoint_concurrent)


# delivering --------------------------------------------------------------------------------------------------------------


async def deliver_callback(house: House, *, message_id: UUID, renders: Renders) -> None:
    """Try a callback that is due: send it, and write down how that went and what follows."""
    async with house.database.statement() as tx:
        message = await webhooks.take(tx, id_=message_id, now=house.clock.now())
    if message is None or (message.next_at is not None and message.next_at > house.clock.now()):
        await _leave(house, message_id)
        return
    try:
        body = await _body(house, message, renders)
    except tasks.NoSuchTask:
        await _leave(house, message_id)
        return
    headers = await _headers(house, message, body)
    started_at = house.clock.now()
    outcome = await _sent(house, message, body=body, headers=headers)
    await _record(house, message, started_at=started_at, outcome=outcome)


async def submit_due(house: House, *, count: int) -> int:
    """Queue the callbacks whose next attempt is due. How many there were."""
    async with house.database.transaction() as tx:
        due = await webhooks.due(tx, now=house.clock.now(), count=count)
        lines = [(line_id(account_id=message.account_id, url=message.url), message.id) for message in due]
        # In one agreed order, so that no two nodes wait for each other's lines.
        for line, id_ in sorted(lines):
            await tx.together(jobs.submit(kind=CALLBACK, subject_id=id_, line=_line(house, line)))
    return len(due)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """How an attempt went; `error` if there was no answer."""

    seconds: float
    status_code: int | None
    retry_after: str | None
    answer: bytes
    error: str | None


async def _body(house: House, message: Message, renders: Renders) -> bytes:
    async with house.database.statement() as tx:
        task = await tasks.task(tx, id_=message.task_id, account_id=message.account_id)
    result = None
    if task.status == "succeeded" and task.expired_at is None:
        try:
            result = await kept_result(house, task=task)
        except FileMissing:
            result = None
    # Many pictures as base64 are megabytes: written by a thread, so that other callbacks go on.
    return await asyncio.to_thread(renders, task=task, result=result)


async def _headers(house: House, message: Message, body: bytes) -> dict[str, str]:
    now = house.clock.now()
    async with house.database.statement() as tx:
        known = await webhooks.secrets(tx, account_id=message.account_id, now=now)
        if not known:
            noise = noise_source.token_bytes(_SECRET_BYTES)
            known = [
                await webhooks.ensure_secret(tx, id_=uuid7(), account_id=message.account_id, noise=noise, now=now)
            ]
    return {
        "content-type": "application/json",
        **webhook_rules.headers(
            message_id=message.id, secrets=known, callback_secret=message.callback_secret, body=body, now=now
        ),
    }


async def _sent(house: House, message: Message, *, body: bytes, headers: dict[str, str]) -> _Outcome:
    started = asyncio.get_running_loop().time()
    try:
        answer = await house.outbound.post(
            message.url, body=body, headers=headers, seconds=house.callback_policy.timeout_seconds
        )
    except (AddressRefusedError, CallFailedError) as error:
        seconds = asyncio.get_running_loop().time() - started
        return _Outcome(seconds=seconds, status_code=None, retry_after=None, answer=b"", error=str(error))
    return _Outcome(
        seconds=answer.seconds,
        status_code=answer.status,
        retry_after=answer.headers.get("retry-after"),
        answer=answer.body,
        error=None,
    )


async def _record(house: House, message: Message, *, started_at: datetime, outcome: _Outcome) -> None:
    now, policy = house.clock.now(), house.callback_policy
    verdict = webhook_rules.verdict(
        status_code=outcome.status_code,
        retry_after=outcome.retry_after,
        tried=message.tried + 1,
        schedule=policy.retry_seconds,
        jitter=_JITTER.random(),
        now=now,
    )
    async with house.database.transaction() as tx:
        recorded = await webhooks.record_attempt(
            tx,
            message=message,
            started_at=started_at,
            seconds=outcome.seconds,
            status_code=outcome.status_code,
            answer=outcome.answer,
            error=outcome.error,
            verdict=verdict,
            now=now,
            pause_after=policy.pause_after,
        )
        # A receiver that answers nothing well is tried by one at a time, so that many such do not fill all hands.
        width = policy.endpoint_concurrent if recorded.status == "delivered" else 1
        await tx.together(jobs.leave(subject_id=message.id, width=width))
    event(
        _log,
        "callback.tried",
        level=logging.INFO,
        task_id=message.task_id,
        attempt=recorded.number,
        status=recorded.status,
        answered=outcome.status_code or outcome.error,
        seconds=outcome.seconds,
    )
    if recorded.endpoint_paused:
        await _tell_operator(house, message)


async def _tell_operator(house: House, message: Message) -> None:
    """A receiver was paused: said in the log, and where the operator wants to be told."""
    event(_log, "receiver.paused", level=logging.WARNING, origin=message.origin, account_id=message.account_id)
    url = house.callback_policy.operator_url
    if url is None:
        return
    told = {
        "type": "receiver.paused",
        "timestamp": house.clock.now().isoformat(),
        "data": {"origin": message.origin, "account_id": str(message.account_id)},
    }
    try:
        await house.outbound.post(
            url,
            body=orjson.dumps(told),
            headers={"content-type": "application/json"},
            seconds=house.callback_policy.timeout_seconds,
        )
    except (AddressRefusedError, CallFailedError) as error:
        event(_log, "operator.not_told", level=logging.ERROR, error=str(error))


async def _leave(house: House, message_id: UUID) -> None:
    async with house.database.statement() as tx:
        await tx.together(jobs.leave(subject_id=message_id, width=house.callback_policy.endpoint_concurrent))
