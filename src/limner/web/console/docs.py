"""The documentation: the guide's chapters, and the reference that is drawn from what programs read."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from limner.catalog import abilities as catalog_abilities
from limner.catalog.abilities import Abilities
from limner.web.console import guide
from limner.web.console.snippets import Request, Snippet, highlight, snippets
from limner.web.console.snippets.literals import in_bash
from limner.web.console.visit import Page, Visit, page
from limner.web.dialects.images import openapi
from limner.web.dialects.images.differences import VENDOR, WORDS, Wire
from limner.web.door import UnknownPath

if TYPE_CHECKING:
    from markupsafe import Markup

_KEY_SHOWN: Final = "$API_KEY"
_EXAMPLE: Final = {"model": "dall-e-3", "prompt": "A cute baby sea otter"}
_METHODS: Final = ("get", "post", "delete")
_JSON: Final = "application/json"
_BODIES: Final[Mapping[str, str]] = {
    "/images/generations": '{"model": "dall-e-3", "prompt": "A cute baby sea otter"}',
    "/images/quote": '{"model": "dall-e-3", "prompt": "A cute baby sea otter"}',
    "/tasks": '{"action": "retrieve", "id": "\'$TASK\'"}',
}
_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "/images/edits": ("model=gpt-image-1.5", "image=@otter.png", "prompt=Add a red balloon"),
    "/images/variations": ("model=dall-e-2", "image=@otter.png"),
    "/files": ("file=@otter.png", "purpose=vision"),
    "/files/upload": ("file=@otter.png",),
}
_LIKE_GENERATIONS: Final = frozenset({"/images/edits", "/images/variations"})
_PICTURE_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a query, a body or an answer. `kind`: what it may be, in JSON's words."""

    name: str
    kind: str
    about: str
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked, and how it is asked by curl. `like`: the operation that has its headers and further fields."""

    id: str
    method: str
    path: str
    summary: str
    query: tuple[Field, ...]
    headers: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: str
    code: str
    shown: Markup
    like: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error, as both prefixes tell it."""

    code: str
    hint: str
    vendor: Wire
    openai: Wire


def pages() -> list[Page]:
    """For anyone who can reach the server."""
    return [
        page("/docs", _first, needs="anyone"),
        page("/docs/api", _api, needs="anyone"),
        page("/docs/errors", _errors, needs="anyone"),
        page("/docs/pictures/{name}", _picture, needs="anyone"),
        page("/docs/{slug}", _chapter, needs="anyone"),
    ]


async def _first(visit: Visit) -> Response:
    return visit.redirect(f"/docs/{guide.CHAPTERS[0]}")


async def _chapter(visit: Visit) -> Response:
    slug = visit.request.path_params["slug"]
    if slug not in guide.CHAPTERS:
        raise UnknownPath("there is no such chapter")
    at = guide.CHAPTERS.index(slug)
    every = _chapters(visit)
    return await visit.page(
        "docs.html",
        chapters=every,
        chapter=every[at],
        before=every[at - 1] if at else None,
        after=every[at + 1] if at + 1 < len(every) else None,
    )


def _chapters(visit: Visit) -> list[guide.Chapter]:
    address = visit.house.public_url
    return [guide.chapter(slug, language=visit.language, address=address) for slug in guide.CHAPTERS]


async def _picture(visit: Visit) -> Response:
    try:
        body = guide.picture(visit.request.path_params["name"])
    except KeyError:
        raise UnknownPath("there is no such picture") from None
    headers = {"cache-control": f"public, max-age={_PICTURE_SECONDS}", "x-content-type-options": "nosniff"}
    return Response(body, media_type="image/webp", headers=headers)


async def _errors(visit: Visit) -> Response:
    troubles = [
        Trouble(code=code, hint=visit.words.gettext(words.hint), vendor=words.vendor, openai=words.openai)
        for code, words in WORDS.items()
    ]
    return await visit.page("docs_errors.html", chapters=_chapters(visit), chapter=None, troubles=troubles)


async def _api(visit: Visit) -> Response:
    address = visit.house.public_url
    asked = Request(url=f"{address}{VENDOR.prefix}/images/generations", key="sk-limner-...", body=_EXAMPLE)
    return await visit.page(
        "docs_api.html",
        chapters=_chapters(visit),
        chapter=None,
        operations=_operations(address),
        schemas=_schemas(),
        code=_coloured(asked),
        models=[_abilities(visit, model.name) for model in visit.house.catalog.models()],
    )


