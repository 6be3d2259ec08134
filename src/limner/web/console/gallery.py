"""The gallery: the account's pictures, each with a page of its own, and the pages by which pictures are shared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, get_args
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from limner.accounts import service as accounts
from limner.accounts.models import ApiKey
from limner.catalog.models import Profile
from limner.catalog.service import UnknownModel
from limner.flow.files import link_to
from limner.flow.gallery import Hung, browse, delete_picture, picture, pictures_of
from limner.flow.history import tell
from limner.flow.share import LIFETIMES, on_show, revoke, share, shared_file, shares_of
from limner.flow.starting import Start, start_of_task
from limner.images.models import Shape, Wanted
from limner.images.service import NoSuchPicture, NoSuchShare
from limner.tasks.service import NoSuchTask
from limner.web.console.api import models_from_pictures, start_with
from limner.web.console.visit import Page, Visit, page
from limner.web.files import file_response

_FILTERS: Final = ("q", "model", "shape", "key", "from", "to")
_LIFE: Final = "7d"
_YEARS: Final = range(1970, 9000)
_SVG: Final = "image/svg+xml"
_INDEX: Final = re.compile(r"[0-9]{1,4}", re.ASCII)


def pages() -> list[Page]:
    """One's own pictures are for oneself; what was shared is for whoever has the link."""
    one = "/gallery/{task}/{index}"
    return [
        page("/gallery", _gallery, needs="account"),
        page(one, _one, needs="account"),
        page(f"{one}/edit", _edit, needs="account", methods=("POST",)),
        page(f"{one}/delete", _delete, needs="account", methods=("POST",)),
        page(f"{one}/shares", _share, needs="account", methods=("POST",)),
        page(f"{one}/shares/{{share}}/revoke", _revoke, needs="account", methods=("POST",)),
        page("/s/{token}", _shared, needs="anyone"),
        page("/s/{token}/picture", _shared_file, needs="anyone"),
    ]


# the wall ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form says; a text that means nothing is as if it were not there."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The field; "" if it is empty."""
        return self.fields.get(name, "")

    @property
    def is_any(self) -> bool:
        """Whether it asks for something in particular."""
        return bool(self.fields)

    @property
    def filters(self) -> int:
        """How many there are beside the words."""
        return len(self.fields.keys() - {"q"})

    def wanted(self, *, zone: str) -> Wanted:
        """The same for the gallery. Days begin at midnight where the reader is."""
        shape = self["shape"]
        last = _day(self["to"])
        return Wanted(
            words=self["q"],
            model=self["model"] or None,
            api_key_id=_uuid(self["key"]),
            shape=next((one for one in get_args(Shape) if one == shape), None),
            created_from=_midnight(_day(self["from"]), zone=zone),
            created_to=_midnight(None if last is None else last + timedelta(days=1), zone=zone),
        )

    def path(self, after: str) -> str:
        """Where the pictures are that come next."""
        return f"/gallery?{urlencode({**self.fields, 'after': after})}"


async def _gallery(visit: Visit) -> Response:
    asked = Asked(fields={name: visit.query(name).strip() for name in _FILTERS if visit.query(name).strip()})
    after = visit.query("after") or None
    wall = await browse(visit.house, account_id=visit.account_id, which=asked.wanted(zone=visit.zone), after=after)
    shown: dict[str, Any] = {"wall": wall, "asked": asked, "next": asked.path(wall.after) if wall.after else None}
    if visit.is_partial:
        return visit.part("gallery.html", "more" if after else "wall", **shown)
    async with visit.house.database.statement() as tx:
        keys = await accounts.keys_of(tx, account_id=visit.account_id)
    models = [model.name for model in visit.house.catalog.models()]
    return await visit.page("gallery.html", **shown, keys=keys, models=models)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # At the ends of the calendar there is no day after, and no midnight in every zone.
    return day if day.year in _YEARS else None


def _midnight(day: date | None, *, zone: str) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), tzinfo=ZoneInfo(zone))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# one picture -------------------------------------------------------------------------------------------------------------


