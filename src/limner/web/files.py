"""Serves pictures by their signed links: no header needed, nothing to look up but the file itself."""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from limner.domain.problem import Problem
from limner.domain.spec import OutputFormat
from limner.flow.deliver import FILES_PATH
from limner.flow.fetch import Fetched, fetch
from limner.web.site import house_of, route

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MEDIA_TYPES: Final = {form.value: form.media_type for form in OutputFormat}


class RangeUnsatisfiable(Problem):
    """The wanted part lies beyond the end of the file."""

    code = "range_unsatisfiable"
    status = 416


class Part(NamedTuple):
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def routes() -> list[Route]:
    """GET and HEAD of pictures."""
    return [route(FILES_PATH + "{key:path}", _file, methods=["GET", "HEAD"])]


async def _file(request: Request) -> Response:
    query = request.query_params
    file = await fetch(
        house_of(request),
        path=request.scope["path"],
        expiry=query.get("se", ""),
        permission=query.get("sp", ""),
        signature=query.get("sig", ""),
    )
    return file_response(request, file)


def file_response(request: Request, file: Fetched) -> Response:
    """The file, or the part of it that is asked for."""
    headers = _headers(file)
    if _is_known(request, file):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":  # RFC 9110 knows parts for GET only
        return Response(headers=headers | {"content-length": str(file.length)})
    part = wanted_part(_range_header(request, file), length=file.length)
    status = 200 if part is None else 206
    start, end = part or Part(0, file.length)
    headers["content-length"] = str(end - start)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.length}"
    return StreamingResponse(file.read(start=start, end=end), status_code=status, headers=headers)


def _headers(file: Fetched) -> dict[str, str]:
    headers = {
        "content-type": _MEDIA_TYPES.get(file.name.rpartition(".")[2], "application/octet-stream"),
        "content-disposition": f'inline; filename="{file.name}"',
        "accept-ranges": "bytes",
        # A picture never changes, but nobody should show it for longer than its link is good.
        "cache-control": f"private, max-age={file.seconds_left}, immutable",
        "last-modified": format_datetime(file.modified_at, usegmt=True),
        # An SVG is a document: opened on its own it must not be able to do anything in our name.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        # Pictures are meant to be shown on other people's pages.
        "cross-origin-resource-policy": "cross-origin",
        "access-control-allow-origin": "*",
    }
    return headers | ({"etag": f'"{file.etag}"'} if file.etag else {})


def _is_known(request: Request, file: Fetched) -> bool:
    """Whether the caller has the picture already: If-None-Match names it, perhaps among others."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return bool(file.etag) and not known.isdisjoint({f'"{file.etag}"', "*"})


def _range_header(request: Request, file: Fetched) -> str | None:
    unless = request.headers.get("if-range")
    return request.headers.get("range") if unless is None or unless == f'"{file.etag}"' else None


def wanted_part(header: str | None, *, length: int) -> Part | None:
    """The part of a file that a Range header asks for; None means all of it.

    Several ranges at once, or a header that makes no sense, are answered with the whole file, as RFC 9110 allows.
    Raises `RangeUnsatisfiable` for a range that begins beyond the end.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        start, end = max(0, length - int(found[2])), length
    else:
        start, end = int(found[1]), min(length, int(found[2]) + 1) if found[2] else length
        if found[2] and int(found[2]) < start:
            return None
    if start >= length or start >= end:
        raise RangeUnsatisfiable(f"the file has {length} bytes")
    return Part(start, end)