def _coloured(request: Request) -> list[tuple[Snippet, Markup]]:
    return [(one, highlight(one.code, one.lexer)) for one in snippets(request)]


def _abilities(visit: Visit, name: str) -> Abilities:
    model = visit.house.catalog.model(name)
    engine = visit.house.engines[model.engine].engine
    return catalog_abilities.abilities(
        model,
        formats=engine.formats(model.name),
        extras=engine.extras(model.name),
        response_format=VENDOR.response_format,
    )


@functools.lru_cache(maxsize=8)
def _operations(address: str) -> Sequence[Operation]:
    """What is under the vendor's prefix; the other one has the same."""
    return [
        _operation(path, method, described, address=address)
        for path, by_method in openapi.paths().items()
        if path.startswith(f"{VENDOR.prefix}/")
        for method, described in by_method.items()
        if method in _METHODS
    ]


def _operation(path: str, method: str, described: Mapping[str, Any], *, address: str) -> Operation:
    short = path.removeprefix(VENDOR.prefix)
    parameters = described.get("parameters", [])
    schema = _content(described.get("requestBody", {}))
    filled = path.replace("{id}", "$FILE" if short.startswith("/files/") else "$TASK").replace("{name}", "dall-e-3")
    code = _curl(method, short, url=address + filled)
    body = _fields(_followed(schema))
    is_like = short in _LIKE_GENERATIONS
    if is_like:
        known = openapi.components()["schemas"]["Generation"]["properties"].keys() - {"prompt"}
        body = tuple(field for field in body if field.name not in known)
    return Operation(
        id=described["operationId"].removeprefix(f"{VENDOR.prefix.strip('/')}_"),
        method=method.upper(),
        path=short,
        summary=described["summary"],
        query=_parameters(parameters, place="query"),
        headers=() if is_like else _parameters(parameters, place="header"),
        body=body,
        answer=_named(_content(described["responses"]["200"])),
        code=code,
        shown=highlight(code, "bash"),
        like="generations" if is_like else "",
    )


def _curl(method: str, short: str, *, url: str) -> str:
    sends = method == "post" and (short in _BODIES or short in _FORMS)
    # What has a body is posted, what has none is fetched: curl is told of the others.
    told = "" if sends or method == "get" else f" -X {method.upper()}"
    lines = [f"curl{told} {url}", f'  -H "Authorization: Bearer {_KEY_SHOWN}"']
    if sends and short in _BODIES:
        lines += ['  -H "Content-Type: application/json"', f"  -d '{_BODIES[short]}'"]
    elif sends:
        lines += [f"  -F {in_bash(field)}" for field in _FORMS[short]]
    return " \\\n".join(lines)


def _parameters(described: Sequence[Mapping[str, Any]], *, place: str) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=one["name"],
            kind=_kind(one["schema"]),
            about=one.get("description", ""),
            is_required=one.get("required", False),
        )
        for one in described
        if one["in"] == place
    )


def _content(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """As JSON where that is possible; else the first of what there is."""
    content: Mapping[str, Any] = described.get("content", {})
    found: Mapping[str, Any] = content.get(_JSON, next(iter(content.values())))["schema"] if content else {}
    return found


def _followed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = _named(schema)
    found: Mapping[str, Any] = openapi.components()["schemas"][name] if name else schema
    return found


def _named(schema: Mapping[str, Any]) -> str:
    """The schema that is meant, by name: itself, its first alternative, or what a list has."""
    if "anyOf" in schema:
        return _named(schema["anyOf"][0])
    inside = schema.get("properties", {}).get("data", {}).get("items", {})
    return str(schema.get("$ref") or inside.get("$ref", "")).rpartition("/")[2]


@functools.cache
def _schemas() -> Sequence[tuple[str, tuple[Field, ...]]]:
    asked = {"Generation", "Edit", "EditForm", "Variation", "VariationForm", "Tasks"}
    return [(name, _fields(one)) for name, one in openapi.components()["schemas"].items() if name not in asked]


def _fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    required = schema.get("required", ())
    return tuple(
        Field(name=name, kind=_kind(one), about=one.get("description", ""), is_required=name in required)
        for name, one in schema.get("properties", {}).items()
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"]).lower() if isinstance(schema["const"], bool) else str(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "$ref" in schema:
        return _named(schema)
    kind = schema.get("type", "object")
    return " | ".join(kind) if isinstance(kind, list) else str(schema.get("format") or kind)
