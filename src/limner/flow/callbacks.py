"""Delivering callbacks: each is tried until its receiver has it, or its schedule has ended.

What is due is written in the callback's own row; a job only says that it is somebody's turn. So a job may be lost, or
come twice: then a callback is late, or is sent twice under the same id, and none is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import secrets as noise_source
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Final, Protocol
from uuid import UUID

import orjson

from limner.db import DatabaseUnavailable
from limner.db.steps import FORGIVING
from limner.flow import spans
from limner.flow.deliver import Result, kept_result
from limner.flow.house import House
from limner.flow.notify import CALLBACK, line_id
from limner.jobs import service as jobs
from limner.jobs.models import Line
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.outbound import AddressRefusedError, Answer, CallFailedError
from limner.storage import FileMissing, StorageFailed
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Delivered, GiveUp, Message, Recorded, Verdict

_JITTER: Final = SystemRandom()
_SUCCESS: Final = range(200, 300)
_log = logging.getLogger(__name__)


class Renders(Protocol):
    """How the body of a callback is written: in the words of the prefix that the task was asked for at."""

    def __call__(self, *, task: Task, result: Result | None) -> bytes:
        """The whole body; `result` None: the task has nothing to show (any more)."""
        ...


async def deliver_callback(house: House, *, message_id: UUID, renders: Renders) -> None:
    """Try a callback whose turn it is: send it, and write down how that went and what follows.

    What stands in our own way counts as an attempt too, so that it neither comes again at once nor for ever; raised is
    only what keeps even that from being written down (the database is away): then its job comes again.
    """
    async with house.database.statement() as tx:
        message = await webhooks.take(tx, id_=message_id, now=house.clock.now())
    if message is None or not message.is_queued:
        # It has ended, or another job of it came first; if something is to follow, that is in its row.
        async with house.database.statement() as tx:
            await tx.together(jobs.leave(subject_id=message_id, width=house.callback_policy.endpoint_concurrent))
        return
    started_at = house.clock.now()
    outcome = await _tried(house, message, renders)
    recorded = await _record(house, message, started_at=started_at, outcome=outcome)
    if recorded.endpoint_paused:
        await _tell_operator(house, message)


async def submit_due(house: House, *, count: int) -> int:
    """Queue the callbacks whose next attempt is due. How many there were."""
    policy = house.callback_policy
    async with house.database.transaction() as tx:
        due = await webhooks.due(tx, now=house.clock.now(), count=count)
        lines = sorted(
            (line_id(account_id=message.account_id, url=message.url), message.id, message) for message in due
        )
        # In one agreed order, so that no two nodes wait for each other's lines.
        for id_, _, message in lines:
            # What has failed once is tried again one by one: many dead receivers must not fill all hands.
            width = 1 if message.tried else policy.endpoint_concurrent
            await tx.together(jobs.submit(kind=CALLBACK, subject_id=message.id, line=Line(id=id_, width=width)))
    return len(due)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """How an attempt went; `error` if there was no answer. `is_ours`: because of us; `is_last`: and for good."""

    trace_id: str
    seconds: float
    status_code: int | None = None
    retry_after: str | None = None
    answer: bytes = b""
    error: str | None = None
    is_ours: bool = False
    is_last: bool = False


async def _tried(house: House, message: Message, renders: Renders) -> _Outcome:
    started, trace_id = asyncio.get_running_loop().time(), ""

    def passed() -> float:
        return asyncio.get_running_loop().time() - started

    try:
        async with house.database.statement() as tx:
            task = await tasks.task(tx, id_=message.task_id, account_id=message.account_id)
        trace_id = task.trace_id
        with spans.calling_back(house, task) as span:
            answer = await _called(house, message, task, renders)
            span.note({"http.response.status_code": answer.status})
    except (AddressRefusedError, CallFailedError) as failed:
        return _Outcome(trace_id=trace_id, seconds=passed(), error=failed.message)
    except tasks.NoSuchTask:
        error = "not sent: its task is not kept any more"
        return _Outcome(trace_id=trace_id, seconds=passed(), error=error, is_ours=True, is_last=True)
    except StorageFailed as trouble:
        event(
            _log,
            "callback.not_sent",
            level=logging.WARNING,
            task_id=message.task_id,
            error=trouble.message,
            trace_id=trace_id,
        )
        return _Outcome(trace_id=trace_id, seconds=passed(), error=f"not sent: {trouble.message}", is_ours=True)
    except DatabaseUnavailable:
        raise
    except Exception:  # noqa: BLE001 - a bug, said out loud; the callback has its schedule all the same
        _log.exception("callback.broke", extra={"fields": {"task_id": message.task_id, "trace_id": trace_id}})
        error = "not sent: something went wrong on the server"
        return _Outcome(trace_id=trace_id, seconds=passed(), error=error, is_ours=True)
    return _Outcome(
        trace_id=trace_id,
        seconds=answer.seconds,
        status_code=answer.status,
        retry_after=answer.headers.get("retry-after"),
        answer=answer.body,
    )


async def _called(house: House, message: Message, task: Task, renders: Renders) -> Answer:
    # Pictures as base64 are megabytes: only so many of them are in memory at once.
    async with nullcontext() if task.as_links else house.bulky:
        body = await _body(house, task, renders)
        headers = await _headers(house, message, body)
        answer = await house.outbound.post(
            message.url, body=body, headers=headers, seconds=house.callback_policy.timeout_seconds
        )
    if answer.status not in _SUCCESS:
        house.tracer.fail(str(answer.status))
    return answer


async def _body(house: House, task: Task, renders: Renders) -> bytes:
    result = None
    if task.status == "succeeded" and task.expired_at is None:
        try:
            result = await kept_result(house, task=task)
        except FileMissing:
            result = None
    if task.as_links:
        return renders(task=task, result=result)
    # Written by a thread, so that other callbacks go on.
    return await asyncio.to_thread(renders, task=task, result=result)


async def _headers(house: House, message: Message, body: bytes) -> dict[str, str]:
    now = house.clock.now()
    async with house.database.statement() as tx:
        known = await webhooks.secrets(tx, account_id=message.account_id, now=now)
        if not known:
            noise = noise_source.token_bytes(webhook_rules.SECRET_BYTES)
            known = [await webhooks.ensure_secret(tx, id_=uuid7(), account_id=message.account_id, noise=noise, now=now)]
    return {
        "content-type": "application/json",
        **webhook_rules.headers(
            message_id=message.id, secrets=known, callback_secret=message.callback_secret, body=body, now=now
        ),
    }


async def _record(house: House, message: Message, *, started_at: datetime, outcome: _Outcome) -> Recorded:
    now, policy = house.clock.now(), house.callback_policy
    verdict = _verdict(house, message, outcome, now=now)
    attempt = webhooks.record_attempt(
        message=message,
        started_at=started_at,
        seconds=outcome.seconds,
        status_code=outcome.status_code,
        answer=outcome.answer,
        error=outcome.error,
        verdict=verdict,
        now=now,
        pause_after=None if outcome.is_ours else policy.pause_after,
    )
    # A receiver that answers nothing well is tried one by one, so that many such do not fill all hands.
    is_well = isinstance(verdict, Delivered) or outcome.is_ours
    leave = jobs.leave(subject_id=message.id, width=policy.endpoint_concurrent if is_well else 1)
    # Not shared with other callers' statements: those would lock the lines of several receivers, in no agreed order.
    async with house.database.statement() as tx:
        _, recorded, _ = await tx.together(FORGIVING, attempt, leave)
    house.measures.called_back(status=recorded.status, seconds=outcome.seconds)
    event(
        _log,
        "callback.tried",
        level=logging.WARNING if recorded.status == "failed" else logging.INFO,
        task_id=message.task_id,
        attempt=recorded.number,
        status=recorded.status,
        answered=outcome.status_code if outcome.error is None else outcome.error,
        seconds=outcome.seconds,
        trace_id=outcome.trace_id,
    )
    return recorded


def _verdict(house: House, message: Message, outcome: _Outcome, *, now: datetime) -> Verdict:
    if outcome.is_last:
        return GiveUp(reason="nothing_to_tell")
    return webhook_rules.verdict(
        status_code=outcome.status_code,
        retry_after=outcome.retry_after,
        tried=message.tried + 1,
        schedule=house.callback_policy.retry_seconds,
        jitter=_JITTER.random(),
        now=now,
    )


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
        answer = await house.outbound.post(
            url,
            body=orjson.dumps(told),
            headers={"content-type": "application/json"},
            seconds=house.callback_policy.timeout_seconds,
        )
    except (AddressRefusedError, CallFailedError) as error:
        event(_log, "operator.not_told", level=logging.ERROR, error=error.message)
    else:
        if answer.status not in _SUCCESS:
            event(_log, "operator.not_told", level=logging.ERROR, error=f"answered {answer.status}")
