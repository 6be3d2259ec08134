"""The Images API as an OpenAPI document, made from the same records that parse and render it."""

from __future__ import annotations

from typing import Any, Final

from limner.web.dialects.images import quotes, tasks_openapi
from limner.web.dialects.images.differences import DIALECTS, WORDS, Dialect
from limner.web.dialects.images.parse import GenerationBody

_ERROR: Final = {
    "type": "object",
    "required": ["success", "error", "trace_id"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "type", "param"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
            },
        },
        "trace_id": {"type": "string", "format": "uuid"},
    },
}
_COUNT: Final = {"type": "integer", "minimum": 0}
_USAGE: Final = {
    "type": "object",
    "required": ["total_tokens", "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"],
    "properties": {
        "total_tokens": _COUNT,
        "input_tokens": _COUNT,
        "output_tokens": _COUNT,
        **{
            name: {
                "type": "object",
                "required": ["text_tokens", "image_tokens"],
                "properties": {"text_tokens": _COUNT, "image_tokens": _COUNT},
            }
            for name in ("input_tokens_details", "output_tokens_details")
        },
    },
}
_IMAGES: Final = {
    "type": "object",
    "required": ["created", "data", "usage", "task_id", "trace_id"],
    "properties": {
        "created": {"type": "integer", "description": "Unix seconds."},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["revised_prompt"],
                "properties": {
                    "revised_prompt": {"type": "string", "description": "What was really drawn."},
                    "url": {"type": "string", "format": "uri"},
                    "b64_json": {"type": "string", "contentEncoding": "base64"},
                },
            },
        },
        "usage": _USAGE,
        "warnings": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What is to be known of the pictures; not there if there is nothing.",
        },
        "task_id": {"type": "string", "format": "uuid"},
        "trace_id": {"type": "string", "format": "uuid"},
    },
}
_MODEL: Final = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by", "abilities"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
        "description": {"type": "string"},
        "engine": {"type": "string"},
        "fallbacks": {
            "type": "array",
            "description": "The engines that paint when that one does not manage, and for which causes.",
            "items": {
                "type": "object",
                "properties": {"engine": {"type": "string"}, "on": {"type": "array", "items": {"type": "string"}}},
            },
        },
        "abilities": {"type": "object"},
    },
}
_HEADERS: Final = {
    "Prefer": "respond-async: answer with the task's id at once. wait=n: wait n seconds for the pictures before that.",
    "Idempotency-Key": "The caller's own name for this request: the same again gets the same answer, for 24 hours.",
    "X-Limner-Priority": "low, normal or high: which of the account's own asynchronous tasks go first.",
}


def paths() -> dict[str, Any]:
    """The paths of both prefixes."""
    found: dict[str, Any] = {}
    for dialect in DIALECTS:
        found[f"{dialect.prefix}/images/generations"] = {"post": _generations(dialect)}
        found[f"{dialect.prefix}/images/quote"] = {
            "post": {
                **_operation(
                    dialect, "quote", "What a request for pictures would cost; nothing is made.", _ref("Quote")
                ),
                "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Generation")}}},
            }
        }
        found[f"{dialect.prefix}/models"] = {
            "get": _operation(
                dialect,
                "models",
                "The models on offer, with what they take and cost.",
                {
                    "type": "object",
                    "required": ["object", "data"],
                    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _ref("Model")}},
                },
            )
        }
        found[f"{dialect.prefix}/models/{{name}}"] = {
            "get": {
                **_operation(dialect, "model", "One model.", _ref("Model")),
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        }
        for path, method, name, summary, answer, more in tasks_openapi.operations(dialect):
            media_type = "text/event-stream" if path.endswith("/events") else "application/json"
            operation = _operation(dialect, name, summary, answer, media_type=media_type) | more
            found[path] = found.get(path, {}) | {method: operation}
    return found


def components() -> dict[str, Any]:
    """The schemas that the paths refer to, and the key that they need."""
    return {
        "schemas": {
            "Error": _ERROR,
            "Images": _IMAGES,
            "Model": _MODEL,
            "Quote": quotes.SCHEMA,
            "Generation": _generation_schema(),
            **tasks_openapi.schemas(),
        },
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }


def _generation_schema() -> dict[str, Any]:
    schema = GenerationBody.model_json_schema()
    schema["required"] = ["prompt"]
    return schema


def _generations(dialect: Dialect) -> dict[str, Any]:
    accepted = {"anyOf": [tasks_openapi.ACCEPTED, _ref("Task")]}
    operation = _operation(
        dialect,
        "generations",
        "Pictures from a prompt.",
        {"anyOf": [_ref("Images"), tasks_openapi.ACCEPTED]} if dialect.is_vendor else _ref("Images"),
    )
    if not dialect.is_vendor:
        operation["responses"][str(dialect.accepted)] = {
            "description": "Accepted, to be asked for at Location.",
            "content": {"application/json": {"schema": accepted}},
        }
    return {
        **operation,
        "parameters": [
            {"name": name, "in": "header", "schema": {"type": "string"}, "description": words}
            for name, words in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Generation")}}},
    }


def _operation(
    dialect: Dialect, name: str, summary: str, answer: dict[str, Any], *, media_type: str = "application/json"
) -> dict[str, Any]:
    statuses = sorted({dialect.wire(code).status for code in WORDS})
    return {
        "operationId": f"{dialect.prefix.strip('/')}_{name}",
        "summary": summary,
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "As asked.", "content": {media_type: {"schema": answer}}},
            **{
                str(status): {
                    "description": "See docs/errors.md.",
                    "content": {"application/json": {"schema": _ref("Error")}},
                }
                for status in statuses
            },
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
