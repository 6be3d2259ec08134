"""The Images API as an OpenAPI document, made from the same records that parse and render it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from limner.catalog import rules
from limner.catalog.profiles import PROFILES
from limner.domain.spec import OutputFormat, Style
from limner.web.dialects.images import events_openapi, files_openapi, manners, quotes, tasks_openapi
from limner.web.dialects.images.bodies import EditBody, GenerationBody
from limner.web.dialects.images.differences import DIALECTS, WORDS, Dialect
from limner.web.dialects.images.parse import NAME_CHARACTERS_MAX, SECRET_CHARACTERS_MAX

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
_MEDIA_TYPES: Final = {"events": "text/event-stream", "content": "image/*"}
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
        "background": {"enum": ["transparent", "opaque"]},
        "output_format": {"enum": [one.value for one in OutputFormat]},
        "quality": {"type": "string", "description": "What auto stands for is told."},
        "size": {"type": "string", "description": "Width x height in pixels."},
        "safety_identifier": {"type": "string"},
        "success": {"const": True},
        "elapsed": {"type": "number", "description": "Seconds from the request to the last picture."},
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
_HEADERS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "Prefer": (
        {"type": "string"},
        "respond-async: answer with the task's id at once. wait=n: wait n seconds for the pictures before that.",
    ),
    "Idempotency-Key": (
        {"type": "string", "pattern": manners.KEY_PATTERN},
        "The caller's own name for this request: the same again gets the same answer, for 24 hours.",
    ),
    "X-Limner-Priority": (
        {"enum": list(manners.PRIORITIES)},
        "low, normal or high: which of the account's own asynchronous tasks go first.",
    ),
    "X-Limner-Lenient": (
        {"type": "boolean"},
        "true: what the model or its engine cannot do is left out and named in `warnings`, not refused.",
    ),
    "X-Limner-Keep-Alive": (
        {"type": "integer", "minimum": 0, "maximum": manners.KEEP_ALIVE_SECONDS_MAX},
        "n: send a space every n seconds while the pictures are made; the status is sent before them then.",
    ),
}
_PICTURE: Final = {
    "anyOf": [
        {"type": "string", "description": "An https link, a data URL, or the id of a file (file-...)."},
        {
            "type": "object",
            "required": ["image_url"],
            "properties": {"image_url": {"type": "string"}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["file_id"],
            "properties": {"file_id": {"type": "string"}},
            "additionalProperties": False,
        },
    ]
}
_FILE: Final = {"type": "string", "format": "binary"}
_IMAGES_MAX: Final = 16
# What the rules say, as far as it is the same for all models: which of it a model takes, its `abilities` tell.
_BOUNDS: Final[dict[str, dict[str, Any]]] = {
    "n": {"minimum": 1, "maximum": max(one.n_max for one in PROFILES.values())},
    "size": {"pattern": f"^(auto|{rules.SIZE_PATTERN})$"},
    "quality": {"enum": list(dict.fromkeys(word for one in PROFILES.values() for word in one.qualities))},
    "style": {"enum": [one.value for one in Style]},
    "response_format": {"enum": list(rules.RESPONSE_FORMATS)},
    "output_format": {"enum": list(dict.fromkeys(word for one in PROFILES.values() for word in one.output_formats))},
    "output_compression": {"minimum": 0, "maximum": rules.COMPRESSION_MAX},
    "background": {"enum": list(rules.BACKGROUNDS)},
    "moderation": {"enum": list(rules.MODERATIONS)},
    "partial_images": {"minimum": 0, "maximum": rules.PARTIALS_MAX},
    "complexity": {"enum": list(rules.COMPLEXITIES)},
    "svg": {
        "required": ["model"],
        "properties": {
            "model": {"type": "string", "minLength": 1, "maxLength": rules.SVG_MODEL_CHARACTERS_MAX},
            "reasoning": {"type": "object", "properties": {"effort": {"enum": list(rules.EFFORTS)}}},
        },
    },
    "frame_count": {"minimum": rules.FRAMES[0], "maximum": rules.FRAMES[1]},
    "frame_duration_ms": {"minimum": 1, "maximum": rules.FRAME_MILLISECONDS_MAX},
    "user": {"maxLength": rules.IDENTIFIER_CHARACTERS_MAX},
    "safety_identifier": {"maxLength": rules.IDENTIFIER_CHARACTERS_MAX},
    "seed": {"minimum": 0, "maximum": rules.SEED_MAX},
    "input_fidelity": {"enum": list(dict.fromkeys(word for one in PROFILES.values() for word in one.input_fidelities))},
    "timeout": {"minimum": 0},
    "callback_secret": {"minLength": 1, "maxLength": SECRET_CHARACTERS_MAX},
    "trace_id": {"minLength": 1, "maxLength": NAME_CHARACTERS_MAX},
}


def paths() -> dict[str, Any]:
    """The paths of both prefixes."""
    found: dict[str, Any] = {}
    for dialect in DIALECTS:
        found[f"{dialect.prefix}/images/generations"] = {
            "post": _painting(dialect, "generations", "Pictures from a prompt.", _json(_ref("Generation")))
        }
        found[f"{dialect.prefix}/images/edits"] = {
            "post": _painting(dialect, "edits", "Pictures from pictures and a prompt.", _from_pictures("Edit"))
        }
        found[f"{dialect.prefix}/images/variations"] = {
            "post": _painting(dialect, "variations", "Other pictures like a picture.", _from_pictures("Variation"))
        }
        found[f"{dialect.prefix}/images/quote"] = {
            "post": {
                **_operation(
                    dialect,
                    "quote",
                    "What a request for pictures, from words or from pictures, would cost; nothing is made.",
                    _ref("Quote"),
                ),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"anyOf": [_ref("Generation"), _ref("Edit"), _ref("Variation")]}
                        },
                        "multipart/form-data": {"schema": {"anyOf": [_ref("EditForm"), _ref("VariationForm")]}},
                    },
                },
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
        for path, method, name, summary, answer, more in (
            *tasks_openapi.operations(dialect),
            *files_openapi.operations(dialect),
        ):
            media_type = _MEDIA_TYPES.get(path.rpartition("/")[2], "application/json")
            operation = _operation(dialect, name, summary, answer, media_type=media_type)
            operation |= more | {"responses": operation["responses"] | more.get("responses", {})}
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
            **{f"{name}{form}": _pictures_schema(name, is_form=bool(form)) for name in _ACTS for form in ("", "Form")},
            **tasks_openapi.schemas(),
            **events_openapi.schemas(),
            **files_openapi.schemas(),
        },
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }


def _generation_schema() -> dict[str, Any]:
    schema = GenerationBody.model_json_schema()
    schema["required"] = ["prompt"]
    schema["properties"] = _without_null(bounded(schema["properties"]), schema["required"])
    return schema


def _without_null(fields: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The fields, and those of these names must be something."""
    found = dict(fields)
    for name in names:
        if "anyOf" in fields.get(name, {}):
            found[name] = fields[name] | {"anyOf": [one for one in fields[name]["anyOf"] if one.get("type") != "null"]}
    return found


