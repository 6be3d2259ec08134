"""What each tool does: its calls to the server, what is said while it lasts, and the answer.

Nothing here knows by which way the tool was called: `serve` hands in where the server is, and how to tell progress.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import anyio
from mcp.types import CallToolResult, ContentBlock, EmbeddedResource, ImageContent, ResourceLink, TextContent
from mcp.types import TextResourceContents as Text
from pydantic import BaseModel, ValidationError

from limner.mcp import arguments, pictures
from limner.mcp.api import Api, ApiTrouble, Fetched, Part
from limner.mcp.arguments import ArgumentTrouble
from limner.mcp.events import Event
from limner.mcp.results import (
    ModelList,
    ModelRecord,
    PictureRecord,
    QuoteRecord,
    TaskPage,
    TaskRecord,
    models_told,
    page_told,
    quote_told,
    told,
    waiting,
)

Report = Callable[[float, str], Awaitable[None]]
"""Tell how far something has come: from 0 to 100, never the same twice, and in words."""

_SVG: Final = "image/svg+xml"
_SVG_BYTES_MAX: Final = 256 * 1024
_CANCEL_SECONDS: Final = 10
_STEP: Final = 0.01
_GENERATIONS: Final = "/v1/images/generations"
_EDITS: Final = "/v1/images/edits"
_QUOTE: Final = "/v1/images/quote"
_TASKS: Final = "/v1/images/tasks"
_MODELS: Final = "/v1/models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls a tool: the server as they reach it, how to tell them of progress, and what may be done for them.

    `reads_files`: files of this machine may be read for them. `model`: what is meant where they name none.
    """

    api: Api
    report: Report
    reads_files: bool
    model: str


class Ladder:
    """Makes each figure of progress larger than the one before, as the protocol wants it."""

    def __init__(self) -> None:
        self._at = 0.0

    def step(self, percent: float) -> float:
        """The figure to say where `percent` is reached."""
        self._at = max(self._at + _STEP, percent)
        return self._at


# making pictures ---------------------------------------------------------------------------------------------------------


