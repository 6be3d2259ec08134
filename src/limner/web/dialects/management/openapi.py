"""The management API as an OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import limner

BASE: Final = "/api/v1"
DOCUMENT: Final = f"{BASE}/openapi.json"

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_ID: Final[dict[str, Any]] = {"type": "string", "format": "uuid"}
_NO_ID: Final[dict[str, Any]] = {"type": ["string", "null"], "format": "uuid"}
_CREDITS: Final[dict[str, Any]] = {"type": "number", "description": "Credits, with six places."}
_NO_CREDITS: Final[dict[str, Any]] = {"type": ["number", "null"], "description": "Credits, with six places."}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_NO_TIME: Final[dict[str, Any]] = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_YES: Final[dict[str, Any]] = {"type": "boolean"}


def _record(about: str, /, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": about,
        "required": list(properties),
        "properties": properties,
    }


_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Service": _record(
        "What there is to be had: one service, pictures.",
        id=_ID,
        alias=_TEXT,
        title=_TEXT,
        unit={"const": "Credit"},
        free_amount=_CREDITS | {"description": "What each account is given once."},
        applied_count=_COUNT,
        packages={
            "type": "array",
            "description": "By what credits come: redeem codes. How many one gives stands in the code.",
            "items": _record("", id=_ID, type={"const": "Usage"}, price=_CREDITS, amount=_NO_CREDITS),
        },
    ),
    "Application": _record(
        "The account itself. There is one.",
        id=_ID,
        service_id=_ID,
        remaining_amount=_CREDITS | {"description": "What is not promised to tasks under way."},
        used_amount=_CREDITS,
        paid=_YES,
        scope={"const": "Individual"},
        allow_consume_global=_YES,
        type={"const": "Usage"},
        expired_at=_NO_TIME,
        created_at=_TIME,
    ),
    "Credential": _record(
        "An API key. All of `token` is shown when it is made or rotated, and never again.",
        id=_ID,
        application_id=_ID,
        name=_TEXT,
        type={"const": "Token"},
        host={"type": "null"},
        token=_TEXT,
        limited_amount=_NO_CREDITS,
        used_amount=_CREDITS,
        expired_at=_NO_TIME,
        disabled=_YES,
        lenient=_YES,
        last_used_at=_NO_TIME,
        created_at=_TIME,
    ),
    "File": _record(
        "A picture that was uploaded. `url` opens without a key until it expires.",
        success={"const": True},
        id={"type": "string", "pattern": "^file-[0-9a-f]{32}$"},
        name=_TEXT,
        media_type=_TEXT,
        bytes=_COUNT,
        width=_COUNT,
        height=_COUNT,
        url={"type": "string", "format": "uri"},
        created_at=_TIME,
        expires_at=_TIME,
    ),
    "Call": _record(
        "A task.",
        id=_ID,
        api=_record("", id=_ID, title=_TEXT),
        application_id=_ID,
        credential_id=_ID,
        model=_TEXT,
        status_code={"type": "integer", "description": "200: it went well; 202: it is under way."},
        original_amount=_CREDITS | {"description": "What was promised to it."},
        deducted_amount=_CREDITS,
        trace_id=_TEXT,
        elapsed={"type": ["number", "null"], "description": "Seconds."},
        created_at=_TIME,
    ),
    "Day": _record(
        "What was used on a day (UTC).",
        date={"type": "string", "format": "date"},
        calls=_COUNT,
        succeeded=_COUNT,
        failed=_COUNT,
        cancelled=_COUNT,
        pictures=_COUNT,
        deducted_amount=_CREDITS,
    ),
    "StatusCode": _record("How often a status was answered.", status_code={"type": "integer"}, count=_COUNT),
    "Order": _record(
        "Credits that the account was given: by an operator, as free credits, or by a redeem code.",
        id=_ID,
        application_id=_ID,
        service_id=_ID,
        package_id=_NO_ID,
        type={"enum": ["Grant", "Welcome", "Redemption"]},
        state={"const": "Finished"},
        amount=_CREDITS,
        price=_CREDITS,
        description=_TEXT,
        created_at=_TIME,
    ),
    "PlatformToken": _record(
        "What opens this API. All of `token` is shown when it is made, and never again.",
        id=_ID,
        name=_TEXT,
        token=_TEXT,
        expiration=_NO_TIME,
        used_at=_NO_TIME,
        created_at=_TIME,
    ),
    "Models": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {
                "type": "array",
                "items": _record("", id=_TEXT, object={"const": "model"}, created=_COUNT, owned_by=_TEXT),
            },
        },
    },
    "Error": _record(
        "What is wrong, and what would be right.",
        success={"const": False},
        error=_record("", code=_TEXT, message=_TEXT, type=_TEXT, param={"type": ["string", "null"]}),
        trace_id=_TEXT,
    ),
}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_PART: Final = (
    _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, "How many."),
    _query("offset", _COUNT, "How many to leave out."),
)
_OWN: Final = _query("application_id", _ID, "Only this application's.")
_BETWEEN: Final = (
    _query("created_at_from", _TEXT, "ISO 8601, or Unix seconds."),
    _query("created_at_to", _TEXT, "ISO 8601, or Unix seconds."),
)
_CALLS: Final = (
    _query("api_id", _ID, "Only calls of this API."),
    _query("credential_id", _ID, "Only calls with this key."),
    _query("status_code", {"type": "integer"}, "Only those that were answered so."),
)
_PATH_ID: Final = {"name": "id", "in": "path", "required": True, "schema": _ID}


def _body(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["count", "items"],
        "properties": {"count": _COUNT, "items": {"type": "array", "items": _ref(name)}},
    }


_DAYS: Final = {
    "type": "object",
    "required": ["count", "items"],
    "properties": {"count": _COUNT, "items": {"type": "array", "items": _ref("Day")}, "total": {"type": "object"}},
}
_CSV: Final = {"type": "string", "contentMediaType": "text/csv"}
_FORM: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
}

# Path, method, what it does, status, answer, query, body.
_OPERATIONS: Final[
    tuple[tuple[str, str, str, int, dict[str, Any] | None, tuple[Any, ...], dict[str, Any] | None], ...]
] = (
    ("/services/", "get", "The services.", 200, _list("Service"), _PART, None),
    ("/services/{id}/", "get", "One service.", 200, _ref("Service"), (), None),
    ("/applications/", "get", "The account, as its one application.", 200, _list("Application"), _PART, None),
    (
        "/applications/",
        "post",
        "Apply: the first time brings the free credits (201), later ones nothing (200).",
        201,
        _ref("Application"),
        (),
        _body(service_id=_ID),
    ),
    ("/applications/{id}/", "get", "The application.", 200, _ref("Application"), (), None),
    ("/credentials/", "get", "The API keys, newest first.", 200, _list("Credential"), (*_PART, _OWN), None),
    (
        "/credentials/",
        "post",
        "Make an API key.",
        201,
        _ref("Credential"),
        (),
        _body(application_id=_ID, name=_TEXT, limited_amount=_NO_CREDITS, expired_at=_NO_TIME),
    ),
    ("/credentials/{id}/", "get", "One API key.", 200, _ref("Credential"), (), None),
    ("/credentials/{id}/", "delete", "Delete an API key.", 204, None, (), None),
    (
        "/credentials/{id}/rotate/",
        "post",
        "Give an API key a new secret; the old one ends now.",
        200,
        _ref("Credential"),
        (),
        None,
    ),
    ("/usage/apis/", "get", "The tasks, newest first.", 200, _list("Call"), (*_PART, _OWN, *_BETWEEN, *_CALLS), None),
    ("/usage/apis/aggregate/", "get", "What was used, by day (UTC).", 200, _DAYS, (*_BETWEEN, _OWN), None),
    (
        "/usage/apis/status-codes/",
        "get",
        "How often each status was answered.",
        200,
        _list("StatusCode"),
        (*_BETWEEN, _OWN),
        None,
    ),
    ("/usage/apis/export/", "get", "The tasks as CSV.", 200, _CSV, _BETWEEN, None),
    ("/orders/", "get", "What the account was given, newest first.", 200, _list("Order"), (*_PART, _OWN), None),
    (
        "/orders/",
        "post",
        "Redeem a code. Nothing is sold here.",
        201,
        _ref("Order"),
        (),
        _body(application_id=_ID, package_id=_NO_ID, code=_TEXT) | {"required": ["code"]},
    ),
    ("/orders/{id}/", "get", "One order.", 200, _ref("Order"), (), None),
    ("/orders/{id}/pay/", "post", "Refused: nothing is paid for here.", 400, _ref("Error"), (), None),
    ("/orders/{id}/refresh/", "post", "One order, as it is.", 200, _ref("Order"), (), None),
    ("/platform-tokens/", "get", "The tokens, newest first.", 200, _list("PlatformToken"), _PART, None),
    (
        "/platform-tokens/",
        "post",
        "Make a token.",
        201,
        _ref("PlatformToken"),
        (),
        _body(name=_TEXT, expiration=_NO_TIME),
    ),
    ("/platform-tokens/{id}/", "get", "One token.", 200, _ref("PlatformToken"), (), None),
    ("/platform-tokens/{id}/", "delete", "Delete a token.", 204, None, (), None),
    ("/models/", "get", "The models on offer.", 200, _ref("Models"), (), None),
    (
        "/files/",
        "post",
        "Upload a picture, to be named in later requests by its id or its link. An API key opens this one, too.",
        201,
        _ref("File"),
        (),
        _FORM,
    ),
)

# Another status that the same answer may have.
_ALSO: Final = {"post /applications/": (200, "The account had applied before.")}


def document() -> dict[str, Any]:
    """All of it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "limner management",
            "version": limner.__version__,
            "description": "An account's own services, keys, usage, orders and tokens. It is opened by a platform token, "
            "which opens nothing else; an API key does not open it. Every path is also there without its last slash.",
        },
        "security": [{"token": []}],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "platform-v1-..., from the page /tokens."}
            },
            "schemas": _SCHEMAS,
        },
    }


