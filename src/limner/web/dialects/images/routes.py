"""The routes of the Images API, the same under each prefix.

What OpenAPI should know of them is in `openapi.py`.
"""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.catalog import rules as catalog_rules
from limner.flow.admit import authenticate, recognise
from limner.flow.generate import delivery_of, generate
from limner.flow.house import House
from limner.flow.submit import Submitted, submit
from limner.web.dialects.images import manners, parse, render
from limner.web.dialects.images.differences import DIALECTS, Dialect
from limner.web.site import Respond, house_of, route
from limner.web.trace import trace_id_of

_JSON = "application/json"


def routes() -> list[Route]:
    """All routes of this dialect, under both prefixes."""
    found: list[Route] = []
    for dialect in DIALECTS:
        found += [
            route(f"{dialect.prefix}/images/generations", _generations(dialect), methods=["POST"]),
            route(f"{dialect.prefix}/models", _models(dialect), methods=["GET"]),
            route(f"{dialect.prefix}/models/{{name:path}}", _model(dialect), methods=["GET"]),
        ]
    return found


def _generations(dialect: Dialect) -> Respond:
    async def generations(request: Request) -> Response:
        house = house_of(request)
        principal = await recognise(house, authorization=request.headers.get("authorization"))
        ask, manner = parse.generation(await request.body(), dialect=dialect)
        default = dialect.response_format or house.catalog.model(ask.model).profile.response_format
        response_format = catalog_rules.response_format_for(ask, default=default)
        preferred = manners.preference(request.headers.get("prefer"))
        terms = manners.terms(
            ask,
            manner,
            preferred,
            headers=request.headers,
            dialect=dialect,
            kind="images_generations",
            as_links=response_format == "url",
        )
        trace_id = manner.trace_id or trace_id_of(request.scope)
        if terms.is_async:
            submitted = await submit(
                house,
                principal=principal,
                ask=ask,
                trace_id=trace_id,
                terms=terms,
                wait_seconds=manners.wait_seconds(manner, preferred) or 0,
            )
            return await _accepted(house, submitted, dialect=dialect, preferred=preferred)
        delivery = await generate(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
        return Response(
            render.result_body(delivery.result, trace_id=delivery.trace_id),
            media_type=_JSON,
            headers=render.delivery_headers(delivery),
        )

    return generations


async def _accepted(
    house: House, submitted: Submitted, *, dialect: Dialect, preferred: manners.Preference
) -> Response:
    """The task's id at once; or its answer, if it has one by now and somebody waited for it."""
    task = submitted.task
    headers = render.submitted_headers(submitted, dialect=dialect, preference=preferred.applied)
    if task.is_open or not submitted.was_waited_for:
        return Response(
            render.submitted_body(task), status_code=dialect.accepted, media_type=_JSON, headers=headers
        )
    delivery = await delivery_of(house, task=task, admitted=None)
    return Response(
        render.result_body(delivery.result, trace_id=task.trace_id),
        media_type=_JSON,
        headers=render.delivery_headers(delivery) | headers,
    )


def _models(_dialect: Dialect) -> Respond:
    async def models(request: Request) -> Response:
        house = house_of(request)
        await authenticate(house, authorization=request.headers.get("authorization"))
        cards = [render.model_card(model) for model in house.catalog.models()]
        return Response(orjson.dumps({"object": "list", "data": cards}), media_type=_JSON)

    return models


def _model(_dialect: Dialect) -> Respond:
    async def model(request: Request) -> Response:
        house = house_of(request)
        await authenticate(house, authorization=request.headers.get("authorization"))
        card = render.model_card(house.catalog.model(request.path_params["name"]))
        return Response(orjson.dumps(card), media_type=_JSON)

    return model
