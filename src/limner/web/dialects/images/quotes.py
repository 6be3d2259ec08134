"""What a request would cost: the body of generations, edits or variations in, a price out; nothing is made, and nothing kept."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.catalog import rules as catalog_rules
from limner.domain.money import in_credits
from limner.flow.admit import authenticate
from limner.flow.quote import means_of, quote
from limner.web.dialects.images import intake, manners
from limner.web.dialects.images.differences import Dialect
from limner.web.site import Respond, house_of, route

_CREDITS: Final = {"type": "string", "description": "Credits, with six places."}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["object", "model", "n", "size", "quality", "credits_each", "credits", "credits_left", "is_enough"],
    "properties": {
        "object": {"const": "quote"},
        "model": {"type": "string"},
        "n": {"type": "integer", "minimum": 1, "description": "How many pictures."},
        "size": {"type": "string", "description": "What auto stands for is told."},
        "quality": {"type": "string", "description": "What auto stands for is told."},
        "credits_each": {**_CREDITS, "description": "What one picture costs, with six places."},
        "credits": {**_CREDITS, "description": "What all of them cost, with six places."},
        "credits_left": {**_CREDITS, "description": "What the account has free now, with six places."},
        "is_enough": {
            "type": "boolean",
            "description": "Whether the account's credits and the key's spend limit allow it now.",
        },
    },
}


def routes(dialect: Dialect) -> list[Route]:
    """The one route, under the prefix."""
    return [route(f"{dialect.prefix}/images/quote", _quote(dialect), methods=["POST"])]


def _quote(dialect: Dialect) -> Respond:
    async def respond(request: Request) -> Response:
        house = house_of(request)
        principal = await authenticate(house, authorization=request.headers.get("authorization"))
        ask, manner = await intake.look(request, house=house, principal=principal, dialect=dialect)
        catalog_rules.response_format_for(ask, default="url")
        told = quote(
            house,
            ask=ask,
            models=principal.models,
            callback_url=manner.callback_url,
            is_lenient=manners.is_lenient(request.headers) or principal.lenient,
        )
        means = await means_of(house, principal=principal)
        body = {
            "object": "quote",
            "model": told.model,
            "n": told.n,
            "size": f"{told.width}x{told.height}",
            "quality": told.quality,
            "credits_each": in_credits(told.each),
            "credits": in_credits(told.total),
            "credits_left": in_credits(means.free),
            "is_enough": means.is_enough(told.total),
        }
        return Response(orjson.dumps(body), media_type="application/json")

    return respond
