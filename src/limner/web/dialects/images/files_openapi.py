"""What OpenAPI should know of files."""

from __future__ import annotations

from typing import Any, Final

from limner.web.dialects.images.differences import Dialect
from limner.web.dialects.images.files import LIFE_SECONDS_MAX, LIFE_SECONDS_MIN, LIMIT_MAX, LIST_PARAMETERS, PATH

_ID: Final = {"type": "string", "pattern": "^file-[0-9a-f]{32}$"}
_COUNT: Final = {"type": "integer", "minimum": 1}
_SECONDS: Final = {"type": "integer", "description": "Unix seconds."}
_FILE: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "id",
        "object",
        "bytes",
        "created_at",
        "expires_at",
        "filename",
        "purpose",
        "status",
        "media_type",
        "width",
        "height",
    ],
    "properties": {
        "id": _ID,
        "object": {"const": "file"},
        "bytes": _COUNT,
        "created_at": _SECONDS,
        "expires_at": _SECONDS,
        "filename": {"type": "string"},
        "purpose": {"type": "string"},
        "status": {"const": "processed"},
        "media_type": {"type": "string", "description": "As its bytes say."},
        "width": _COUNT | {"description": "Pixels."},
        "height": _COUNT | {"description": "Pixels."},
        "success": {"const": True, "description": "Under /openai."},
        "url": {
            "type": "string",
            "format": "uri",
            "description": "Under /openai: opens without a key until expires_at.",
        },
    },
}
_REF: Final = {"$ref": "#/components/schemas/File"}
_LIST: Final = {
    "type": "object",
    "required": ["object", "data", "first_id", "last_id", "has_more"],
    "properties": {
        "object": {"const": "list"},
        "data": {"type": "array", "items": _REF},
        "first_id": {"type": ["string", "null"]},
        "last_id": {"type": ["string", "null"]},
        "has_more": {"type": "boolean"},
    },
}
_DELETED: Final = {
    "type": "object",
    "required": ["id", "object", "deleted"],
    "properties": {"id": _ID, "object": {"const": "file"}, "deleted": {"const": True}},
}
_UPLOAD: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream", "description": "A picture."},
        "purpose": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$", "default": "vision"},
        "expires_after[anchor]": {"const": "created_at"},
        "expires_after[seconds]": {"type": "integer", "minimum": LIFE_SECONDS_MIN, "maximum": LIFE_SECONDS_MAX},
    },
}
_QUERY: Final[dict[str, dict[str, Any]]] = {
    "after": _ID,
    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    "order": {"enum": ["desc", "asc"]},
    "purpose": _UPLOAD["properties"]["purpose"],
}
_CONTENT: Final = {"type": "string", "contentMediaType": "image/*"}
_PATH_ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}

_PARTS: Final = (
    {"name": "Range", "in": "header", "schema": {"type": "string"}, "description": "A part, such as bytes=0-99."},
    {
        "name": "If-None-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The ETag of what is there.",
    },
)


def schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    return {"File": _FILE}


def operations(dialect: Dialect) -> list[tuple[str, str, str, str, dict[str, Any], dict[str, Any]]]:
    """Path, method, name, summary, answer and what else there is to say, for each route under the prefix."""
    base = dialect.prefix + PATH
    body = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _UPLOAD}}}}
    query = [
        {"name": name, "in": "query", "schema": _QUERY[name], "description": words}
        for name, words in LIST_PARAMETERS.items()
    ]
    one = {"parameters": [_PATH_ID]}
    part = {"description": "The part that `Range` names.", "content": {"image/*": {"schema": _CONTENT}}}
    content = {
        "parameters": [_PATH_ID, *_PARTS],
        "responses": {"206": part, "304": {"description": "The caller has it already."}},
    }
    return [
        (base, "post", "upload_file", "Upload a picture, to be named in later requests.", _REF, body),
        (f"{base}/upload", "post", "vendor_upload_file", "The same, the vendor's way.", _REF, body),
        (base, "get", "files", "The files that the account has uploaded.", _LIST, {"parameters": query}),
        (f"{base}/{{id}}", "get", "file", "One file.", _REF, one),
        (f"{base}/{{id}}/content", "get", "file_content", "The picture itself.", _CONTENT, content),
        (f"{base}/{{id}}", "delete", "delete_file", "Delete a file.", _DELETED, one),
    ]
