"""The pictures that a request comes with: had from wherever they are, checked and kept, and given to whoever paints.

A picture may come as a part of a form, inside the request's JSON, by its link, or as a file of the account's that is kept
already. Whatever the way, it becomes a file in storage before there is a task, so that any node can perform that.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import parse_qs, urljoin, urlsplit
from uuid import UUID

from limner.domain.ask import FILE_ID_PREFIX, Ask, Given
from limner.domain.principal import Principal
from limner.domain.problem import InvalidValue, Problem
from limner.domain.spec import Source, Spec
from limner.files.models import File
from limner.flow import files
from limner.flow.deliver import FILES_PATH
from limner.flow.fetch import fetch
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.kit.memory import joined
from limner.kit.outbound import AddressRefusedError, Answer, CallFailedError
from limner.storage import FileMissing
from limner.tasks.models import Task

PURPOSE: Final = "input"
"""What the files of pictures are for that came inside a request."""
_DATA_URL: Final = re.compile(r"data:([a-z0-9.+/-]{0,60})((?:;[a-z0-9.=+/-]{0,60})*),", re.IGNORECASE | re.ASCII)
_FETCH_SECONDS: Final = 30.0
_REDIRECTS_MAX: Final = 3
_AT_ONCE: Final = 4
_GOOD: Final = range(200, 300)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class InvalidPictureUrl(Problem):
    """A link to a picture that this server may not, or cannot, follow."""

    code = "invalid_picture_url"
    status = 400


class PictureNotFetched(Problem):
    """A link to a picture did not lead to one."""

    code = "picture_not_fetched"
    status = 400


class InvalidBase64(Problem):
    """A picture in a data URL that is no base64."""

    code = "invalid_base64_image"
    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A part of a form, on disk while the request is under way. `param`: the field that it came in."""

    param: str
    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A data URL."""

    param: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An address where a picture lies."""

    param: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of the account's."""

    param: str
    file_id: UUID


Reference: TypeAlias = Uploaded | Inline | Linked | Kept
"""A picture that is yet to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The pictures of a request."""

    images: tuple[Reference, ...] = ()
    mask: Reference | None = None
    markup: Reference | None = None


NONE_WANTED: Final = Wanted()


def reference_of(text: str, *, param: str) -> Reference:
    """What a text refers to. Raises `InvalidValue` for one that cannot be a picture's."""
    start = text[:8].lower()
    if start.startswith("data:"):
        return Inline(param=param, text=text)
    if start.startswith(("http://", "https://")):
        return Linked(param=param, url=text)
    if text.startswith(FILE_ID_PREFIX):
        return Kept(param=param, file_id=file_id_of(text, param=param))
    raise InvalidValue(
        f"{param} must be an https link, a data URL (data:image/png;base64,...) or the id of a file ({FILE_ID_PREFIX}...)",
        param=param,
    )


def file_id_of(text: str, *, param: str) -> UUID:
    """The id behind `file-...`. Raises `NoSuchImageFile`: what is no id of ours is nobody's file."""
    try:
        return UUID(text.removeprefix(FILE_ID_PREFIX))
    except ValueError:
        raise files.NoSuchImageFile(f"there is no file '{text[:80]}'", param=param) from None


async def with_pictures(house: House, ask: Ask, wanted: Wanted, *, principal: Principal, keeps: bool = True) -> Ask:
    """The request with its pictures; unless it `keeps` them, they are looked at and forgotten. Raises a `Problem` that names the field at fault."""
    if wanted == NONE_WANTED:
        return ask
    others = [one for one in (wanted.mask, wanted.markup) if one is not None]
    given = list(await gather(house, principal=principal, wanted=(*wanted.images, *others), keeps=keeps))
    markup = given.pop() if wanted.markup is not None else None
    mask = given.pop() if wanted.mask is not None else None
    return replace(ask, images=tuple(given), mask=mask, markup=markup)


def check_ahead(house: House, ask: Ask, wanted: Wanted) -> None:
    """Refuse what cannot be done whatever the pictures are, before any is had. Raises a `Problem`."""
    if wanted == NONE_WANTED:
        return
    model = house.catalog.model(ask.model)
    most = house.engines[model.engine].engine.images_max
    if most == 0:
        raise InvalidValue(
            f"the engine behind the model '{model.name}' starts from words alone, not from pictures", param="image"
        )
    if len(wanted.images) > most:
        raise InvalidValue(
            f"the engine behind the model '{model.name}' starts from {most} pictures at most, not {len(wanted.images)}",
            param="image",
        )


async def gather(
    house: House, *, principal: Principal, wanted: Sequence[Reference], keeps: bool = True
) -> tuple[Given, ...]:
    """Have the pictures and check them, and keep them if it `keeps`; in their order. Raises a `Problem` that names the field at fault."""
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(reference: Reference) -> Given:
        async with few:
            try:
                return await _had(house, reference, account_id=principal.account_id, keeps=keeps)
            except Problem as problem:
                problem.param = reference.param
                raise

    try:
        async with asyncio.TaskGroup() as group:
            having = [group.create_task(one(reference)) for reference in wanted]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return tuple(had.result() for had in having)


