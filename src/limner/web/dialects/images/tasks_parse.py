"""What is asked about tasks: the query of a list, and the body of the vendor's POST /openai/tasks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limner.domain.problem import InvalidValue, MissingParameter, UnknownParameter
from limner.tasks.models import Filter, Status
from limner.tasks.service import NoSuchTask
from limner.web.dialects.images import parse

_STATUSES: Final = (*get_args(Status), "expired")
_KINDS: Final = {
    "images": ("images_generations", "images_edits", "images_variations"),
    "images_generations": ("images_generations",),
    "images_variations": ("images_variations",),
    "images_edits": ("images_edits",),
    "chat_completions_image": ("chat_completions_image",),
    "responses_image": ("responses_image",),
}
_LIMIT: Final = 20
LIMIT_MAX: Final = 100
_BATCH_LIMIT: Final = 12
_BATCH_LIMIT_MAX: Final = 1000
_OFFSET_MAX: Final = 10_000_000
_WORD_MAX: Final = 256
_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()


def task_id(text: str) -> UUID:
    """The id in a path. Raises `NoSuchTask` for what is none: no task has it."""
    found = _uuid(text)
    if found is None:
        raise NoSuchTask(f"there is no task {text[:80]}: check the id; tasks are seen by the account that made them")
    return found


def _uuid(text: str) -> UUID | None:
    if re.fullmatch(r"[0-9a-fA-F-]{32,36}", text, re.ASCII) is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


def moment(seconds: float) -> datetime:
    """A time in Unix seconds; one that no clock will show is the nearest that one will."""
    return _EPOCH + timedelta(seconds=min(max(seconds, 0.0), _LAST_SECOND))


# lists -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """So many tasks that are like that."""

    which: Filter
    limit: int


LIST_PARAMETERS: Final = {
    "limit": f"How many tasks: 1 to {LIMIT_MAX}, {_LIMIT} if it is not said.",
    "after": "The `next_cursor` of the page before.",
    "status": f"Only tasks in this state: {', '.join(_STATUSES)}. Several with commas, or again and again.",
    "model": "Only tasks of this model.",
    "kind": "Only tasks of this kind: images_generations, images_edits, images_variations, chat_completions_image or"
    " responses_image.",
    "trace_id": "Only tasks of this trace.",
    "created_after": "Only tasks from then on, in Unix seconds.",
    "created_before": "Only tasks until then, in Unix seconds.",
}
_REPEATABLE: Final = frozenset({"status"})


def page(query: Iterable[tuple[str, str]]) -> Page:
    """What a list's query asks for. Raises `UnknownParameter` or `InvalidValue`."""
    given: dict[str, str] = {}
    for name, value in query:
        if name not in LIST_PARAMETERS:
            raise _unknown(name, known=LIST_PARAMETERS)
        if "\0" in value:
            raise InvalidValue(f"{name} must not contain the character NUL", param=name)
        if name in given and name not in _REPEATABLE:
            raise InvalidValue(f"{name} is given twice: give it once", param=name)
        given[name] = f"{given[name]},{value}" if name in given else value
    given = {name: value for name, value in given.items() if value}
    return Page(
        which=Filter(
            statuses=_words("status", given.get("status"), allowed=_STATUSES),
            kinds=_words("kind", given.get("kind"), allowed=tuple(_KINDS)[1:]),
            model=_short("model", given.get("model")),
            trace_ids=(trace_id,) if (trace_id := _short("trace_id", given.get("trace_id"))) else None,
            created_from=_moment("created_after", given.get("created_after")),
            created_to=_moment("created_before", given.get("created_before")),
            before=_cursor(given.get("after")),
        ),
        limit=_limit(given.get("limit")),
    )