async def paint(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """Pictures from words."""
    wish = arguments.read(arguments.Paint, given)
    body = {**wish.body(model=wish.model or caller.model), **_MANNER}
    key = str(uuid4())
    return await _made(caller, lambda: caller.api.post(_GENERATIONS, body, idempotency_key=key), wait=wish.wait)


async def edit(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """Pictures from pictures and words."""
    wish = arguments.read(arguments.Edit, given)
    body = {**wish.body(model=wish.model or caller.model), **_MANNER}
    images = [await _given(caller, text) for text in wish.images]
    mask = None if wish.mask is None else await _given(caller, wish.mask)
    key = str(uuid4())

    def submit() -> Awaitable[dict[str, Any]]:
        if any(isinstance(one, Part) for one in (*images, mask)):
            fields = [*_fields(body), *((f"image[{place}]", one) for place, one in enumerate(images))]
            return caller.api.post_form(
                _EDITS, [*fields, *([] if mask is None else [("mask", mask)])], idempotency_key=key
            )
        masked = {} if mask is None else {"mask": mask}
        return caller.api.post(_EDITS, {**body, "image": images, **masked}, idempotency_key=key)

    return await _made(caller, submit, wait=wish.wait)


# A link is shown, and leads to the bytes that are shown beside it.
_MANNER: Final[Mapping[str, Any]] = {"async": True, "response_format": "url"}


def _fields(body: Mapping[str, Any]) -> list[tuple[str, str | Part]]:
    """JSON values as the texts of a form."""
    return [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in body.items()]


async def _given(caller: Caller, text: str) -> str | Part:
    """A picture for an edit: the text by which the server finds it, or the picture itself."""
    source = pictures.source_of(text, address=caller.api.address, reads_files=caller.reads_files)
    if isinstance(source, pictures.Named):
        return source.text
    found = await _had(caller.api, source)
    return Part(data=found.data, media_type=found.media_type, name=found.name)


async def _had(
    api: Api, source: pictures.Bytes | pictures.OnDisk | pictures.OnServer | pictures.OfTask
) -> pictures.Bytes:
    match source:
        case pictures.Bytes():
            return source
        case pictures.OnDisk():
            return await asyncio.to_thread(pictures.read_file, source.path)
        case pictures.OnServer():
            return await _fetched(api, source.link)
        case pictures.OfTask():
            return await _fetched(api, await _link_of(api, source))


async def _fetched(api: Api, link: str) -> pictures.Bytes:
    fetched = await api.picture(link, bytes_max=pictures.GIVEN_BYTES_MAX)
    return pictures.picture_of(fetched.data, name="what the link leads to")


async def _link_of(api: Api, source: pictures.OfTask) -> str:
    record = await _looked_up(api, source.task_id)
    link = next((one.link for one in record.pictures if one.number == source.number), None)
    if link is None:
        raise ArgumentTrouble(f"task {source.task_id} has no picture {source.number}: it is {record.status}")
    return link


async def _made(caller: Caller, submit: Callable[[], Awaitable[dict[str, Any]]], *, wait: bool) -> CallToolResult:
    """Submit, see it through, and show what came of it. Whoever gives up waiting does not pay for it."""
    # Without the shield, a call that is given up at the wrong moment would leave a task that nobody knows of.
    with anyio.CancelScope(shield=True):
        submitted = await submit()
    task_id = str(submitted.get("task_id") or "")
    if not task_id:
        raise ApiTrouble("the server took the request and named no task: is it a limner?")
    if not wait:
        text = f"Task {task_id} is on its way. Ask for it with the tool `task`."
        return _answer(TaskRecord(task_id=task_id, status="queued"), [TextContent(text=text)])
    try:
        record = await _ended(caller, task_id)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
            await _cancelled_quietly(caller.api, task_id)
        raise
    except ApiTrouble as trouble:
        raise ApiTrouble(
            f"{trouble.message}. Task {task_id} is not lost: ask for it with the tool `task`",
            status=trouble.status,
            code=trouble.code,
        ) from None
    is_painted = record.status == "succeeded"
    return (await _shown(caller.api, record)).model_copy(update={"is_error": not is_painted})


async def _cancelled_quietly(api: Api, task_id: str) -> None:
    try:
        await api.post(f"{_TASKS}/{task_id}/cancel")
    except ApiTrouble:
        return  # it has ended meanwhile, or nobody is there: nothing can be done about either


async def _ended(caller: Caller, task_id: str) -> TaskRecord:
    """The task when it has ended, telling of it until then."""
    ladder, clock = Ladder(), asyncio.get_running_loop()
    began, before = clock.time(), TaskRecord(task_id=task_id, status="queued")
    async with aclosing(caller.api.follow(f"{_TASKS}/{task_id}/events")) as events:
        async for event in events:
            if event is not None and event.name in {"task", "end"}:
                before = _record(event.data)
                if event.name == "end":
                    return before
            said = _said(event, before, seconds=clock.time() - began)
            if said is not None:
                percent, words = said
                await caller.report(ladder.step(percent), words)
    raise AssertionError("follow() ends with the task or raises")


def _said(event: Event | None, task: TaskRecord, *, seconds: float) -> tuple[float, str] | None:
    """What to tell of an event: how far it has come in percent, and the words; None: nothing."""
    if event is None:
        return 0, f"{'waiting' if task.status == 'queued' else 'painting'} for {seconds:.0f} seconds now"
    if event.name == "task":
        if task.status == "queued":
            return 0, "waiting" if task.queue is None else f"waiting: {waiting(task.queue)}"
        return 100 * (task.progress or 0), "painting"
    if event.name == "progress":
        share = event.data.get("progress")
        share = float(share) if isinstance(share, (int, float)) else 0.0
        return 100 * share, f"painting: {share:.0%}"
    if event.name == "partial":
        return 0, f"painting: an unfinished picture can be seen at {event.data.get('url')}"
    return None


# looking -----------------------------------------------------------------------------------------------------------------


async def task(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """One task, with its pictures."""
    wanted = arguments.read(arguments.OneTask, given)
    id_ = _safe(wanted.id.strip().removeprefix("task:"))
    record = await (_ended(caller, id_) if wanted.wait else _looked_up(caller.api, id_))
    return await _shown(caller.api, record)


async def tasks(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """The account's tasks."""
    wanted = arguments.read(arguments.ListTasks, given)
    query = {name: str(value) for name, value in wanted.model_dump(exclude_none=True).items()}
    listed = await caller.api.get(_TASKS, query=query)
    records = [_record(one) for one in listed.get("data", ())]
    page = TaskPage(tasks=[one.shortened() for one in records], next=listed.get("next_cursor"))
    return _answer(page, [TextContent(text=page_told(page))])


async def cancel(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """A task, stopped."""
    wanted = arguments.read(arguments.Cancel, given)
    record = _record(await caller.api.post(f"{_TASKS}/{_safe(wanted.id)}/cancel"))
    said = "is cancelled; nothing was charged" if record.status == "cancelled" else "is being stopped"
    return _answer(record, [TextContent(text=f"Task {record.task_id} {said}.")])


async def models(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """What there is to paint with."""
    name = arguments.read(arguments.Models, given).name
    if name is None:
        cards = (await caller.api.get(_MODELS)).get("data", ())
    else:
        cards = [await caller.api.get(f"{_MODELS}/{_safe(name)}")]
    found = ModelList(models=[ModelRecord.of(card, is_whole=name is not None) for card in cards])
    words = models_told(found.models)
    if name is not None:
        words += "\n" + json.dumps(found.models[0].parameters, ensure_ascii=False)
    return _answer(found, [TextContent(text=words)])


async def quote(caller: Caller, given: Mapping[str, Any]) -> CallToolResult:
    """What it would cost."""
    wish = arguments.read(arguments.Quote, given)
    answer = await caller.api.post(_QUOTE, wish.body(model=wish.model or caller.model))
    record = QuoteRecord.model_validate(answer)
    return _answer(record, [TextContent(text=quote_told(record))])


async def _looked_up(api: Api, task_id: str) -> TaskRecord:
    """How a task stands. From its events, because they have links where the task itself may have pictures whole."""
    async with aclosing(api.follow(f"{_TASKS}/{_safe(task_id)}/events", tries=1)) as events:
        async for event in events:
            if event is not None and event.name in {"task", "end"}:
                return _record(event.data)
    raise AssertionError("follow() ends with the task or raises")


def _record(answered: Mapping[str, Any]) -> TaskRecord:
    try:
        return TaskRecord.of(answered)
    except (ValidationError, KeyError, TypeError, AttributeError):
        raise ApiTrouble("the server tells of the task in a way that is not understood: is it a limner?") from None


def _safe(name: str) -> str:
    """A name as one part of a path."""
    from urllib.parse import quote as quoted

    return quoted(name.strip(), safe=":") or "-"


# showing -----------------------------------------------------------------------------------------------------------------


async def _shown(api: Api, record: TaskRecord) -> CallToolResult:
    """A task with its pictures to look at, and as links."""
    seen: list[ContentBlock] = []
    notes: list[str] = []
    bytes_max = pictures.SHOWN_BYTES_MAX // max(1, len(record.pictures))
    for number, picture in enumerate(record.pictures):
        if picture.link is None:
            continue
        try:
            fetched = await api.picture(picture.link)
        except ApiTrouble as trouble:
            notes.append(f"Picture {picture.number} cannot be shown here: {trouble.message}")
            seen.append(_link(picture, record))
            continue
        look = await asyncio.to_thread(pictures.look, fetched.data, media_type=fetched.media_type, bytes_max=bytes_max)
        record.pictures[number] = picture.model_copy(
            update={
                "media_type": fetched.media_type,
                "bytes": len(fetched.data),
                "width": look.width,
                "height": look.height,
            }
        )
        seen.extend(_seen(look, fetched, picture))
        seen.append(_link(record.pictures[number], record))
        if look.is_smaller:
            notes.append(f"Picture {picture.number} is shown smaller than it is: the link leads to the whole.")
    text = "\n".join([told(record), *notes])
    return _answer(record, [TextContent(text=text), *seen])


def _seen(look: pictures.Look, fetched: Fetched, picture: PictureRecord) -> list[ContentBlock]:
    if look.data is not None:
        return [ImageContent(data=base64.b64encode(look.data).decode(), mime_type=look.media_type)]
    if fetched.media_type == _SVG and len(fetched.data) <= _SVG_BYTES_MAX and picture.link is not None:
        text = fetched.data.decode("utf-8", "replace")
        return [EmbeddedResource(resource=Text(uri=picture.link, mime_type=_SVG, text=text))]
    return []


def _link(picture: PictureRecord, record: TaskRecord) -> ResourceLink:
    assert picture.link is not None, "only pictures with a link are linked"
    ending = (picture.media_type or "image/png").partition("/")[2].partition("+")[0]
    return ResourceLink(
        uri=picture.link,
        name=f"{record.task_id}_{picture.number}.{ending}",
        title=f"Picture {picture.number}",
        mime_type=picture.media_type,
        size=picture.bytes,
    )


def _answer(record: BaseModel, content: Sequence[ContentBlock]) -> CallToolResult:
    return CallToolResult(content=list(content), structured_content=record.model_dump(mode="json"))
