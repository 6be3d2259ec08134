"""The routes of the Images API, the same under each prefix.

What OpenAPI should know of them is in `openapi.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.catalog import rules as catalog_rules
from limner.catalog.models import Model
from limner.domain.ask import Act, Ask
from limner.domain.principal import Principal
from limner.flow.admit import authenticate, recognise
from limner.flow.generate import delivery_of, generate
from limner.flow.history import tell
from limner.flow.house import House
from limner.flow.stream import Begun, stream
from limner.flow.submit import Submitted, submit
from limner.flow.wait import until_ended
from limner.web.dialects.images import files, intake, manners, parse, quotes, render, tasks
from limner.web.dialects.images.differences import DIALECTS, Dialect
from limner.web.dialects.images.events import ImageEvents, ImagesBody
from limner.web.dialects.images.parse import Manner
from limner.web.pieces import PiecesResponse
from limner.web.site import Respond, house_of, route
from limner.web.streaming import EventsResponse, WaitedForResponse
from limner.web.trace import trace_id_of

_JSON = "application/json"
_KINDS: Final = {
    Act.GENERATION: "images_generations",
    Act.EDIT: "images_edits",
    Act.VARIATION: "images_variations",
}


def routes() -> list[Route]:
    """All routes of this dialect, under both prefixes."""
    found: list[Route] = []
    for dialect in DIALECTS:
        found += [
            route(f"{dialect.prefix}/images/generations", _generations(dialect), methods=["POST"]),
            route(f"{dialect.prefix}/images/edits", _from_pictures(dialect, Act.EDIT), methods=["POST"]),
            route(f"{dialect.prefix}/images/variations", _from_pictures(dialect, Act.VARIATION), methods=["POST"]),
            route(f"{dialect.prefix}/models", _models(dialect), methods=["GET"]),
            route(f"{dialect.prefix}/models/{{name:path}}", _model(dialect), methods=["GET"]),
            *quotes.routes(dialect),
            *tasks.routes(dialect),
            *files.routes(dialect),
        ]
    return found


def _generations(dialect: Dialect) -> Respond:
    async def generations(request: Request) -> Response:
        house = house_of(request)
        principal = await recognise(house, authorization=request.headers.get("authorization"))
        ask, manner = parse.generation(await request.body(), dialect=dialect)
        return await _painted(request, ask, manner, principal=principal, dialect=dialect)

    return generations


def _from_pictures(dialect: Dialect, act: Act) -> Respond:
    async def from_pictures(request: Request) -> Response:
        house = house_of(request)
        principal = await recognise(house, authorization=request.headers.get("authorization"))
        ask, manner = await intake.read(request, house=house, principal=principal, act=act, dialect=dialect)
        return await _painted(request, ask, manner, principal=principal, dialect=dialect)

    return from_pictures


async def _painted(request: Request, ask: Ask, manner: Manner, *, principal: Principal, dialect: Dialect) -> Response:
    house = house_of(request)
    default = dialect.response_format or house.catalog.model(ask.model).profile.response_format
    response_format = catalog_rules.response_format_for(ask, default=default)
    preferred = manners.preference(request.headers.get("prefer"))
    terms = manners.terms(
        ask,
        manner,
        preferred,
        headers=request.headers,
        dialect=dialect,
        kind=_KINDS[ask.act],
        as_links=response_format == "url" and not (manner.is_streamed and ask.response_format is None),
    )
    trace_id = manner.trace_id or trace_id_of(request.scope)
    if terms.is_async:
        submitted = await submit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
        wait = manners.wait_seconds(manner, preferred)
        return await _accepted(request, submitted, dialect=dialect, wait_seconds=wait, applied=preferred.applied)
    space = manners.keep_alive_seconds(request.headers, usual=house.keep_alive_seconds)
    if manner.is_streamed or space is not None or house.stops_for_leavers:
        seen = stream(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms, shows=manner.is_streamed)
        begun = await anext(seen)
        assert isinstance(begun, Begun)
        if not manner.is_streamed:
            return WaitedForResponse(ImagesBody(begun, dialect=dialect), seen, space_every_seconds=space)
        return EventsResponse(
            ImageEvents(begun, dialect=dialect),
            seen,
            headers=render.begun_headers(begun),
            comment_every_seconds=house.comment_seconds,
        )
    delivery = await generate(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    return PiecesResponse(
        render.result_pieces(delivery.result, trace_id=delivery.trace_id),
        media_type=_JSON,
        headers=render.delivery_headers(delivery),
    )


async def _accepted(
    request: Request, submitted: Submitted, *, dialect: Dialect, wait_seconds: float | None, applied: str
) -> Response:
    """The task's id at once. Of a task that was waited for, its answer, or else what there is to tell of it."""
    house, task = house_of(request), submitted.task
    if wait_seconds:
        task = await tasks.while_there(request, until_ended(house, task_id=task.id, seconds=wait_seconds))
    is_answer = bool(wait_seconds) and not task.is_open
    headers = render.submitted_headers(submitted, task=task, dialect=dialect, preference=applied, is_answer=is_answer)
    if is_answer:
        delivery = await delivery_of(house, task=task, admitted=None)
        return PiecesResponse(
            render.result_pieces(delivery.result, trace_id=task.trace_id),
            media_type=_JSON,
            headers=render.delivery_headers(replace(delivery, is_repeat=submitted.is_repeat)) | headers,
        )
    if wait_seconds is not None and not dialect.is_vendor:
        told = await tell(house, account_id=task.account_id, task_id=task.id)
        return tasks.task_response(house, told, dialect=dialect, status=dialect.accepted, headers=headers)
    return Response(render.submitted_body(task), status_code=dialect.accepted, media_type=_JSON, headers=headers)


def _models(dialect: Dialect) -> Respond:
    async def models(request: Request) -> Response:
        house = house_of(request)
        await authenticate(house, authorization=request.headers.get("authorization"))
        cards = [_card(house, model, dialect=dialect) for model in house.catalog.models()]
        return Response(orjson.dumps({"object": "list", "data": cards}), media_type=_JSON)

    return models


def _model(dialect: Dialect) -> Respond:
    async def model(request: Request) -> Response:
        house = house_of(request)
        await authenticate(house, authorization=request.headers.get("authorization"))
        card = _card(house, house.catalog.model(request.path_params["name"]), dialect=dialect)
        return Response(orjson.dumps(card), media_type=_JSON)

    return model


def _card(house: House, model: Model, *, dialect: Dialect) -> dict[str, Any]:
    engine = house.engines[model.engine].engine
    return render.model_card(
        model,
        formats=engine.formats(model.name),
        extras=engine.extras(model.name),
        images_max=engine.images_max,
        dialect=dialect,
    )
