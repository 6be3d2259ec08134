"""What OpenAPI should know of tasks."""

from __future__ import annotations

from typing import Any, Final, get_args

from limner.domain.spec import Cause
from limner.tasks.models import Status
from limner.web.dialects.images.differences import Dialect
from limner.web.dialects.images.render import TASKS_PATH
from limner.web.dialects.images.tasks_parse import LIMIT_MAX, LIST_PARAMETERS, TasksBody

_STATUS: Final = "|".join([*get_args(Status), "expired"])
_SECONDS: Final = {"type": ["number", "null"], "description": "Unix seconds."}
_WORD: Final = {"type": "string"}
_CREDITS: Final = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{6}$", "description": "Credits."}
_LINK: Final = {"type": "string", "format": "uri"}
_UUID: Final = {"type": "string", "format": "uuid"}
_ERROR: Final = {
    "type": ["object", "null"],
    "properties": {"code": _WORD, "message": _WORD, "type": _WORD, "param": {"type": ["string", "null"]}},
}
_TASK: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": _UUID,
        "task_id": _UUID | {"description": "The same."},
        "object": {"const": "image.task"},
        "status": {"enum": [*get_args(Status), "expired"]},
        "kind": _WORD,
        "model": _WORD,
        "created_at": {"type": "number", "description": "Unix seconds."},
        "started_at": _SECONDS,
        "finished_at": _SECONDS,
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "queue": {
            "type": ["object", "null"],
            "description": "Of one task that is queued.",
            "properties": {
                "ahead": {"type": "integer", "minimum": 0},
                "estimated_seconds": {"type": ["number", "null"]},
            },
        },
        "request": {"type": "object", "description": "As submitted, but for callback_secret."},
        "performed_by": {
            "type": ["object", "null"],
            "description": "The engine that made it, and which of its upstreams or devices.",
            "properties": {"engine": _WORD, "part": {"type": ["string", "null"]}},
        },
        "tried": {
            "type": "array",
            "description": "Engines, or parts of one, that were tried before and did not manage.",
            "items": {
                "type": "object",
                "properties": {
                    "engine": _WORD,
                    "part": {"type": ["string", "null"]},
                    "cause": {"enum": [cause.value for cause in Cause]},
                    "seconds": {"type": "number", "minimum": 0},
                },
            },
        },
        "warnings": {"type": "array", "items": _WORD, "description": "What is to be known of the pictures."},
        "result": {"anyOf": [{"$ref": "#/components/schemas/Images"}, {"type": "null"}]},
        "deleted": {
            "type": "integer",
            "minimum": 0,
            "description": "How many of its pictures the account has deleted; `result` has the others.",
        },
        "error": _ERROR,
        "cost": {
            "type": "object",
            "properties": {"held": _CREDITS, "charged": {"anyOf": [_CREDITS, {"type": "null"}]}},
        },
        "trace_id": _WORD,
        "callback": {
            "type": ["object", "null"],
            "properties": {
                "id": _WORD | {"description": "Its webhook-id."},
                "url": _LINK,
                "status": {"enum": ["held", "waiting", "delivered", "failed", "paused"]},
                "attempts": {"type": "integer", "minimum": 0},
                "next_attempt_at": _SECONDS,
                "ended_at": _SECONDS,
            },
        },
        "urls": {"type": "object", "properties": {"self": _LINK, "cancel": _LINK, "events": _LINK}},
    },
}
_LIST: Final = {
    "type": "object",
    "required": ["object", "data", "has_more", "next_cursor"],
    "properties": {
        "object": {"const": "list"},
        "data": {"type": "array", "items": {"$ref": "#/components/schemas/Task"}},
        "has_more": {"type": "boolean"},
        "next_cursor": {"type": ["string", "null"]},
    },
}
_VENDOR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Empty for a task that there is not.",
    "properties": {
        "_id": _WORD,
        "id": _UUID,
        "trace_id": _WORD,
        "type": _WORD,
        "api_id": _UUID,
        "application_id": _UUID,
        "credential_id": _UUID,
        "user_id": _UUID,
        "created_at": {"type": "number"},
        "started_at": {"type": ["string", "null"], "format": "date-time"},
        "finished_at": _SECONDS,
        "duration": {"type": ["number", "null"]},
        "elapsed": {"type": ["number", "null"]},
        "request": {"type": "object"},
        "response": {"type": ["object", "null"], "description": "null until finished_at is set."},
    },
}
_BATCH: Final = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/VendorTask"}},
        "count": {"type": "integer", "description": "How many there are in all."},
    },
}
ACCEPTED: Final = {"type": "object", "required": ["task_id"], "properties": {"task_id": _UUID}}
_EVENTS: Final = {"$ref": "#/components/schemas/TaskEvents"}
_MOMENT: Final = {"type": "number", "minimum": 0}
_QUERY: Final[dict[str, dict[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    "after": _UUID,
    "status": {"type": "string", "pattern": f"^({_STATUS})(,({_STATUS}))*$"},
    "created_after": _MOMENT,
    "created_before": _MOMENT,
}
_TASK_REF: Final = {"$ref": "#/components/schemas/Task"}
_ID: Final = {"name": "id", "in": "path", "required": True, "schema": _UUID}
_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "schema": _WORD,
    "description": "wait=n: answer when it has ended, or after n seconds.",
}

_LAST_EVENT: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": _WORD,
    "description": "The id of the last event that was seen: numbers go on from there; nothing comes after `end`.",
}


def schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    task = _TASK | {"required": list(_TASK["properties"])}
    return {"Task": task, "VendorTask": _VENDOR, "Tasks": TasksBody.model_json_schema()}


def operations(dialect: Dialect) -> list[tuple[str, str, str, str, dict[str, Any], dict[str, Any]]]:
    """Path, method, name, summary, answer and what else there is to say, for each route under the prefix."""
    base = dialect.prefix + TASKS_PATH
    query = [
        {"name": name, "in": "query", "schema": _QUERY.get(name, _WORD), "description": words}
        for name, words in LIST_PARAMETERS.items()
    ]
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tasks"}}}}
    going_on = {"description": "It is yet to stop.", "content": {"application/json": {"schema": _TASK_REF}}}
    stopped = {"parameters": [_ID], "responses": {"202": going_on}}
    watched = {"parameters": [_ID, _LAST_EVENT], "responses": {"204": {"description": "The end was seen before."}}}
    either = {"anyOf": [{"$ref": "#/components/schemas/VendorTask"}, _BATCH]}
    return [
        (base, "get", "tasks", "The account's tasks, newest first.", _LIST, {"parameters": query}),
        (f"{base}/{{id}}", "get", "task", "One task.", _TASK_REF, {"parameters": [_ID, _PREFER]}),
        (f"{base}/{{id}}/cancel", "post", "cancel_task", "Stop a task.", _TASK_REF, stopped),
        (f"{base}/{{id}}/events", "get", "task_events", "A task as it comes along.", _EVENTS, watched),
        (f"{dialect.prefix}/tasks", "post", "vendor_tasks", "Tasks, the vendor's way.", either, {"requestBody": body}),
    ]
