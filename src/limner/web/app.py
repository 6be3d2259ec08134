"""The ASGI application: routes in one list, and the door around them.

Bare Starlette: FastAPI's layers cost more than everything else that happens to a small request here (docs/adr/0004).
"""

from __future__ import annotations

import functools

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp

import limner
from limner.flow.house import House
from limner.web import files, inbox, operate
from limner.web.console import api as console_api
from limner.web.console import assets, pages, verify
from limner.web.console.trouble import told
from limner.web.dialects.chat import openapi as chat_openapi
from limner.web.dialects.chat import routes as chat_routes
from limner.web.dialects.images import files as images_files
from limner.web.dialects.images import intake, openapi
from limner.web.dialects.images import routes as images_routes
from limner.web.dialects.images.differences import WORDS
from limner.web.dialects.management import routes as management_routes
from limner.web.door import Door
from limner.web.site import route

_JSON = "application/json"


def make_app(house: House, *, body_bytes_max: int) -> ASGIApp:
    """The application that serves `house`, which its maker opens and closes."""
    routes = [
        *images_routes.routes(),
        *chat_routes.routes(),
        *management_routes.routes(statuses={code: words.vendor.status for code, words in WORDS.items()}),
        *files.routes(),
        *inbox.routes(),
        *operate.routes(house),
        *pages.routes(),
        route("/openapi.json", _openapi, methods=["GET"]),
    ]
    router = Router(routes, redirect_slashes=False)
    return Door(
        router,
        house=house,
        body_bytes_max=body_bytes_max,
        quiet=operate.PATHS | {assets.ROUTE, assets.ICON},
        larger={
            **inbox.LARGER,
            **verify.LARGER,
            **console_api.larger(file_bytes_max=house.files_policy.file_bytes_max),
            **management_routes.larger(file_bytes_max=house.files_policy.file_bytes_max),
            **images_files.larger(file_bytes_max=house.files_policy.file_bytes_max),
            **intake.larger(file_bytes_max=house.files_policy.file_bytes_max),
            **chat_routes.larger(),
        },
        tells=told,
    )


async def _openapi(_request: Request) -> Response:
    return Response(_document(), media_type=_JSON)


@functools.cache
def _document() -> bytes:
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "limner", "version": limner.__version__},
            "paths": openapi.paths() | chat_openapi.paths(),
            "components": chat_openapi.with_schemas(openapi.components()),
        }
    )
