"""Tasks: what was asked for and what became of it, as a list and one by one, live while they are under way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from starlette.responses import Response, StreamingResponse

from limner.accounts import service as accounts
from limner.accounts.models import ApiKey
from limner.attempts.models import KeptAttempt
from limner.domain.ask import as_sent
from limner.flow.cancel import TaskOver, cancel
from limner.flow.deliveries import delivery, resend
from limner.flow.gallery import Hung, pictures_of
from limner.flow.history import Told, look_over, tell
from limner.flow.machinery import said_of
from limner.flow.retry import retry
from limner.flow.watch import Progressed, Quiet, Shown, Stands, watch
from limner.tasks.models import Filter, Task, Tried
from limner.tasks.service import NoSuchTask
from limner.web.console.operate import told_causes
from limner.web.console.operate_moderation import refusal_of
from limner.web.console.visit import Page, Visit, page
from limner.webhooks.models import Attempt

_COUNT: Final = 30
_FILTERS: Final = ("q", "state", "model", "key")
_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("queued", "running"),
    "succeeded": ("succeeded",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "expired": ("expired",),
}
_STREAM_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_TRACE_CHARACTERS: Final = 128


def pages() -> list[Page]:
    """All are for oneself."""
    one = "/tasks/{task}"
    return [
        page("/tasks", _tasks, needs="account"),
        page(one, _task, needs="account"),
        page(f"{one}/row", _row, needs="account"),
        page(f"{one}/live", _live, needs="account"),
        page(f"{one}/cancel", _cancel, needs="account", methods=("POST",)),
        page(f"{one}/retry", _retry, needs="account", methods=("POST",)),
        page(f"{one}/resend", _resend, needs="account", methods=("POST",)),
    ]


# many --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form says; only what is not empty."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The field; "" if it is empty."""
        return self.fields.get(name, "")

    @property
    def is_any(self) -> bool:
        """Whether it asks for something in particular."""
        return bool(self.fields)

    def which(self, *, before: UUID | None) -> Filter:
        """The same for the list. What one looks for is a task's id, or else a trace's."""
        sought, id_ = self["q"][:_TRACE_CHARACTERS], _uuid(self["q"])
        return Filter(
            ids=None if id_ is None else (id_,),
            trace_ids=(sought,) if sought and id_ is None else None,
            statuses=_STATES.get(self["state"]),
            model=self["model"] or None,
            api_key_id=_uuid(self["key"]),
            before=before,
        )

    def path(self, before: UUID) -> str:
        """Where the tasks are that come next."""
        return f"/tasks?{urlencode({**self.fields, 'before': before})}"


async def _tasks(visit: Visit) -> Response:
    asked = Asked(fields={name: visit.query(name).strip() for name in _FILTERS if visit.query(name).strip()})
    before = _uuid(visit.query("before"))
    found = await look_over(
        visit.house, account_id=visit.account_id, which=asked.which(before=before), count=_COUNT + 1
    )
    shown: dict[str, Any] = {
        "tasks": found[:_COUNT],
        "asked": asked,
        "next": asked.path(found[_COUNT - 1].id) if len(found) > _COUNT else None,
    }
    if visit.is_partial:
        return visit.part("tasks.html", "more" if before else "list", **shown)
    async with visit.house.database.statement() as tx:
        keys = await accounts.keys_of(tx, account_id=visit.account_id)
    models = [model.name for model in visit.house.catalog.models()]
    return await visit.page("tasks.html", **shown, keys=keys, models=models)


async def _row(visit: Visit) -> Response:
    """One line of the list, as it is now."""
    id_ = _id(visit)
    (task,) = await look_over(visit.house, account_id=visit.account_id, which=Filter(ids=(id_,)), count=1) or (None,)
    if task is None:
        raise _no_such_task(id_)
    return visit.part("tasks.html", "row", task=task)


# one ---------------------------------------------------------------------------------------------------------------------


async def _task(visit: Visit) -> Response:
    return await visit.page("task.html", **await _all_about(visit, _id(visit)))


async def _all_about(visit: Visit, id_: UUID) -> dict[str, Any]:
    """Everything that the page shows."""
    told = await tell(visit.house, account_id=visit.account_id, task_id=id_, links_only=True)
    return await _with(visit, told)


