"""What OpenAPI should know of event streams: what each event looks like."""

from __future__ import annotations

from typing import Any, Final

_WORD: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_PROGRESS: Final = {
    "type": "object",
    "required": ["progress"],
    "additionalProperties": False,
    "properties": {"progress": {"type": "number", "minimum": 0, "maximum": 1}},
}
_PARTIAL: Final = {
    "type": "object",
    "required": ["index", "number", "url"],
    "additionalProperties": False,
    "properties": {"index": _COUNT, "number": _COUNT, "url": {"type": "string", "format": "uri"}},
}
_IMAGE: Final = {
    "type": "object",
    "required": ["type", "created_at", "size", "quality", "background", "output_format", "index", "b64_json"],
    "properties": {
        "type": {"type": "string", "pattern": r"^image_(generation|edit)\.(partial_image|completed)$"},
        "created_at": {"type": "integer", "description": "Unix seconds."},
        "size": _WORD,
        "quality": _WORD,
        "background": {"enum": ["transparent", "opaque"]},
        "output_format": _WORD,
        "index": _COUNT | {"description": "Which of the pictures."},
        "partial_image_index": _COUNT | {"description": "Of unfinished ones: which of them."},
        "usage": {"type": "object", "description": "Of finished ones: their share."},
        "revised_prompt": _WORD,
        "url": {"type": "string", "format": "uri"},
        "b64_json": {"type": "string", "contentEncoding": "base64"},
    },
}


def events(*data: dict[str, Any]) -> dict[str, Any]:
    """One event of a stream whose data are JSON of these schemas, or, without any, are anything."""
    given = {"contentMediaType": "application/json", "contentSchema": {"anyOf": list(data)}} if data else {}
    return {
        "type": "object",
        "description": "One event.",
        "required": ["data"],
        "properties": {
            "event": _WORD | {"description": "What it is called."},
            "id": _WORD,
            "retry": {"type": "integer", "description": "Milliseconds to wait before asking again."},
            "data": {**_WORD, **given},
        },
    }


def schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    error, task = {"$ref": "#/components/schemas/Error"}, {"$ref": "#/components/schemas/Task"}
    return {"ImageEvents": events(_IMAGE, error), "TaskEvents": events(task, _PROGRESS, _PARTIAL)}
