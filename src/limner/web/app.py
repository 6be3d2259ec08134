"""The ASGI application: routes in one list, and the door around them."""

from __future__ import annotations

from typing import Any, NoReturn

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

import limner
from limner.flow.house import House
from limner.web import files
from limner.web.dialects.images import openapi
from limner.web.dialects.images import routes as images_routes
from limner.web.door import Door


def make_app(house: House, *, body_bytes_max: int) -> ASGIApp:
    """The application that serves `house`, which its maker opens and closes."""
    app = FastAPI(
        title="limner", version=limner.__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    app.state.house = house
    app.router.routes += [*images_routes.routes(), *files.routes(), Route("/", _hello, methods=["GET"])]
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign] # FastAPI's documented way to extend its schema
    app.add_exception_handler(HTTPException, _let_it_fly)
    return Door(app, body_bytes_max=body_bytes_max)


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["paths"] |= openapi.paths()
        document["components"] = openapi.components()
        app.openapi_schema = document
    return app.openapi_schema


async def _let_it_fly(_request: Request, error: Exception) -> NoReturn:
    """The door knows how to say it."""
    raise error


async def _hello(request: Request) -> Response:
    house: House = request.app.state.house
    where = {
        "name": "limner",
        "version": limner.__version__,
        "generations": f"{house.public_url}/v1/images/generations",
        "models": f"{house.public_url}/v1/models",
        "openapi": f"{house.public_url}/openapi.json",
    }
    return Response(orjson.dumps(where), media_type="application/json")