async def _one(visit: Visit) -> Response:
    task_id, index = _ids(visit)
    hung = await picture(visit.house, account_id=visit.account_id, task_id=task_id, index=index)
    siblings = await pictures_of(visit.house, account_id=visit.account_id, task_id=task_id)
    start = await _start(visit, task_id)
    async with visit.house.database.statement() as tx:
        keys = {key.id: key for key in await accounts.keys_of(tx, account_id=visit.account_id, and_deleted=True)}
    return await visit.page(
        "picture.html",
        **await _shares(visit, hung),
        siblings=siblings,
        start=[(file, link_to(visit.house, file)) for file in start.images],
        mask=link_to(visit.house, start.mask) if start.mask is not None else None,
        may_edit=hung.image.media_type != _SVG and bool(models_from_pictures(visit)),
        profile=_profile(visit, hung.image.origin.model),
        key=_key_of(hung, keys),
    )


def _key_of(hung: Hung, keys: Mapping[UUID, ApiKey]) -> ApiKey | None:
    id_ = hung.image.origin.api_key_id
    return None if id_ is None else keys.get(id_)


def _profile(visit: Visit, model: str) -> Profile | None:
    """What the model takes; None: it is not on offer any more."""
    try:
        return visit.house.catalog.model(model).profile
    except UnknownModel:
        return None


async def _shares(visit: Visit, hung: Hung, *, life: str = _LIFE) -> dict[str, Any]:
    image = hung.image
    shares = await shares_of(visit.house, account_id=visit.account_id, task_id=image.task_id, index=image.index)
    return {"hung": hung, "image": image, "shares": shares, "life": life}


async def _start(visit: Visit, task_id: UUID) -> Start:
    """What the picture was made from, of what is still there."""
    try:
        told = await tell(visit.house, task_id=task_id, account_id=visit.account_id, links_only=True)
    except NoSuchTask:
        return Start()
    return await start_of_task(visit.house, task=told.task)


async def _edit(visit: Visit) -> Response:
    """On to the form, which starts from this picture."""
    task_id, index = _ids(visit)
    return visit.redirect(await start_with(visit, task_id=task_id, index=index))


async def _delete(visit: Visit) -> Response:
    task_id, index = _ids(visit)
    await delete_picture(visit.house, account_id=visit.account_id, task_id=task_id, index=index)
    return visit.redirect("/gallery")


async def _share(visit: Visit) -> Response:
    task_id, index = _ids(visit)
    life = await visit.field("life")
    await share(
        visit.house,
        account_id=visit.account_id,
        task_id=task_id,
        index=index,
        life=LIFETIMES.get(life, LIFETIMES[_LIFE]),
        shows_prompt=bool(await visit.field("prompt")),
    )
    return await _shares_again(visit, task_id=task_id, index=index)


async def _revoke(visit: Visit) -> Response:
    task_id, index = _ids(visit)
    share_id = _uuid(visit.request.path_params["share"])
    if share_id is None:
        raise NoSuchShare("there is no such share")
    await revoke(visit.house, account_id=visit.account_id, share_id=share_id)
    return await _shares_again(visit, task_id=task_id, index=index)


async def _shares_again(visit: Visit, *, task_id: UUID, index: int) -> Response:
    if not visit.is_partial:
        return visit.redirect(f"/gallery/{task_id}/{index}#shares")
    hung = await picture(visit.house, account_id=visit.account_id, task_id=task_id, index=index)
    return visit.part("picture.html", "shares", **await _shares(visit, hung))


def _ids(visit: Visit) -> tuple[UUID, int]:
    task_id, index = _uuid(visit.request.path_params["task"]), visit.request.path_params["index"]
    if task_id is None or not _INDEX.fullmatch(index):
        raise NoSuchPicture("there is no such picture here")
    return task_id, int(index)


# what is shared ----------------------------------------------------------------------------------------------------------


async def _shared(visit: Visit) -> Response:
    token = visit.request.path_params["token"]
    shown = await on_show(visit.house, token=token)
    return await visit.page("shared.html", shown=shown, token=token, link=f"{visit.house.public_url}/s/{token}")


async def _shared_file(visit: Visit) -> Response:
    file = await shared_file(visit.house, token=visit.request.path_params["token"])
    return visit.dressed(file_response(visit.request, file))
