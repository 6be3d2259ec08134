"""The routes of the management API. Each is there with and without a slash at its end, as the vendor's clients differ.

A token acts for its own account: whatever has another's id is not there. What OpenAPI should know is in `openapi.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from limner.accounts.models import Account
from limner.domain.problem import InvalidValue, MissingParameter, NotOffered
from limner.flow import files, keys, platform
from limner.flow.history import count_all, tell_all
from limner.flow.house import House
from limner.flow.platform import NoSuchRecord
from limner.flow.redeem import redeem
from limner.flow.tokens import delete_token, make_token, manager_of, token_of, tokens_of, uploader_of
from limner.flow.usage import export, report
from limner.tasks.models import Filter
from limner.web.dialects.management import openapi, parse, render
from limner.web.dialects.management.render import StatusOf
from limner.web.site import Respond, house_of, route
from limner.web.uploads import form

BASE: Final = openapi.BASE
_JSON: Final = "application/json"
_CSV: Final = "text/csv; charset=utf-8"
_FRESH: Final = {"cache-control": "no-store"}
_PAGED: Final = ("limit", "offset")
_TIMES: Final = ("created_at_from", "created_at_to")
_OK: Final = 200
_FORM_BYTES: Final = 1 << 20
_PURPOSE: Final = "vision"

Manages: TypeAlias = Callable[["_Visit"], Awaitable[Response]]


class _Visit:
    """A request in the name of an account."""

    def __init__(self, request: Request, account: Account) -> None:
        self.request = request
        self.house: House = house_of(request)
        self.account = account
        self.query: Mapping[str, str] = dict(request.query_params)

    def id(self, what: str) -> UUID:
        """The id in the address. Raises `NoSuchRecord`."""
        return parse.id_in_path(self.request.path_params["id"], what=what)

    async def body(self, *known: str) -> dict[str, object]:
        """The fields that were sent; `application_id` must be the account's own. Raises `NoSuchRecord`, `InvalidValue`."""
        found = parse.body(await self.request.body(), known=known)
        if parse.id_in(found, "application_id") not in {None, self.account.id}:
            raise NoSuchRecord(f"there is no application {found['application_id']}")
        return found

    def is_elsewhere(self) -> bool:
        """Whether the query asks for what another account has: there is nothing of it."""
        return parse.id_in(self.query, "application_id") not in {None, self.account.id}


def routes(*, statuses: Mapping[str, int]) -> list[Route]:
    """All of them. `statuses`: by which HTTP status the vendor tells a trouble, by our code."""
    paths = _paths(lambda code: statuses.get(code, 500), statuses)
    return [
        *(
            route(BASE + path + end, _managed(by_method), methods=[*by_method])
            for path, by_method in paths.items()
            for end in ("/", "")
        ),
        route(openapi.DOCUMENT, _document, methods=["GET"]),
    ]


def _managed(by_method: Mapping[str, Manages]) -> Respond:
    async def respond(request: Request) -> Response:
        authorization = request.headers.get("authorization")
        account = await (uploader_of if by_method is _FILES else manager_of)(
            house_of(request), authorization=authorization
        )
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](_Visit(request, account))

    return respond


def _paths(status_of: StatusOf, statuses: Mapping[str, int]) -> dict[str, Mapping[str, Manages]]:
    calls = functools.partial(_calls, statuses=statuses, status_of=status_of)
    return {
        "/services": {"GET": _services},
        "/services/{id}": {"GET": _service},
        "/applications": {"GET": _applications, "POST": _apply},
        "/applications/{id}": {"GET": _application},
        "/credentials": {"GET": _credentials, "POST": _make_credential},
        "/credentials/{id}": {"GET": _credential, "DELETE": _delete_credential},
        "/credentials/{id}/rotate": {"POST": _rotate_credential},
        "/usage/apis": {"GET": calls},
        "/usage/apis/aggregate": {"GET": _aggregate},
        "/usage/apis/status-codes": {"GET": functools.partial(_status_codes, status_of=status_of)},
        "/usage/apis/export": {"GET": _export},
        "/orders": {"GET": _orders, "POST": _make_order},
        "/orders/{id}": {"GET": _order},
        "/orders/{id}/pay": {"POST": _pay},
        "/orders/{id}/refresh": {"POST": _order},
        "/platform-tokens": {"GET": _tokens, "POST": _make_token},
        "/platform-tokens/{id}": {"GET": _token, "DELETE": _delete_token},
        "/models": {"GET": _models},
        "/files": _FILES,
    }