def given_of(file: File) -> Given:
    """A file as a request names it."""
    return Given(
        file_id=file.id,
        media_type=file.media_type,
        bytes=file.bytes,
        width=file.width,
        height=file.height,
        sha256=file.sha256,
        alpha=file.alpha,
        url=file.url,
        notes=tuple(file.notes),
    )


async def _had(house: House, reference: Reference, *, account_id: UUID, keeps: bool) -> Given:
    have = _keep if keeps else _look
    match reference:
        case Kept(file_id=file_id):
            (file,) = await files.files_of(house, account_id=account_id, ids=[file_id])
            return given_of(file)
        case Uploaded(path=path, name=name):
            return await have(house, path, account_id=account_id, name=name)
        case Inline(text=text):
            async with _lying(await asyncio.to_thread(_decoded, text)) as path:
                return await have(house, path, account_id=account_id)
        case Linked(url=url):
            async with _lying(await _fetched(house, url)) as path:
                name = urlsplit(url).path.rpartition("/")[2]
                return await have(house, path, account_id=account_id, name=name, url=url)


async def _keep(house: House, path: Path, *, account_id: UUID, name: str = "", url: str | None = None) -> Given:
    file = await files.keep(
        house, account_id=account_id, path=path, name=name, purpose=PURPOSE, is_listed=False, url=url
    )
    return given_of(file)


async def _look(house: House, path: Path, *, account_id: UUID, name: str = "", url: str | None = None) -> Given:  # noqa: ARG001 - as those that are kept
    policy = house.files_policy
    checked = await house.checker.checked(path, bytes_max=policy.file_bytes_max, pixels_max=policy.pixels_max)
    return Given(
        file_id=uuid7(),
        media_type=checked.media_type,
        bytes=checked.bytes,
        width=checked.width,
        height=checked.height,
        sha256=checked.sha256,
        alpha=checked.alpha,
        notes=checked.notes,
    )


@asynccontextmanager
async def _lying(data: bytes) -> AsyncGenerator[Path]:
    """The bytes on disk, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="limner-") as folder:
        path = Path(folder) / "picture"
        await asyncio.to_thread(path.write_bytes, data)
        del data
        yield path


def _decoded(text: str) -> bytes:
    head = _DATA_URL.match(text[:400])
    if head is None or ";base64" not in head[2].lower():
        raise InvalidBase64("a data URL must begin like data:image/png;base64, and go on in base64")
    try:
        return base64.b64decode(text[head.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise InvalidBase64("what follows data:...;base64, is not base64") from None


async def _fetched(house: House, url: str) -> bytes:
    ours = house.public_url + FILES_PATH
    if url.startswith(ours):
        return await _own(house, url)
    answer = await _got(house, url)
    for _ in range(_REDIRECTS_MAX):
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            break
        url = urljoin(url, answer.headers["location"])
        answer = await _got(house, url)
    if answer.status not in _GOOD:
        raise PictureNotFetched(f"the link answers {answer.status}: give one that leads to a picture")
    return answer.body


async def _got(house: House, url: str) -> Answer:
    try:
        await house.outbound.open()
        return await house.outbound.get(
            url,
            seconds=_FETCH_SECONDS,
            bytes_max=house.files_policy.file_bytes_max,
            headers={"accept": "image/png, image/jpeg, image/webp, image/gif"},
        )
    except AddressRefusedError as refused:
        raise InvalidPictureUrl(f"the link is not followed: {refused.message}") from None
    except CallFailedError as failed:
        raise PictureNotFetched(f"the picture could not be fetched: {failed.message}") from None


async def _own(house: House, url: str) -> bytes:
    """A picture that we have linked to ourselves: it need not be fetched from us."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = parts.path.removeprefix(urlsplit(house.public_url).path)
    found = await fetch(
        house,
        path=path,
        expiry=query.get("se", ""),
        permission=query.get("sp", ""),
        signature=query.get("sig", ""),
    )
    return await joined(found.read(start=0, end=found.length), length=found.length)


async def furnished(house: House, *, task: Task, spec: Spec) -> Spec:
    """The spec with the pictures of the task's request, as they are kept. Raises `FileMissing` when they are gone."""
    if "image" not in task.request:
        return spec
    ask = Ask.of(task.request)
    given = [*ask.images, *(one for one in (ask.mask, ask.markup) if one is not None)]
    try:
        found = await files.files_of(house, account_id=task.account_id, ids=_ids(given), for_task=True)
        kept = {file.id: file for file in found}
        sources = {
            id_: Source(data=await files.read(house, file), media_type=file.media_type) for id_, file in kept.items()
        }
    except files.NoSuchFile:
        raise FileMissing("the pictures that the task starts from are gone: give them again") from None
    return replace(
        spec,
        images=tuple(sources[one.file_id] for one in ask.images),
        mask=sources[ask.mask.file_id] if ask.mask is not None else None,
        markup=sources[ask.markup.file_id] if ask.markup is not None else None,
    )


def _ids(given: Sequence[Given]) -> list[UUID]:
    return list(dict.fromkeys(one.file_id for one in given))
