"""The ASGI application: routes in one list, and the door around them.

Bare Starlette: FastAPI's layers cost more than everything else that happens to a small request here (docs/adr/0004).
"""

from __future__ import annotations

import functools

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

import limner
from limner.flow.house import House
from limner.web import files, inbox, operate
from limner.web.dialects.images import openapi
from limner.web.dialects.images import routes as images_routes
from limner.web.door import Door
from limner.web.site import house_of, route

_JSON = "application/json"


def make_app(house: House, *, body_bytes_max: int) -> ASGIApp:
    """The application that serves `house`, which its maker opens and closes."""
    routes = [*images_routes.routes(), *files.routes(), *inbox.routes(), *operate.routes(house), *_routes()]
    router = Router(routes, redirect_slashes=False)
    return Door(router, house=house, body_bytes_max=body_bytes_max, quiet=operate.PATHS, larger=inbox.LARGER)


def _routes() -> list[Route]:
    return [route("/", _hello, methods=["GET"]), route("/openapi.json", _openapi, methods=["GET"])]


async def _hello(request: Request) -> Response:
    address = house_of(request).public_url
    where = {
        "name": "limner",
        "version": limner.__version__,
        "generations": f"{address}/v1/images/generations",
        "models": f"{address}/v1/models",
        "openapi": f"{address}/openapi.json",
    }
    return Response(orjson.dumps(where), media_type=_JSON)


async def _openapi(_request: Request) -> Response:
    return Response(_document(), media_type=_JSON)


@functools.cache
def _document() -> bytes:
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "limner", "version": limner.__version__},
            "paths": openapi.paths(),
            "components": openapi.components(),
        }
    )
