"""Serves what browsers load beside pages: the stylesheet, scripts, the typeface, the icon.

Each under a name that changes with its content, so that it may be kept for ever.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.web.door import UnknownPath
from limner.web.site import route

PATH: Final = "/assets/"
ROUTE: Final = PATH + "{name}"
ICON: Final = "/favicon.ico"
_FOLDERS: Final = ("static", "vendor")
_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webp": "image/webp",
    "png": "image/png",
    "woff2": "font/woff2",
}
_URL: Final = re.compile(rb'url\("([\w.-]+)"\)')
_SMALL_ALREADY: Final = frozenset({"webp", "png", "woff2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent. `packed` None: packing does not make it smaller."""

    media_type: str
    body: bytes = field(repr=False)
    packed: bytes | None = field(repr=False)


@functools.cache
def assets() -> dict[str, Asset]:
    """Every file, by its address."""
    found: dict[str, Asset] = {}
    files = [file for folder in _FOLDERS for file in resources.files("limner.web.console").joinpath(folder).iterdir()]
    # Stylesheets come last: they name other files.
    for file in sorted(files, key=lambda file: file.name.endswith(".css")):
        stem, _, ending = file.name.rpartition(".")
        if ending in _MEDIA_TYPES:
            body = file.read_bytes()
            if ending == "css":
                body = _URL.sub(lambda named: f'url("{_address_in(found, named[1].decode())}")'.encode(), body)
            fingerprint = hashlib.sha256(body).hexdigest()[:12]
            packed = None if ending in _SMALL_ALREADY else gzip.compress(body, 9, mtime=0)
            asset = Asset(media_type=_MEDIA_TYPES[ending], body=body, packed=packed)
            found[f"{PATH}{stem}.{fingerprint}.{ending}"] = asset
    return found


def _address_in(found: Mapping[str, Asset], name: str) -> str:
    stem, _, ending = name.rpartition(".")
    (at,) = (at for at in found if at.startswith(f"{PATH}{stem}.") and at.endswith(f".{ending}"))
    return at


@functools.cache
def asset(name: str) -> str:
    """The address of a file: `asset("style.css")`."""
    return _address_in(assets(), name)


def routes() -> list[Route]:
    """GET and HEAD of assets."""
    return [route(ROUTE, _serve, methods=["GET", "HEAD"]), route(ICON, _icon, methods=["GET", "HEAD"])]


async def _icon(_request: Request) -> Response:
    """For whoever asks for it unseen, as browsers and bots have always done."""
    found = assets()[asset("icon.svg")]
    return Response(found.body, media_type=found.media_type, headers={"cache-control": "public, max-age=86400"})


async def _serve(request: Request) -> Response:
    found = assets().get(request.scope["path"])
    if found is None:
        raise UnknownPath("there is no such file; a page that names it is of another version: load it again")
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=headers)
