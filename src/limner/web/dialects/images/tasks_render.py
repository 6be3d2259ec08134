"""Tasks on the wire: the object that everybody gets, lists of it, the vendor's object, and events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from limner.domain.ask import as_sent
from limner.domain.money import in_credits
from limner.flow.history import Place, Told
from limner.flow.watch import Progressed, Shown, Stands
from limner.tasks.models import Task
from limner.web.dialects.images import outcomes, render
from limner.web.dialects.images.differences import Dialect
from limner.webhooks import rules as webhook_rules
from limner.webhooks.models import Message

NO_STORE: Final = {"cache-control": "no-store"}
RETRY_MILLISECONDS: Final = 2000
END: Final = "end"
COMMENT: Final = b": still here\n\n"
_APIS: Final = UUID("0d4b3f2e-7f0c-4c55-9c39-0f6a4d9b1f2a")
_MONGO_SECONDS, _MONGO_REST = 8, 16


def task_headers(told: Told) -> dict[str, str]:
    """When to ask again."""
    return NO_STORE | ({"retry-after": render.LOOK_AGAIN_SECONDS} if told.task.is_open else {})


def task_body(told: Told, *, dialect: Dialect, address: str) -> bytes:
    """A task. `address`: how the server's links begin."""
    return orjson.dumps(_task(told, dialect=dialect, address=address))


def list_body(told: Sequence[Told], *, has_more: bool, dialect: Dialect, address: str) -> bytes:
    """A page of tasks."""
    return orjson.dumps(
        {
            "object": "list",
            "data": [_task(one, dialect=dialect, address=address) for one in told],
            "has_more": has_more,
            "next_cursor": str(told[-1].task.id) if has_more else None,
        }
    )


def _task(told: Told, *, dialect: Dialect, address: str) -> dict[str, Any]:
    task = told.task
    here = f"{address}{dialect.prefix}{render.TASKS_PATH}/{task.id}"
    return {
        "id": str(task.id),
        "task_id": str(task.id),
        "object": "image.task",
        "status": "expired" if task.expired_at else task.status,
        "kind": task.kind,
        "model": task.model,
        "created_at": _seconds(task.created_at),
        "started_at": _seconds(task.started_at),
        "finished_at": _seconds(task.finished_at),
        "progress": round(task.progress, 3),
        "queue": _queue(told.place),
        "request": _request(told),
        **outcomes.of_task(task),
        "result": _result(told),
        "deleted": told.deleted,
        "error": render.task_error(task, dialect=dialect) if has_nothing_to_show(told) else None,
        "cost": {
            "held": in_credits(task.held if task.is_open else 0),
            "charged": None if task.charged is None else in_credits(task.charged),
        },
        "trace_id": task.trace_id,
        "callback": _callback(told.callback),
        "urls": {"self": here, "cancel": f"{here}/cancel", "events": f"{here}/events"},
    }


def has_nothing_to_show(told: Told) -> bool:
    """Whether it has ended without pictures, or has none any more."""
    return not told.task.is_open and told.result is None


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _queue(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "ahead": place.ahead,
        "estimated_seconds": None if place.seconds is None else round(place.seconds, 1),
    }


def _request(told: Told) -> dict[str, Any]:
    """As submitted, but for the secret."""
    return {**as_sent(told.task.request), **({"callback_url": told.callback.url} if told.callback else {})}


def _result(told: Told) -> orjson.Fragment | None:
    if told.result is None:
        return None
    return orjson.Fragment(render.result_body(told.result, trace_id=told.task.trace_id))


def _callback(message: Message | None) -> dict[str, Any] | None:
    if message is None:
        return None
    return {
        "id": webhook_rules.shown_id(message.id),
        "url": message.url,
        "status": message.status,
        "attempts": message.attempts,
        "next_attempt_at": _seconds(message.next_at),
        "ended_at": _seconds(message.ended_at),
    }


# events ------------------------------------------------------------------------------------------------------------------


def event(seen: Stands | Progressed | Shown, *, number: int, dialect: Dialect, address: str) -> bytes:
    """One server-sent event."""
    match seen:
        case Stands(told=told):
            return _event("task", number, _task(told, dialect=dialect, address=address))
        case Progressed(share=share):
            return _event("progress", number, {"progress": share})
        case Shown():
            return _event("partial", number, {"index": seen.index, "number": seen.number, "url": seen.url})


def end_event(told: Told, *, dialect: Dialect, address: str) -> bytes:
    """The last event; a client that comes again with its id has seen everything."""
    return _event(END, END, _task(told, dialect=dialect, address=address))


def _event(name: str, id_: int | str, data: dict[str, Any]) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), str(id_).encode(), orjson.dumps(data))


# the vendor's ------------------------------------------------------------------------------------------------------------


def vendor_body(told: Told | None, *, dialect: Dialect) -> bytes:
    """A task as the vendor shows it; {} for one that there is not."""
    return b"{}" if told is None else orjson.dumps(_vendor(told, dialect=dialect))


def vendor_batch_body(told: Sequence[Told], *, count: int, dialect: Dialect) -> bytes:
    """Tasks, and how many of that kind there are in all."""
    return orjson.dumps({"items": [_vendor(one, dialect=dialect) for one in told], "count": count})


def _vendor(told: Told, *, dialect: Dialect) -> dict[str, Any]:
    task = told.task
    took = None
    if task.started_at is not None and task.finished_at is not None:
        took = round((task.finished_at - task.started_at).total_seconds(), 3)
    return {
        "_id": _mongo_id(task),
        "id": str(task.id),
        "trace_id": task.trace_id,
        "type": task.kind,
        "api_id": str(uuid5(_APIS, task.kind)),
        "application_id": str(task.account_id),
        "credential_id": str(task.api_key_id),
        "user_id": str(task.account_id),
        "created_at": _seconds(task.created_at),
        "started_at": task.started_at.isoformat() if task.started_at else None,
        "finished_at": _seconds(task.finished_at),
        "duration": took,
        "elapsed": took,
        "request": _request(told),
        "response": _vendor_response(told, dialect=dialect),
    }


def _mongo_id(task: Task) -> str:
    """24 digits, as the vendor's database makes them: the second, and what tells its tasks apart."""
    return f"{int(task.created_at.timestamp()):0{_MONGO_SECONDS}x}{task.id.hex[-_MONGO_REST:]}"


def _vendor_response(told: Told, *, dialect: Dialect) -> dict[str, Any] | None:
    task, result = told.task, told.result
    known = {"task_id": str(task.id), "trace_id": task.trace_id}
    if task.is_open:
        return None
    if result is None:
        return {"success": False, **known, "error": render.task_error(task, dialect=dialect)}
    return {
        "success": True,
        **known,
        "created": result.created_at_seconds,
        "data": orjson.Fragment(render.pictures(result)),
        **outcomes.warnings(result.outcome),
    }
