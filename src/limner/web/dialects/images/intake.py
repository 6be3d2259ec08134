"""From a request for pictures from pictures to its `Ask`: a form with files, or JSON; the pictures are checked and kept."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from limner.domain.ask import Act, Ask
from limner.domain.principal import Principal
from limner.flow.house import House
from limner.flow.inputs import Wanted, check_ahead, with_pictures
from limner.web.dialects.images import parse
from limner.web.dialects.images.differences import DIALECTS, Dialect
from limner.web.dialects.images.parse import MalformedJson, Manner
from limner.web.uploads import form

FILES_MAX: Final = 18
"""Pictures of one request: sixteen to start from, a mask, a markup."""
JSON_BYTES_MAX: Final = 64 * 2**20
"""The largest body of JSON: a picture in it is a third larger than itself, and has to be in memory whole."""
_FIELDS_MAX: Final = 64
_FIELD_BYTES_MAX: Final = 24 * 2**20
_FORM_BYTES: Final = 2**20
_FORM: Final = "multipart/form-data"


def larger(*, file_bytes_max: int) -> dict[str, int]:
    """The paths that take larger bodies than others, and how large."""
    most = max(FILES_MAX * file_bytes_max + _FORM_BYTES, JSON_BYTES_MAX)
    return {
        f"{dialect.prefix}/images/{name}": most for dialect in DIALECTS for name in ("edits", "variations", "quote")
    }


async def read(
    request: Request, *, house: House, principal: Principal, act: Act, dialect: Dialect
) -> tuple[Ask, Manner]:
    """What the request asks for, its pictures among it, which are kept. Raises a `Problem` that names the field at fault."""
    return await _read(request, house=house, principal=principal, act=act, dialect=dialect)


async def look(request: Request, *, house: House, principal: Principal, dialect: Dialect) -> tuple[Ask, Manner]:
    """The same of a request for pictures from words or from pictures, which are looked at and not kept."""
    return await _read(request, house=house, principal=principal, act=None, dialect=dialect)


async def _read(
    request: Request, *, house: House, principal: Principal, act: Act | None, dialect: Dialect
) -> tuple[Ask, Manner]:
    keeps = act is not None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        async with form(
            request,
            bytes_max_each=house.files_policy.file_bytes_max,
            files_max=FILES_MAX,
            fields_max=_FIELDS_MAX,
            field_bytes_max=_FIELD_BYTES_MAX,
        ) as given:
            ask, manner, wanted = parse.edit_form(given, act=act or parse.act_of_form(given), dialect=dialect)
            return await _complete(house, ask, wanted, principal=principal, keeps=keeps), manner
    if kind == "application/x-www-form-urlencoded":
        raise MalformedJson("send a form as multipart/form-data, or JSON: this kind of form has no room for pictures")
    body = await _body(request)
    act = act or parse.act_of(body)
    if act is Act.GENERATION:
        return parse.generation(body, dialect=dialect)
    ask, manner, wanted = parse.edit(body, act=act, dialect=dialect)
    return await _complete(house, ask, wanted, principal=principal, keeps=keeps), manner


async def _body(request: Request) -> bytes:
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > JSON_BYTES_MAX:
            raise parse.JsonTooLarge(
                f"the JSON is larger than {JSON_BYTES_MAX // 2**20} MiB: send pictures as files of a form, or by links"
            )
        pieces.append(piece)
    return b"".join(pieces)


async def _complete(house: House, ask: Ask, wanted: Wanted, *, principal: Principal, keeps: bool) -> Ask:
    check_ahead(house, ask, wanted)
    return await with_pictures(house, ask, wanted, principal=principal, keeps=keeps)