def paths() -> dict[str, dict[str, Any]]:
    """The operations, by path and method."""
    found: dict[str, dict[str, Any]] = {}
    for path, method, summary, status, answer, query, body in _OPERATIONS:
        found.setdefault(BASE + path, {})[method] = _operation(path, method, summary, status, answer, query, body)
    return found


def _operation(  # noqa: PLR0917 - the columns of the table above
    path: str,
    method: str,
    summary: str,
    status: int,
    answer: dict[str, Any] | None,
    query: tuple[Any, ...],
    body: dict[str, Any] | None,
) -> dict[str, Any]:
    media_type = "text/csv" if answer is _CSV else "application/json"
    answered: dict[str, Any] = {"description": summary}
    if answer is not None:
        answered["content"] = {media_type: {"schema": answer}}
    also = _ALSO.get(f"{method} {path}")
    operation: dict[str, Any] = {
        "operationId": f"{method}{path.replace('{id}', 'one')}".strip("/").replace("/", "_").replace("-", "_"),
        "summary": summary,
        "tags": [path.split("/")[1]],
        "parameters": [*([_PATH_ID] if "{id}" in path else []), *query],
        "responses": {
            str(status): answered,
            **({str(also[0]): {**answered, "description": also[1]}} if also else {}),
            "default": {"description": "Trouble.", "content": {"application/json": {"schema": _ref("Error")}}},
        },
    }
    if body is not None:
        sent = "multipart/form-data" if body is _FORM else "application/json"
        operation["requestBody"] = {"content": {sent: {"schema": body}}}
    return operation
