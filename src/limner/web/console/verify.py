"""`/verify`: what a picture file says of where it comes from; and the certificate by which others can tell what is ours."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.responses import Response

from limner.flow.history import tell
from limner.flow.verify import UnreadableError, Verified, credentials_of, roots_of
from limner.tasks.service import NoSuchTask
from limner.web.console.bodies import visible
from limner.web.console.visit import Page, Visit, page
from limner.web.door import UnknownPath

FILE_BYTES_MAX: Final = 50 * 1024 * 1024
_FORM_BYTES: Final = 64 * 1024
_CHECK: Final = "/verify-file"
LARGER: Final = MappingProxyType({_CHECK: FILE_BYTES_MAX + _FORM_BYTES})
"""Files go to a path of their own: the links in mails begin with /verify/, and anybody may send something there."""


def pages() -> list[Page]:
    """For everybody who is signed in."""
    return [
        page("/verify", _show, needs="account"),
        page("/verify/ca.pem", _root, needs="account"),
        page(_CHECK, _show, needs="account"),  # where one is after a file: to load it again, in the other language
        page(_CHECK, _check, needs="account", methods=("POST",)),
    ]


async def _show(visit: Visit) -> Response:
    return await _shown(visit)


async def _check(visit: Visit) -> Response:
    file = (await visit.form()).get("file")
    if not isinstance(file, UploadFile):
        return await _shown(visit, wrong=visit.words.gettext("Choose a file."), status=400)
    try:
        return await _checked(visit, file)
    finally:
        await file.close()


async def _checked(visit: Visit, file: UploadFile) -> Response:
    _ = visit.words.gettext
    name = visible(file.filename or "")
    if not file.size:
        return await _shown(visit, wrong=_("Choose a file."), status=400)
    if file.size > FILE_BYTES_MAX:
        return await _shown(visit, wrong=_("The file is larger than 50 MB."), status=413)
    try:
        async with visit.house.bulky:
            found = await credentials_of(visit.house, await file.read())
    except UnreadableError:
        wrong = _("%(file)s is no png, jpeg or webp picture, or it is damaged.") % {"file": name}
        return await _shown(visit, wrong=wrong, status=400)
    return await _shown(visit, found=found, file=name)


async def _shown(visit: Visit, *, found: Verified | None = None, status: int = 200, **context: Any) -> Response:
    credentials = found.credentials if found is not None else None
    return await visit.page(
        "verify_file.html",
        status=status,
        found=found,
        made_at=_moment(credentials.made_at) if credentials is not None else None,
        task_id=await _own_task(visit, found),
        seen=visible,
        **{"file": "", "wrong": "", **context},
    )


async def _own_task(visit: Visit, found: Verified | None) -> UUID | None:
    """The task that made it, if it is the visitor's own."""
    if found is None or found.standing != "ours" or found.credentials is None or found.credentials.task_id is None:
        return None
    try:
        task_id = UUID(found.credentials.task_id)
        await tell(visit.house, account_id=visit.account_id, task_id=task_id, links_only=True)
    except (ValueError, NoSuchTask):
        return None
    return task_id


def _moment(text: str | None) -> datetime | None:
    """A moment that names its zone; what is none is shown as it is."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


async def _root(visit: Visit) -> Response:
    roots = await roots_of(visit.house)
    if not roots:
        raise UnknownPath("nothing was ever signed here, so there is no certificate")
    return visit.dressed(
        Response(
            "".join(roots),
            media_type="application/x-pem-file",
            headers={"content-disposition": 'attachment; filename="limner-root.pem"'},
        )
    )