def larger(*, file_bytes_max: int) -> dict[str, int]:
    """The paths that take larger bodies than others, and how large."""
    return {f"{BASE}/files": file_bytes_max + _FORM_BYTES}


def _answer(content: bytes, *, status: int = _OK) -> Response:
    return Response(content, status_code=status, media_type=_JSON, headers=_FRESH)


def _part(items: Sequence[object], visit: _Visit) -> Response:
    """The part of a short list that is asked for."""
    page = parse.page(visit.query)
    return _answer(render.listed(items[page.offset : page.offset + page.limit], count=len(items)))


# files -------------------------------------------------------------------------------------------------------------------


async def _upload(visit: _Visit) -> Response:
    """A picture for later requests, which are made with a key of the account; they name it by its id or its link."""
    if not visit.request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidValue("a file is uploaded as multipart/form-data, in the part 'file'", param="file")
    async with form(
        visit.request,
        bytes_max_each=visit.house.files_policy.file_bytes_max,
        files_max=1,
        fields_max=1,
        field_bytes_max=_FORM_BYTES,
    ) as given:
        if not given.files:
            raise MissingParameter("file is missing: send the picture as that part of the form", param="file")
        (name, picture), *_ = given.files
        if name != "file":
            raise InvalidValue("the picture goes into the part 'file'", param=name[:80])
        file = await files.keep(
            visit.house,
            account_id=visit.account.id,
            path=picture.path,
            name=picture.name,
            purpose=_PURPOSE,
            is_listed=True,
        )
    return _answer(render.file(file, url=files.link_to(visit.house, file)), status=201)


_FILES: Final[Mapping[str, Manages]] = {"POST": _upload}


# services and applications -----------------------------------------------------------------------------------------------


async def _services(visit: _Visit) -> Response:
    parse.check_names(visit.query, _PAGED)
    return _part([render.service(free=visit.house.free_credits)], visit)


async def _service(visit: _Visit) -> Response:
    if visit.id("service") != render.SERVICE_ID:
        raise NoSuchRecord(f"there is no service {visit.id('service')}")
    return _answer(render.dumped(render.service(free=visit.house.free_credits)))


async def _applications(visit: _Visit) -> Response:
    parse.check_names(visit.query, (*_PAGED, "service_id"))
    is_ours = parse.id_in(visit.query, "service_id") in {None, render.SERVICE_ID}
    return _part([await _stands(visit)] if is_ours else [], visit)


async def _apply(visit: _Visit) -> Response:
    """The account is the application: there is one, and the first time brings its free credits."""
    body = await visit.body("service_id")
    if parse.id_in(body, "service_id") not in {None, render.SERVICE_ID}:
        raise NoSuchRecord(f"there is no service {body['service_id']}")
    is_first = await platform.apply(visit.house, account_id=visit.account.id)
    return _answer(render.dumped(await _stands(visit)), status=201 if is_first else _OK)


async def _application(visit: _Visit) -> Response:
    if visit.id("application") != visit.account.id:
        raise NoSuchRecord(f"there is no application {visit.id('application')}")
    return _answer(render.dumped(await _stands(visit)))


async def _stands(visit: _Visit) -> dict[str, object]:
    return render.application(visit.account, await platform.standing(visit.house, account_id=visit.account.id))


# credentials -------------------------------------------------------------------------------------------------------------