def _unknown(name: str, *, known: Iterable[str]) -> UnknownParameter:
    near = difflib.get_close_matches(name[:80], list(known), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there is {', '.join(known)}"
    return UnknownParameter(f"there is no parameter '{name[:80]}': {hint}", param=name[:80])


def _words(name: str, value: str | None, *, allowed: Sequence[str]) -> tuple[str, ...] | None:
    if value is None:
        return None
    words = tuple(word.strip() for word in value.split(",") if word.strip())
    for word in words:
        if word not in allowed:
            raise InvalidValue(f"{name} must be one of {', '.join(allowed)}, not '{word[:80]}'", param=name)
    return words or None


def _short(name: str, value: str | None) -> str | None:
    if value is not None and len(value) > _WORD_MAX:
        raise InvalidValue(f"{name} must have at most {_WORD_MAX} characters", param=name)
    return value


def _moment(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    if _SECONDS.fullmatch(value) is None:
        raise InvalidValue(f"{name} must be a time in Unix seconds, such as 1795341261", param=name)
    return moment(float(value))


def _cursor(value: str | None) -> UUID | None:
    if value is None:
        return None
    found = _uuid(value)
    if found is None:
        raise InvalidValue("after must be the next_cursor of the page before", param="after")
    return found


def _limit(value: str | None) -> int:
    if value is None:
        return _LIMIT
    if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) is None or not 1 <= int(value) <= LIMIT_MAX:
        raise InvalidValue(f"limit must be a whole number from 1 to {LIMIT_MAX}", param="limit")
    return int(value)


# the vendor's ------------------------------------------------------------------------------------------------------------

_Word = Annotated[str, Field(strict=True)]
_Whole = Annotated[int, Field(strict=True)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class TasksBody(BaseModel):
    """The body of POST .../tasks. null is the same as not given."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    action: _Word | None = None
    """retrieve (one task; without it, this) or retrieve_batch (several)."""
    id: _Word | None = None
    """retrieve: the task of this id."""
    trace_id: _Word | None = None
    """retrieve: the newest task of this trace; counts for more than id."""
    ids: list[_Word] | None = None
    """retrieve_batch: only tasks of these ids."""
    trace_ids: list[_Word] | None = None
    """retrieve_batch: only tasks of these traces."""
    application_id: _Word | None = None
    """retrieve_batch: only tasks of this account; others than one's own have none to show."""
    user_id: _Word | None = None
    """retrieve_batch: the same."""
    type: _Word | None = None
    """retrieve_batch: images for all, or images_generations or images_edits."""
    offset: _Whole | None = None
    """retrieve_batch: how many to pass over."""
    limit: _Whole | None = None
    """retrieve_batch: how many to answer, 12 if it is not said."""
    created_at_min: _Number | None = None
    """retrieve_batch: only tasks from then on, in Unix seconds."""
    created_at_max: _Number | None = None
    """retrieve_batch: only tasks until then, in Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """A single task, by its id (None: it is no id that a task could have) or by its trace."""

    id: UUID | None
    trace_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several tasks. `accounts`: whose they must be, all of these; anybody else has none to show."""

    which: Filter
    accounts: frozenset[str]
    offset: int
    limit: int


_ACTIONS: Final[tuple[Literal["retrieve", "retrieve_batch"], ...]] = ("retrieve", "retrieve_batch")
_NARROWING: Final = (
    "ids",
    "trace_ids",
    "application_id",
    "user_id",
    "created_at_min",
    "created_at_max",
)


def tasks_body(body: bytes) -> One | Batch:
    """What the body asks for. Raises `MalformedJson`, `InvalidType`, `InvalidValue`, `MissingParameter`, `UnknownParameter`."""
    if not body.strip():
        raise parse.MalformedJson('the body is empty: send JSON such as {"action": "retrieve", "id": "..."}')
    try:
        parsed = TasksBody.model_validate_json(body)
    except ValidationError as error:
        raise parse.fault_of(
            error, names=tuple(TasksBody.model_fields), example='{"action": "retrieve", "id": "..."}'
        ) from None
    action = parsed.action or "retrieve"
    if action not in _ACTIONS:
        raise InvalidValue(f"action must be {' or '.join(_ACTIONS)}, not '{action[:80]}'", param="action")
    _refuse_nul(parsed)
    return _one(parsed) if action == "retrieve" else _batch(parsed)


def _refuse_nul(parsed: TasksBody) -> None:
    for name, value in parsed:
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if any("\0" in text for text in texts):
            raise InvalidValue(f"{name} must not contain the character NUL (\\u0000)", param=name)


def _one(parsed: TasksBody) -> One:
    if parsed.trace_id:
        return One(id=None, trace_id=parsed.trace_id)
    if not parsed.id:
        raise MissingParameter("id is missing: name a task by its id or its trace_id", param="id")
    return One(id=_uuid(parsed.id), trace_id=None)


def _batch(parsed: TasksBody) -> Batch:
    if all(getattr(parsed, name) is None for name in _NARROWING):
        raise MissingParameter(f"say which tasks: retrieve_batch needs one of {', '.join(_NARROWING)}", param="ids")
    limit = _BATCH_LIMIT if parsed.limit is None else parsed.limit
    if not 1 <= limit <= _BATCH_LIMIT_MAX:
        raise InvalidValue(f"limit must be from 1 to {_BATCH_LIMIT_MAX}", param="limit")
    offset = parsed.offset or 0
    if not 0 <= offset <= _OFFSET_MAX:
        raise InvalidValue(f"offset must be from 0 to {_OFFSET_MAX}", param="offset")
    if parsed.type is not None and parsed.type not in _KINDS:
        raise InvalidValue(f"type must be one of {', '.join(_KINDS)}, not '{parsed.type[:80]}'", param="type")
    return Batch(
        which=Filter(
            ids=None if parsed.ids is None else tuple(id_ for text in parsed.ids if (id_ := _uuid(text))),
            trace_ids=None if parsed.trace_ids is None else tuple(parsed.trace_ids),
            kinds=_KINDS[parsed.type] if parsed.type is not None else None,
            created_from=None if parsed.created_at_min is None else moment(parsed.created_at_min),
            created_to=None if parsed.created_at_max is None else moment(parsed.created_at_max),
        ),
        accounts=frozenset(one.lower() for one in (parsed.application_id, parsed.user_id) if one is not None),
        offset=offset,
        limit=limit,
    )
