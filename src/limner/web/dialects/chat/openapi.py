"""What OpenAPI should know of the chat door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from limner.web.dialects.chat.parse import ACTIONS, CALL, CHAT_PASSED_OVER, RESPONSES_PASSED_OVER, TOOL
from limner.web.dialects.images.bodies import EditBody
from limner.web.dialects.images.differences import DIALECTS, WORDS, Dialect
from limner.web.dialects.images.events_openapi import events
from limner.web.dialects.images.openapi import bounded

_JSON: Final = "application/json"
_WORD: Final = {"type": "string"}
_MODEL: Final = {"type": "string", "description": "A name that GET /v1/models lists."}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SECONDS: Final = {"type": "integer", "description": "Unix seconds."}
_ACTION: Final = {
    "enum": list(ACTIONS),
    "description": "Whether to start from a picture of the conversation. auto: from those of the last message, or else"
    " from the last picture of the answer before it, if the model can.",
}
_NOT_HERE: Final = frozenset(
    {"prompt", "image", "images", "mask", "markup", "async", "callback_url", "callback_secret", "timeout"}
)
_NAMES: Final = {"task_id": {**_WORD, "format": "uuid"}, "trace_id": _WORD}


def _fields(*, without: frozenset[str]) -> dict[str, Any]:
    """Those of the Images API, which may be given here."""
    known = bounded(EditBody.model_json_schema()["properties"])
    return {name: schema for name, schema in known.items() if name not in _NOT_HERE | without}


def _passed_over(names: frozenset[str]) -> str:
    return f"Passed over, since they steer words: {', '.join(sorted(names))}."


def schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    return {
        "ChatRequest": {
            "type": "object",
            "required": ["model", "messages"],
            "description": _passed_over(CHAT_PASSED_OVER),
            "properties": {
                **_fields(without=frozenset({"partial_images"})),
                "model": _MODEL,
                "messages": {
                    "type": "array",
                    "minItems": 1,
                    "description": "The text of the user's last message is the prompt; its pictures are what is started from.",
                    "items": {
                        "type": "object",
                        "required": ["role"],
                        "properties": {
                            "role": _WORD,
                            "content": {"type": ["string", "array", "null"], "items": {"type": "object"}},
                        },
                    },
                },
                "action": _ACTION,
                "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
            },
        },
        "ChatCompletion": {
            "type": "object",
            "required": ["id", "object", "created", "model", "choices", "usage", "task_id", "trace_id"],
            "properties": {
                "id": _WORD,
                "object": {"const": "chat.completion"},
                "created": _SECONDS,
                "model": _WORD,
                "choices": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "index": _COUNT,
                            "finish_reason": {"const": "stop"},
                            "message": {
                                "type": "object",
                                "properties": {
                                    "role": {"const": "assistant"},
                                    "content": {**_WORD, "description": "The pictures in markdown, a paragraph each."},
                                    "images": {"type": "array", "items": {"type": "object"}},
                                },
                            },
                        },
                    },
                },
                "usage": {
                    "type": "object",
                    "properties": dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _COUNT),
                },
                **_NAMES,
            },
        },
        "ResponseRequest": {
            "type": "object",
            "required": ["model", "input"],
            "description": _passed_over(RESPONSES_PASSED_OVER),
            "properties": {
                **_fields(without=frozenset({"response_format"})),
                "model": _MODEL,
                "input": {
                    "type": ["string", "array"],
                    "items": {"type": "object"},
                    "description": "As messages of a chat.",
                },
                "action": _ACTION,
                "tools": {
                    "type": "array",
                    "maxItems": 1,
                    "description": "What is said of the picture; the same fields may stand beside it.",
                    "items": {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"const": TOOL}, "model": _WORD, "action": _ACTION},
                    },
                },
            },
        },
        "Response": {
            "type": "object",
            "required": ["id", "object", "created_at", "status", "model", "output", "usage"],
            "properties": {
                "id": _WORD,
                "object": {"const": "response"},
                "created_at": _SECONDS,
                "status": {"enum": ["queued", "in_progress", "completed", "failed", "cancelled"]},
                "model": _WORD,
                "output": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["id", "type", "status", "result"],
                        "properties": {
                            "id": _WORD,
                            "type": {"const": CALL},
                            "status": {"enum": ["completed", "failed"]},
                            "result": {"type": ["string", "null"], "contentEncoding": "base64"},
                            "revised_prompt": _WORD,
                            **dict.fromkeys(("size", "quality", "background", "output_format", "action"), _WORD),
                        },
                    },
                },
                "usage": {
                    "type": "object",
                    "properties": dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), _COUNT),
                },
                **_NAMES,
            },
        },
    }


def with_schemas(components: Mapping[str, Any]) -> dict[str, Any]:
    """The components with these schemas among theirs."""
    return {**components, "schemas": {**components["schemas"], **schemas()}}


def paths() -> dict[str, Any]:
    """The paths of both prefixes."""
    found: dict[str, Any] = {}
    for dialect in DIALECTS:
        for path, name, summary, asked, answer in (
            ("/chat/completions", "chat", "A picture as the answer in a chat.", "ChatRequest", "ChatCompletion"),
            ("/responses", "responses", "A picture as a response.", "ResponseRequest", "Response"),
        ):
            found[dialect.prefix + path] = {"post": _operation(dialect, name, summary, asked=asked, answer=answer)}
        found[f"{dialect.prefix}/responses/{{id}}"] = {
            "get": {
                **_operation(
                    dialect, "response", "A response that was asked for before.", asked=None, answer="Response"
                ),
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": _WORD}],
            }
        }
    return found


def _operation(dialect: Dialect, name: str, summary: str, *, asked: str | None, answer: str) -> dict[str, Any]:
    statuses = sorted({dialect.wire(code).status for code in WORDS})
    return {
        "operationId": f"{dialect.prefix.strip('/')}_{name}",
        "summary": summary,
        "security": [{"key": []}],
        **({"requestBody": {"required": True, "content": {_JSON: {"schema": _ref(asked)}}}} if asked else {}),
        "responses": {
            "200": {
                "description": "As asked; with `stream`, as server-sent events.",
                "content": {
                    _JSON: {"schema": _ref(answer)},
                    **({"text/event-stream": {"schema": events()}} if asked else {}),
                },
            },
            **{
                str(status): {
                    "description": "See docs/errors.md.",
                    "content": {_JSON: {"schema": _ref("Error")}},
                }
                for status in statuses
            },
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