async def _credentials(visit: _Visit) -> Response:
    parse.check_names(visit.query, (*_PAGED, "application_id", "host", "granted"))
    found = [] if visit.is_elsewhere() else await keys.keys_of(visit.house, account_id=visit.account.id)
    return _part([render.credential(use) for use in found], visit)


async def _make_credential(visit: _Visit) -> Response:
    body = await visit.body("application_id", "name", "limited_amount", "expired_at")
    may = keys.KeyLimits(
        spend_limit=parse.amount(body, "limited_amount"), expires_at=parse.moment(body.get("expired_at"), "expired_at")
    )
    name = parse.text(body, "name", default="credential")
    issued = await keys.make_key(visit.house, account_id=visit.account.id, name=name, may=may)
    use = await keys.key_of(visit.house, account_id=visit.account.id, key_id=issued.key.id)
    return _answer(render.dumped(render.new_credential(issued, use)), status=201)


async def _credential(visit: _Visit) -> Response:
    use = await keys.key_of(visit.house, account_id=visit.account.id, key_id=visit.id("credential"))
    return _answer(render.dumped(render.credential(use)))


async def _delete_credential(visit: _Visit) -> Response:
    await keys.delete_key(visit.house, account_id=visit.account.id, key_id=visit.id("credential"))
    return Response(status_code=204, headers=_FRESH)


async def _rotate_credential(visit: _Visit) -> Response:
    await visit.body()
    id_ = visit.id("credential")
    issued = await keys.rotate_key(visit.house, account_id=visit.account.id, key_id=id_, old_lives="now")
    use = await keys.key_of(visit.house, account_id=visit.account.id, key_id=id_)
    return _answer(render.dumped(render.new_credential(issued, use)))


# usage -------------------------------------------------------------------------------------------------------------------


async def _calls(visit: _Visit, *, statuses: Mapping[str, int], status_of: StatusOf) -> Response:
    known = (*_PAGED, *_TIMES, "api_id", "application_id", "credential_id", "status_code")
    parse.check_names(visit.query, known)
    page, which = parse.page(visit.query), _which(visit, statuses=statuses)
    if which is None:
        return _answer(render.listed([], count=0))
    house, account_id = visit.house, visit.account.id
    found = await tell_all(house, account_id=account_id, which=which, count=page.limit, offset=page.offset)
    count = await count_all(house, account_id=account_id, which=which)
    return _answer(render.listed([render.call(one.task, status_of=status_of) for one in found], count=count))


def _which(visit: _Visit, *, statuses: Mapping[str, int]) -> Filter | None:
    """Which tasks are asked for; None: none can be."""
    if visit.is_elsewhere() or parse.id_in(visit.query, "api_id") not in {None, render.API_ID}:
        return None
    which = Filter(
        api_key_id=parse.id_in(visit.query, "credential_id"),
        created_from=parse.moment(visit.query.get("created_at_from"), "created_at_from"),
        created_to=parse.moment(visit.query.get("created_at_to"), "created_at_to"),
    )
    code = parse.status_code(visit.query)
    if code is None:
        return which
    chosen: dict[str, tuple[str, ...]]
    if code == _OK:
        chosen = {"statuses": ("succeeded", "expired")}
    elif code == 202:  # noqa: PLR2004 - what is under way is answered so
        chosen = {"statuses": ("queued", "running")}
    else:
        chosen = {"error_codes": tuple(sorted(name for name, status in statuses.items() if status == code))}
    return Filter(
        api_key_id=which.api_key_id,
        created_from=which.created_from,
        created_to=which.created_to,
        statuses=chosen.get("statuses"),
        error_codes=chosen.get("error_codes"),
    )


async def _aggregate(visit: _Visit) -> Response:
    parse.check_names(visit.query, (*_TIMES, "application_id"))
    span = parse.span(visit.query, now=visit.house.clock.now())
    if visit.is_elsewhere():
        return _answer(render.listed([], count=0))
    return _answer(render.days(await report(visit.house, account_id=visit.account.id, span=span)))