def bounded(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with their bounds. null, which may be sent for any, has none."""
    return {
        name: {
            **field,
            "anyOf": [one if one["type"] == "null" else one | _BOUNDS.get(name, {}) for one in field["anyOf"]],
        }
        if "anyOf" in field
        else field
        for name, field in fields.items()
    }


_ACTS: Final = {
    "Edit": frozenset({"style"}),
    "Variation": frozenset({"style", "prompt", "mask", "markup", "input_fidelity"}),
}


def _pictures_schema(name: str, *, is_form: bool) -> dict[str, Any]:
    """The body of edits or variations, as JSON or as a form, whose pictures are files and whose scalars are text."""
    schema = EditBody.model_json_schema()
    fields = {field: value for field, value in bounded(schema["properties"]).items() if field not in _ACTS[name]}
    given: dict[str, Any] = {
        "image": {"anyOf": [_PICTURE, {"type": "array", "items": _PICTURE, "minItems": 1, "maxItems": _IMAGES_MAX}]}
    }
    given |= {"images": {"type": "array", "items": _PICTURE, "minItems": 1, "maxItems": _IMAGES_MAX}}
    given |= {"mask": _PICTURE, "markup": _PICTURE}
    if is_form:
        given = {"image": {"type": "array", "items": _FILE, "minItems": 1, "maxItems": _IMAGES_MAX}}
        given |= {"mask": _FILE, "markup": _FILE}
        fields.pop("images")
    for field, value in given.items():
        if field in fields:
            fields[field] = {**value, "description": fields[field]["description"]}
    required = [*(["prompt"] if name == "Edit" else []), *(["image"] if is_form else [])]
    return {
        "type": "object",
        "description": schema["description"],
        # In forms there is no null.
        "properties": _without_null(fields, fields if is_form else required),
        **({"required": required} if required else {}),
        # Under one of its two names.
        **({} if is_form else {"anyOf": [{"required": ["image"]}, {"required": ["images"]}]}),
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _from_pictures(name: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _ref(f"{name}Form")},
            "application/json": {"schema": _ref(name)},
        },
    }


def _painting(dialect: Dialect, name: str, summary: str, body: dict[str, Any]) -> dict[str, Any]:
    accepted = {"anyOf": [tasks_openapi.ACCEPTED, _ref("Task")]}
    operation = _operation(
        dialect,
        name,
        summary,
        {"anyOf": [_ref("Images"), tasks_openapi.ACCEPTED]} if dialect.is_vendor else _ref("Images"),
    )
    # Where `stream` is true.
    operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": _ref("ImageEvents")}
    if not dialect.is_vendor:
        operation["responses"][str(dialect.accepted)] = {
            "description": "Accepted, to be asked for at Location.",
            "content": {"application/json": {"schema": accepted}},
        }
    return {
        **operation,
        "parameters": [
            {"name": name, "in": "header", "schema": schema, "description": words}
            for name, (schema, words) in _HEADERS.items()
        ],
        "requestBody": body,
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
