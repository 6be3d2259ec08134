"""The management API's reference, drawn from the document that programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from limner.web.console.snippets import highlight
from limner.web.console.visit import Page, Visit, page
from limner.web.console.words import N_
from limner.web.dialects.management import openapi

_TITLES: Final[Mapping[str, str]] = {
    "services": N_("Services"),
    "applications": N_("Applications"),
    "credentials": N_("Credentials"),
    "usage": N_("Usage"),
    "orders": N_("Orders"),
    "platform-tokens": N_("Platform tokens"),
    "models": N_("Models"),
    "files": N_("Files"),
}
_METHODS: Final = ("get", "post", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a query, a body or an answer. `kind`: its type in JSON's words."""

    name: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked. `answer`: the schema that it answers with; `is_list`: many of them."""

    id: str
    method: str
    path: str
    summary: str
    status: str
    query: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: str
    is_list: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operations on one kind of thing."""

    name: str
    title: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What an answer looks like."""

    name: str
    about: str
    fields: tuple[Field, ...]


def pages() -> list[Page]:
    """For anyone who can reach the server."""
    return [page("/docs/management", _show, needs="anyone")]


async def _show(visit: Visit) -> Response:
    document = openapi.document()
    address = f"{visit.house.public_url}{openapi.BASE}"
    example = f'curl {address}/applications/ \\\n  -H "Authorization: Bearer platform-v1-..."'
    return await visit.page(
        "management.html",
        groups=_groups(document, visit),
        schemas=[_schema(name, schema) for name, schema in document["components"]["schemas"].items()],
        document=openapi.DOCUMENT,
        example=example,
        example_html=highlight(example, "bash"),
    )


def _groups(document: Mapping[str, Any], visit: Visit) -> list[Group]:
    found: dict[str, list[Operation]] = {}
    for path, by_method in document["paths"].items():
        for method in _METHODS:
            if method in by_method:
                operation = by_method[method]
                found.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    return [
        Group(name=name, title=visit.words.gettext(_TITLES[name]), operations=tuple(operations))
        for name, operations in found.items()
    ]


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    (status, answered), *_ = operation["responses"].items()
    content = answered.get("content", {})
    schema = next(iter(content.values()))["schema"] if content else {}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    reference = schema.get("$ref") or schema.get("properties", {}).get("items", {}).get("items", {}).get("$ref", "")
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        status=status,
        query=tuple(
            Field(name=one["name"], kind=_kind(one["schema"]), about=one.get("description", ""))
            for one in operation["parameters"]
            if one["in"] == "query"
        ),
        body=_fields(body),
        answer=reference.rpartition("/")[2],
        is_list="$ref" not in schema,
    )


def _schema(name: str, schema: Mapping[str, Any]) -> Schema:
    return Schema(name=name, about=schema.get("description", ""), fields=_fields(schema))


def _fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(
        Field(name=name, kind=_kind(field), about=field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"]).lower() if isinstance(schema["const"], bool) else repr(schema["const"])
    if "enum" in schema:
        return " | ".join(map(repr, schema["enum"]))
    kind = schema.get("type", "object")
    return " | ".join(kind) if isinstance(kind, list) else str(schema.get("format") or kind)
