"""The routes of the chat door, the same under each prefix: the same acts as those of the Images API, in other shapes."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.catalog.models import Model
from limner.catalog.service import UnknownModel
from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.domain.problem import InvalidValue, Problem
from limner.flow.admit import authenticate, recognise
from limner.flow.deliver import FILES_PATH
from limner.flow.history import tell
from limner.flow.house import House
from limner.flow.inputs import Linked, PictureNotFetched, Reference, Wanted, check_ahead, with_pictures
from limner.flow.stream import Begun, stream
from limner.tasks.service import NoSuchTask
from limner.web.dialects.chat import parse
from limner.web.dialects.chat import render as chat_render
from limner.web.dialects.chat.parse import Ours, Source, Wish
from limner.web.dialects.images import intake, manners, render
from limner.web.dialects.images.differences import DIALECTS, Dialect
from limner.web.pieces import PiecesResponse
from limner.web.site import Respond, house_of, route
from limner.web.streaming import Body, Events, EventsResponse, WaitedForResponse
from limner.web.trace import trace_id_of

CHAT_KIND: Final = "chat_completions_image"
RESPONSES_KIND: Final = "responses_image"
_JSON: Final = "application/json"
_NO_WAITING: Final = manners.preference(None)
_PATHS: Final = ("/chat/completions", "/responses")


def routes() -> list[Route]:
    """All routes of this dialect, under both prefixes."""
    found: list[Route] = []
    for dialect in DIALECTS:
        found += [
            route(f"{dialect.prefix}{_PATHS[0]}", _chat(dialect), methods=["POST"]),
            route(f"{dialect.prefix}{_PATHS[1]}", _responses(dialect), methods=["POST"]),
            route(f"{dialect.prefix}{_PATHS[1]}/{{id}}", _response(dialect), methods=["GET"]),
        ]
    return found


def larger() -> dict[str, int]:
    """The paths that take larger bodies than others, and how large: pictures come inside them."""
    return {f"{dialect.prefix}{path}": intake.JSON_BYTES_MAX for dialect in DIALECTS for path in _PATHS}


def _chat(dialect: Dialect) -> Respond:
    async def chat(request: Request) -> Response:
        house = house_of(request)
        principal = await recognise(house, authorization=request.headers.get("authorization"))
        wish = parse.chat(await request.body(), dialect=dialect, ours=house.public_url + FILES_PATH)
        return await _answered(request, wish, principal=principal, dialect=dialect, kind=CHAT_KIND)

    return chat


def _responses(dialect: Dialect) -> Respond:
    async def responses(request: Request) -> Response:
        house = house_of(request)
        principal = await recognise(house, authorization=request.headers.get("authorization"))
        wish = parse.responses(await request.body(), dialect=dialect)
        return await _answered(request, wish, principal=principal, dialect=dialect, kind=RESPONSES_KIND)

    return responses


def _response(dialect: Dialect) -> Respond:
    async def response(request: Request) -> Response:
        house, id_ = house_of(request), request.path_params["id"]
        principal = await authenticate(house, authorization=request.headers.get("authorization"))
        task_id = parse.response_id(id_)
        told = await tell(house, account_id=principal.account_id, task_id=task_id) if task_id is not None else None
        if told is None or told.task.kind != RESPONSES_KIND:
            raise NoSuchTask(
                f"there is no response {id_[:80]}: check the id; they are seen by the account that made them"
            )
        pieces = chat_render.task_pieces(told, dialect=dialect)
        return PiecesResponse(pieces, media_type=_JSON, headers={"cache-control": "no-store"})

    return response


async def _answered(request: Request, wish: Wish, *, principal: Principal, dialect: Dialect, kind: str) -> Response:
    house = house_of(request)
    model = _model(house, wish.ask.model, dialect=dialect)
    space = manners.keep_alive_seconds(request.headers, usual=house.keep_alive_seconds)
    ask = await _complete(house, wish, model=model, principal=principal)
    terms = manners.terms(
        ask,
        wish.manner,
        _NO_WAITING,  # a preference for going away is passed over
        headers=request.headers,
        dialect=dialect,
        kind=kind,
        as_links=not wish.as_data,
    )
    trace_id = wish.manner.trace_id or trace_id_of(request.scope)
    is_chat, is_streamed = kind == CHAT_KIND, wish.manner.is_streamed
    shows = is_streamed and not is_chat
    seen = stream(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms, shows=shows)
    begun = await anext(seen)
    assert isinstance(begun, Begun)
    if is_streamed:
        events: Events = (
            chat_render.ChatEvents(begun, dialect=dialect, with_usage=wish.with_usage)
            if is_chat
            else chat_render.ResponseEvents(begun, dialect=dialect, wish=wish)
        )
        headers = render.begun_headers(begun)
        return EventsResponse(events, seen, headers=headers, comment_every_seconds=house.comment_seconds)
    body: Body = (
        chat_render.ChatBody(begun, dialect=dialect)
        if is_chat
        else chat_render.ResponseBody(begun, dialect=dialect, wish=wish)
    )
    return WaitedForResponse(body, seen, space_every_seconds=space)


def _model(house: House, name: str, *, dialect: Dialect) -> Model:
    try:
        return house.catalog.model(name)
    except UnknownModel as unknown:
        raise UnknownModel(
            f"{unknown.message}. This server paints: name an image model here, or use"
            f" POST {dialect.prefix}/images/generations; words come from other servers",
            param="model",
        ) from None


# pictures of the conversation --------------------------------------------------------------------------------------------


async def _complete(house: House, wish: Wish, *, model: Model, principal: Principal) -> Ask:
    """What is asked for, with the pictures that it starts from."""
    sources = _sources(house, wish, model=model)
    if not sources:
        return wish.ask
    images = tuple([await _reference(house, one, principal=principal) for one in sources])
    wanted = Wanted(images=images, mask=wish.mask)
    try:
        check_ahead(house, wish.ask, wanted)
    except Problem as problem:
        problem.param = wish.field
        raise
    return await with_pictures(house, wish.ask, wanted, principal=principal)


def _sources(house: House, wish: Wish, *, model: Model) -> tuple[Source, ...]:
    """Those of the last message; else the last that was answered, if there is one and the model can go on from it."""
    if wish.action == "generate":
        if wish.pictures:
            raise InvalidValue("action is generate, and there are pictures to start from", param="action")
        found: tuple[Source, ...] = ()
    elif wish.pictures:
        found = wish.pictures
    elif wish.earlier is not None and (wish.action == "edit" or _takes_pictures(house, model)):
        found = (wish.earlier,)
    else:
        found = ()
    if not found and wish.action == "edit":
        raise InvalidValue(f"action is edit, and there is no picture in {wish.field} to start from", param="action")
    if not found and wish.mask is not None:
        raise InvalidValue(
            f"there is a mask, and no picture in {wish.field} that it belongs to", param="input_image_mask"
        )
    return found


def _takes_pictures(house: House, model: Model) -> bool:
    return model.profile.images is not None and house.engines[model.engine].engine.images_max > 0


async def _reference(house: House, source: Source, *, principal: Principal) -> Reference:
    """Where to have it from: one of the account's own by a link of now, since that in the conversation may have expired."""
    if not isinstance(source, Ours):
        return source
    try:
        told = await tell(house, account_id=principal.account_id, task_id=source.task_id, links_only=True)
    except NoSuchTask:
        if source.url is None:
            raise InvalidValue(f"{source.param} is no picture of this account's", param=source.param) from None
        return Linked(param=source.param, url=source.url)  # somebody else's: the link must be good
    links = [image.url for image in told.result.images if image.url] if told.result else []
    if source.url is not None:
        name = source.url.partition("?")[0].rpartition("/")[2]
        links = [link for link in links if link.partition("?")[0].endswith(name)]
    elif told.deleted:
        links = []
    else:
        links = links[source.place :][:1]
    if not links:
        raise PictureNotFetched(
            f"the picture in {source.param} is not kept any more: begin a new conversation, or send it",
            param=source.param,
        )
    return Linked(param=source.param, url=links[0])