async def _status_codes(visit: _Visit, *, status_of: StatusOf) -> Response:
    parse.check_names(visit.query, (*_TIMES, "application_id"))
    span = parse.span(visit.query, now=visit.house.clock.now())
    if visit.is_elsewhere():
        return _answer(render.listed([], count=0))
    told = await report(visit.house, account_id=visit.account.id, span=span)
    return _answer(render.status_codes(told, status_of=status_of))


async def _export(visit: _Visit) -> Response:
    parse.check_names(visit.query, _TIMES)
    span = parse.span(visit.query, now=visit.house.clock.now())
    headers = _FRESH | {"content-disposition": f'attachment; filename="usage-{span.since:%Y-%m-%d}.csv"'}
    if visit.request.method == "HEAD":
        return Response(media_type=_CSV, headers=headers)
    lines = export(visit.house, account_id=visit.account.id, span=span)
    return StreamingResponse(lines, media_type=_CSV, headers=headers)


# orders ------------------------------------------------------------------------------------------------------------------


async def _orders(visit: _Visit) -> Response:
    parse.check_names(visit.query, (*_PAGED, "application_id"))
    page = parse.page(visit.query)
    if visit.is_elsewhere():
        return _answer(render.listed([], count=0))
    found, count = await platform.given(visit.house, account_id=visit.account.id, count=page.limit, offset=page.offset)
    return _answer(render.listed([render.order(entry) for entry in found], count=count))


async def _make_order(visit: _Visit) -> Response:
    """Credits are not sold here: an order is a redeem code that is redeemed."""
    body = await visit.body("application_id", "package_id", "code")
    if parse.id_in(body, "package_id") not in {None, render.PACKAGE_ID}:
        raise NoSuchRecord(f"there is no package {body['package_id']}")
    redeemed = await redeem(visit.house, account_id=visit.account.id, code=parse.text(body, "code"))
    entry = await platform.given_once(visit.house, account_id=visit.account.id, entry_id=redeemed.entry_id)
    return _answer(render.dumped(render.order(entry)), status=201)


async def _order(visit: _Visit) -> Response:
    entry = await platform.given_once(visit.house, account_id=visit.account.id, entry_id=visit.id("order"))
    return _answer(render.dumped(render.order(entry)))


async def _pay(visit: _Visit) -> Response:
    await platform.given_once(visit.house, account_id=visit.account.id, entry_id=visit.id("order"))
    raise NotOffered(f"nothing is paid for here: redeem a code with POST {BASE}/orders/")


# tokens and models -------------------------------------------------------------------------------------------------------


async def _tokens(visit: _Visit) -> Response:
    parse.check_names(visit.query, _PAGED)
    found = await tokens_of(visit.house, account_id=visit.account.id)
    return _part([render.token(token) for token in found], visit)


async def _make_token(visit: _Visit) -> Response:
    body = await visit.body("name", "expiration")
    issued = await make_token(
        visit.house,
        account_id=visit.account.id,
        name=parse.text(body, "name", default="platform token"),
        expires_at=parse.moment(body.get("expiration"), "expiration"),
    )
    return _answer(render.dumped(render.new_token(issued)), status=201)


async def _token(visit: _Visit) -> Response:
    found = await token_of(visit.house, account_id=visit.account.id, token_id=visit.id("platform token"))
    return _answer(render.dumped(render.token(found)))


async def _delete_token(visit: _Visit) -> Response:
    await delete_token(visit.house, account_id=visit.account.id, token_id=visit.id("platform token"))
    return Response(status_code=204, headers=_FRESH)


async def _models(visit: _Visit) -> Response:
    parse.check_names(visit.query, ())
    return _answer(render.models(visit.house.catalog.models()))


async def _document(_request: Request) -> Response:
    return Response(_written(), media_type=_JSON)


@functools.cache
def _written() -> bytes:
    return orjson.dumps(openapi.document())
