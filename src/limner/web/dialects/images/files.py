"""Pictures that are given beforehand, to be named in later requests: /files as OpenAI and the vendor have it.

Whoever has a key of the account may; it costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner.domain.ask import FILE_ID_PREFIX
from limner.domain.principal import Principal
from limner.domain.problem import InvalidValue, MissingParameter, Problem, UnknownParameter
from limner.files.models import File, Order, Wanted
from limner.files.rules import extension_of
from limner.flow import files
from limner.flow.admit import authenticate
from limner.flow.checker import UnsupportedImage
from limner.flow.house import House
from limner.flow.inputs import file_id_of
from limner.web.dialects.images.differences import DIALECTS, Dialect
from limner.web.dialects.images.parse import InvalidType
from limner.web.files import file_response
from limner.web.site import Respond, house_of, route
from limner.web.uploads import Form, Upload, form

PATH: Final = "/files"
PURPOSE: Final = "vision"
"""What a file is for whose upload does not say."""
LIFE_SECONDS_MIN: Final = 3600
LIFE_SECONDS_MAX: Final = 2_592_000
LIST_MAX: Final = 1000
LIMIT_MAX: Final = 10_000
_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_NO_STORE: Final = {"cache-control": "no-store"}
_FORM_BYTES: Final = 1 << 20
_FIELDS_MAX: Final = 16
_FIELD_BYTES_MAX: Final = 4096
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_ANCHOR: Final = "expires_after[anchor]"
_SECONDS: Final = "expires_after[seconds]"
_FIELDS: Final = ("purpose", _ANCHOR, _SECONDS)
LIST_PARAMETERS: Final = {
    "after": "The id of a file: those that come after it.",
    "limit": f"How many, 1 to {LIMIT_MAX}; one answer has {LIST_MAX} at most.",
    "order": "desc, the newest first, or asc.",
    "purpose": "Only those of this purpose.",
}


def routes(dialect: Dialect) -> list[Route]:
    """The routes under one prefix."""
    base = dialect.prefix + PATH
    return [
        route(base, _upload(dialect), methods=["POST"]),
        route(f"{base}/", _upload(dialect), methods=["POST"]),
        route(f"{base}/upload", _upload(dialect), methods=["POST"]),
        route(base, _list(dialect), methods=["GET"]),
        route(f"{base}/", _list(dialect), methods=["GET"]),
        route(f"{base}/{{id}}", _one(dialect), methods=["GET"]),
        route(f"{base}/{{id}}", _delete, methods=["DELETE"]),
        route(f"{base}/{{id}}/content", _content, methods=["GET", "HEAD"]),
    ]


def larger(*, file_bytes_max: int) -> dict[str, int]:
    """The paths that take larger bodies than others, and how large."""
    return {dialect.prefix + PATH: file_bytes_max + _FORM_BYTES for dialect in DIALECTS}


async def _who_asks(request: Request) -> Principal:
    return await authenticate(house_of(request), authorization=request.headers.get("authorization"))


def _asked_id(request: Request) -> UUID:
    named = request.path_params["id"]
    try:
        return file_id_of(named, param="file_id")
    except files.NoSuchFile:
        raise files.no_such_file(named) from None


# uploading ---------------------------------------------------------------------------------------------------------------


def _upload(dialect: Dialect) -> Respond:
    async def upload(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise InvalidType(f"a file is uploaded as {_FORM}, in the part 'file'", param="file")
        async with form(
            request,
            bytes_max_each=house.files_policy.file_bytes_max,
            files_max=1,
            fields_max=_FIELDS_MAX,
            field_bytes_max=_FIELD_BYTES_MAX,
        ) as given:
            fields = _fields(given)
            purpose, life = _purpose(fields.get("purpose")), _life(fields.get(_ANCHOR), fields.get(_SECONDS))
            picture = _picture(given)
            try:
                file = await files.keep(
                    house,
                    account_id=principal.account_id,
                    path=picture.path,
                    name=picture.name,
                    purpose=purpose,
                    is_listed=True,
                    life=life,
                )
            except UnsupportedImage as refused:
                told = f"{refused.message}; files here are pictures to paint from, and nothing else"
                raise UnsupportedImage(told, param="file") from None
            except Problem as problem:
                problem.param = "file"
                raise
        return _answer({**_seen(dialect), **_record(house, file, dialect=dialect)})

    return upload


def _fields(given: Form) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in given.fields:
        if name == "file":
            raise InvalidValue("file must be a file of the form: give that part a file name", param="file")
        if name not in _FIELDS:
            raise UnknownParameter(
                f"there is no field '{name[:80]}': there is file, {', '.join(_FIELDS)}", param=name[:80]
            )
        if name in fields:
            raise InvalidValue(f"{name} is given twice: give it once", param=name)
        fields[name] = value
    return fields


def _purpose(given: str | None) -> str:
    purpose = given or PURPOSE
    if not _PURPOSE.fullmatch(purpose):
        raise InvalidValue("purpose must be a word such as vision or user_data", param="purpose")
    return purpose


def _life(anchor: str | None, seconds: str | None) -> timedelta | None:
    if not anchor and not seconds:
        return None
    if anchor != "created_at":
        raise InvalidValue(f"{_ANCHOR} must be created_at", param=_ANCHOR)
    if seconds is None or not re.fullmatch(r"[0-9]{1,9}", seconds, re.ASCII):
        raise InvalidValue(f"{_SECONDS} must be a whole number", param=_SECONDS)
    if not LIFE_SECONDS_MIN <= int(seconds) <= LIFE_SECONDS_MAX:
        raise InvalidValue(f"{_SECONDS} must be from {LIFE_SECONDS_MIN} to {LIFE_SECONDS_MAX}", param=_SECONDS)
    return timedelta(seconds=int(seconds))


def _picture(given: Form) -> Upload:
    if not given.files:
        raise MissingParameter("file is missing: send the picture as that part of the form", param="file")
    for name, picture in given.files:
        if name == "file":
            return picture
    name = given.files[0][0]
    raise UnknownParameter(f"there is no file '{name[:80]}': the picture goes into the part 'file'", param=name[:80])


# looking -----------------------------------------------------------------------------------------------------------------


def _list(dialect: Dialect) -> Respond:
    async def listed(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        which, limit = _asked(request.query_params.multi_items())
        page = await files.listed(house, account_id=principal.account_id, which=which, count=limit)
        records = [_record(house, file, dialect=dialect) for file in page.files]
        return _answer(
            {
                "object": "list",
                "data": records,
                "first_id": records[0]["id"] if records else None,
                "last_id": records[-1]["id"] if records else None,
                "has_more": page.has_more,
            }
        )

    return listed


def _asked(query: Iterable[tuple[str, str]]) -> tuple[Wanted, int]:
    given: dict[str, str] = {}
    for name, value in query:
        if name not in LIST_PARAMETERS:
            raise UnknownParameter(
                f"there is no parameter '{name[:80]}': there is {', '.join(LIST_PARAMETERS)}", param=name[:80]
            )
        given[name] = value
    limit = given.get("limit") or str(LIMIT_MAX)
    if not re.fullmatch(r"[0-9]{1,9}", limit, re.ASCII) or not 1 <= int(limit) <= LIMIT_MAX:
        raise InvalidValue(f"limit must be a whole number from 1 to {LIMIT_MAX}", param="limit")
    after = _after(given["after"]) if given.get("after") else None
    purpose = _purpose(given["purpose"]) if given.get("purpose") else None
    return Wanted(purpose=purpose, after=after, order=_order(given.get("order"))), min(int(limit), LIST_MAX)


def _after(given: str) -> UUID:
    try:
        return file_id_of(given, param="after")
    except files.NoSuchFile:
        raise InvalidValue(f"after must be the id of a file ({FILE_ID_PREFIX}...)", param="after") from None


def _order(given: str | None) -> Order:
    if given == "asc":
        return "asc"
    if given in {None, "", "desc"}:
        return "desc"
    raise InvalidValue("order must be asc or desc", param="order")


def _one(dialect: Dialect) -> Respond:
    async def one(request: Request) -> Response:
        house, principal = house_of(request), await _who_asks(request)
        file = await files.show(house, account_id=principal.account_id, id_=_asked_id(request))
        return _answer({**_seen(dialect), **_record(house, file, dialect=dialect)})

    return one


async def _content(request: Request) -> Response:
    house, principal = house_of(request), await _who_asks(request)
    file = await files.show(house, account_id=principal.account_id, id_=_asked_id(request))
    return file_response(request, await files.opened(house, file))


async def _delete(request: Request) -> Response:
    house, principal = house_of(request), await _who_asks(request)
    file = await files.remove(house, account_id=principal.account_id, id_=_asked_id(request))
    return _answer({"id": _named(file), "object": "file", "deleted": True})


# answers -----------------------------------------------------------------------------------------------------------------


def _answer(record: dict[str, Any]) -> Response:
    return Response(orjson.dumps(record), media_type=_JSON, headers=_NO_STORE)


def _named(file: File) -> str:
    return FILE_ID_PREFIX + file.id.hex


def _seen(dialect: Dialect) -> dict[str, Any]:
    return {"success": True} if dialect.is_vendor else {}


def _record(house: House, file: File, *, dialect: Dialect) -> dict[str, Any]:
    """A file in OpenAI's shape and what we know of the picture; for the vendor's programs, a link to it as well."""
    return {
        "id": _named(file),
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at.timestamp()),
        "expires_at": int(file.expires_at.timestamp()),
        "filename": file.name or f"{file.id.hex}.{extension_of(file.media_type)}",
        "purpose": file.purpose,
        "status": "processed",
        "media_type": file.media_type,
        "width": file.width,
        "height": file.height,
        **({"url": files.link_to(house, file)} if dialect.is_vendor else {}),
    }