async def _with(visit: Visit, told: Told) -> dict[str, Any]:
    task = told.task
    pictures: list[Hung] = []
    if task.status == "succeeded":
        pictures = await pictures_of(visit.house, account_id=visit.account_id, task_id=task.id)
    attempts: list[Attempt] = []
    callback = told.callback
    if callback is not None:
        callback, attempts = await delivery(visit.house, account_id=visit.account_id, task_id=task.id)
    return {
        **await _outcome(visit, task),
        "refusal": await refusal_of(visit, task),
        "told": replace(told, callback=callback),
        "task": task,
        "key": await _key(visit, task),
        "pictures": pictures,
        "attempts": attempts,
        "share": task.progress,
        "partials": {},
        "request_json": orjson.dumps(as_sent(task.request), option=orjson.OPT_INDENT_2).decode(),
        "took": took(task),
        "waited": (task.started_at - task.created_at).total_seconds() if task.started_at else None,
    }


async def _outcome(visit: Visit, task: Task) -> dict[str, Any]:
    """Who made it, who was tried before, and what there is to know of it. What upstreams said is for the owner alone."""
    outcome, causes = task.outcome, told_causes(visit)
    tried: Sequence[Tried | KeptAttempt] = outcome.tried if outcome else ()
    if tried and visit.account.role == "owner":
        tried = await said_of(visit.house, task_id=task.id) or tried
    made_by = None
    if task.status == "succeeded":
        made_by = task.engine if outcome is None else _named(outcome.engine, outcome.part)
    return {
        "made_by": made_by,
        "tried": [
            {
                "name": _named(one.engine, one.part),
                "cause": causes[one.cause.value],
                "seconds": one.seconds,
                "said": one.said if isinstance(one, KeptAttempt) else "",
            }
            for one in tried
        ],
        "warnings": outcome.warnings if outcome and task.status == "succeeded" else (),
        "elsewhere": outcome.links if outcome and task.expired_at is None else (),
    }


def _named(engine: str, part: str | None) -> str:
    return engine if part is None else f"{engine} / {part}"


def took(task: Task) -> float | None:
    """How many seconds it was worked on; None: it was not, or still is."""
    if task.started_at is None or task.finished_at is None:
        return None
    return (task.finished_at - task.started_at).total_seconds()


async def _key(visit: Visit, task: Task) -> ApiKey | None:
    async with visit.house.database.statement() as tx:
        keys = await accounts.keys_of(tx, account_id=visit.account_id, and_deleted=True)
    return next((key for key in keys if key.id == task.api_key_id), None)


async def _live(visit: Visit) -> Response:
    """The page as the task comes along, until it has ended."""
    context = await _all_about(visit, _id(visit))
    events = StreamingResponse(_come(visit, context), media_type="text/event-stream", headers=_STREAM_HEADERS)
    return visit.dressed(events)


async def _come(visit: Visit, context: dict[str, Any]) -> AsyncGenerator[bytes]:
    partials: dict[int, str] = {}
    async for seen in watch(visit.house, task_id=context["task"].id, account_id=visit.account_id):
        match seen:
            case Quiet():
                yield b": still at it\n\n"
                continue
            case Stands(told=told):
                context = await _with(visit, told)
                if told.task.begun != context["task"].begun:
                    partials.clear()
            case Progressed(share=share):
                context["share"] = share
            case Shown():
                partials[seen.index] = seen.url
        yield _event(visit.part_text("task.html", "whole", **{**context, "partials": partials}))


def _event(html: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in html.splitlines() if line.strip())
    return f"{lines}\n\n".encode()


async def _cancel(visit: Visit) -> Response:
    id_ = _id(visit)
    with suppress(TaskOver):  # it has ended while one was deciding: the page says how
        await cancel(visit.house, task_id=id_, account_id=visit.account_id)
    return visit.redirect(f"/tasks/{id_}")


async def _retry(visit: Visit) -> Response:
    new = await retry(visit.house, task_id=_id(visit), account_id=visit.account_id)
    return visit.redirect(f"/tasks/{new.id}")


async def _resend(visit: Visit) -> Response:
    id_ = _id(visit)
    await resend(visit.house, account_id=visit.account_id, task_id=id_)
    return visit.redirect(f"/tasks/{id_}#callback")


def _id(visit: Visit) -> UUID:
    id_ = _uuid(visit.request.path_params["task"])
    if id_ is None:
        raise _no_such_task(visit.request.path_params["task"])
    return id_


def _no_such_task(id_: UUID | str) -> NoSuchTask:
    return NoSuchTask(f"there is no task {str(id_)[:60]} here: check the address")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
