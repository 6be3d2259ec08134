"""Callbacks: how each went and sending it again, who receives them, and what signs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast, get_args
from uuid import UUID

import orjson
from starlette.responses import Response

from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow.deliveries import Wanted, deliveries, delivery, receivers, recover, resend, resume
from limner.flow.notify import CallbackRefused
from limner.flow.signing import OLD_SIGNS, OldSigns, rotate, send_test, signers
from limner.kit.ids import uuid7
from limner.web.console.assets import asset
from limner.web.console.bodies import shown
from limner.web.console.snippets import highlight
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page
from limner.webhooks.models import Attempt, Message, Status
from limner.webhooks.rules import is_success, origin_of, shown_id, shown_secret
from limner.webhooks.service import NoSuchMessage

_COUNT: Final = 30
_STATUSES: Final[tuple[Status, ...]] = get_args(Status)
_SPANS: Final[Mapping[str, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
_PORTS: Final = {"http": ":80", "https": ":443"}
_PROMPT: Final = "A cute baby sea otter, floating on its back at sunset"

PYTHON: Final = '''\
import os

from standardwebhooks import Webhook  # pip install standardwebhooks

webhook = Webhook(os.environ["WEBHOOK_SECRET"])  # whsec_...


def verified(body: bytes, headers: dict[str, str]) -> dict:
    """What the callback tells; raises WebhookVerificationError if it comes from somebody else."""
    return webhook.verify(body, headers)
'''
JAVASCRIPT: Final = """\
import { Webhook } from "standardwebhooks"; // npm install standardwebhooks

const webhook = new Webhook(process.env.WEBHOOK_SECRET); // whsec_...

// What the callback tells; throws if it comes from somebody else. `body` is the text as it came, not parsed.
export function verified(body, headers) {
  return webhook.verify(body, headers);
}
"""


def pages() -> list[Page]:
    """Each account sees its own."""
    return [
        page("/webhooks", _list, needs="account"),
        page("/webhooks/deliveries/{task}", _one, needs="account"),
        page("/webhooks/deliveries/{task}/resend", _resend, needs="account", methods=("POST",)),
        page("/webhooks/receivers", _receivers, needs="account"),
        page("/webhooks/receivers/resume", _resume, needs="account", methods=("POST",)),
        page("/webhooks/recover", _recover, needs="account", methods=("POST",)),
        page("/webhooks/signing", _signing, needs="account"),
        page("/webhooks/signing/secret", _secret, needs="account"),
        page("/webhooks/signing/rotate", _rotate, needs="account", methods=("POST",)),
        page("/webhooks/signing/test", _test, needs="account", methods=("POST",)),
    ]


# how they went ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A callback in the list, and its last attempt if it was tried."""

    message: Message
    last: Attempt | None

    @property
    def is_good(self) -> bool:
        """Whether the last attempt was answered well."""
        return self.last is not None and self.last.status_code is not None and is_success(self.last.status_code)


async def _list(visit: Visit) -> Response:
    asked = {name: visit.query(name).strip() for name in ("status", "receiver", "task")}
    context: dict[str, Any] = {"asked": asked, "statuses": _STATUSES, "rows": [], "before": None, "wrong": ""}
    try:
        wanted = _wanted(asked)
    except ValueError:
        return await visit.page("webhooks.html", **context | await _known(visit) | {"wrong": asked["task"]})
    found = await deliveries(
        visit.house, account_id=visit.account_id, wanted=wanted, before=_uuid(visit.query("before")), count=_COUNT
    )
    context |= {
        "rows": [Row(message=message, last=found.last.get(message.id)) for message in found.messages],
        "before": found.before,
    }
    if visit.is_partial:
        return visit.part("webhooks.html", "rows", **context)
    return await visit.page("webhooks.html", **context | await _known(visit))


def _wanted(asked: Mapping[str, str]) -> Wanted:
    """Raises `ValueError` for a task's id that is none."""
    return Wanted(
        status=next((status for status in _STATUSES if status == asked["status"]), None),
        origin=asked["receiver"] or None,
        task_id=UUID(asked["task"]) if asked["task"] else None,
    )


async def _known(visit: Visit) -> dict[str, Any]:
    found = await receivers(visit.house, account_id=visit.account_id)
    return {"origins": [(one.origin, shown_origin(one.origin)) for one in found]}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


async def _one(visit: Visit) -> Response:
    message, attempts = await delivery(visit.house, account_id=visit.account_id, task_id=_task(visit))
    context: dict[str, Any] = {
        "message": message,
        "shown_id": shown_id(message.id),
        "attempts": [(one, _is_good(one), shown(one.answer) if one.answer else None) for one in reversed(attempts)],
        "is_done": visit.query("done") == "resend",
    }
    if visit.is_partial:
        return visit.part("webhooks_delivery.html", "delivery", **context)
    return await visit.page("webhooks_delivery.html", **context)


def _is_good(attempt: Attempt) -> bool:
    return attempt.status_code is not None and is_success(attempt.status_code)


def _task(visit: Visit) -> UUID:
    id_ = _uuid(visit.request.path_params["task"])
    if id_ is None:
        raise NoSuchMessage("there is no such callback: a callback goes by its task's id")
    return id_


async def _resend(visit: Visit) -> Response:
    task_id = _task(visit)
    await resend(visit.house, account_id=visit.account_id, task_id=task_id)
    return visit.redirect(f"/webhooks/deliveries/{task_id}?done=resend")


# who receives them --------------------------------------------------------------------------------------------------------


def shown_origin(origin: str) -> str:
    """Without a port that goes without saying."""
    scheme, _, _ = origin.partition(":")
    return origin.removesuffix(_PORTS.get(scheme, ""))


async def _receivers(visit: Visit) -> Response:
    found = await receivers(visit.house, account_id=visit.account_id)
    recovered = visit.query("recovered")
    return await visit.page(
        "webhooks_receivers.html",
        receivers=[(one, shown_origin(one.origin)) for one in found],
        spans=list(_SPANS),
        recovered=int(recovered) if recovered.isascii() and recovered.isdigit() else None,
        resumed=visit.query("resumed"),
        pause_after=visit.house.callback_policy.pause_after,
    )


async def _resume(visit: Visit) -> Response:
    await resume(visit.house, account_id=visit.account_id, url=await visit.field("receiver"))
    return visit.redirect("/webhooks/receivers?resumed=yes")


async def _recover(visit: Visit) -> Response:
    span = _SPANS.get(await visit.field("since"))
    if span is None:
        raise InvalidValue(f"since must be one of {', '.join(_SPANS)}", param="since")
    receiver = await visit.field("receiver")
    count = await recover(
        visit.house,
        account_id=visit.account_id,
        since=visit.now - span,
        origin=origin_of(receiver) if receiver else None,
    )
    return visit.redirect(f"/webhooks/receivers?recovered={count}")


# what signs them ----------------------------------------------------------------------------------------------------------


async def _signing(visit: Visit) -> Response:
    return await visit.page("webhooks_signing.html", **await _signing_context(visit))


async def _signing_context(visit: Visit) -> dict[str, Any]:
    known = await signers(visit.house, account_id=visit.account_id)
    return {
        "current": known[0],
        "old": known[1:],
        "old_signs": list(OLD_SIGNS),
        "code": [("python", "Python", highlight(PYTHON, "python")), ("js", "JavaScript", highlight(JAVASCRIPT, "js"))],
        "is_rotated": visit.query("done") == "rotate",
        "secret": "",
        "url": "",
        "wrong": "",
        "tested": None,
    }


async def _secret(visit: Visit) -> Response:
    """Only for who asks: what stands on a page is seen over shoulders."""
    context = await _signing_context(visit)
    context["secret"] = shown_secret(context["current"].secret)
    if visit.is_partial:
        return visit.part("webhooks_signing.html", "secret", **context)
    return await visit.page("webhooks_signing.html", **context)


async def _rotate(visit: Visit) -> Response:
    old_signs = await visit.field("old")
    if old_signs not in OLD_SIGNS:
        raise InvalidValue(f"old must be one of {', '.join(OLD_SIGNS)}", param="old")
    await rotate(visit.house, account_id=visit.account_id, old_signs=cast("OldSigns", old_signs))
    return visit.redirect("/webhooks/signing?done=rotate")


async def _test(visit: Visit) -> Response:
    url = (await visit.field("url")).strip()
    context = await _signing_context(visit) | {"url": url}
    try:
        tested = await send_test(visit.house, account_id=visit.account_id, url=url, body=_example(visit))
    except (MissingParameter, CallbackRefused) as problem:
        context["wrong"] = said(problem, language=visit.language)
    else:
        answer = shown(tested.answer) if tested.answer else None
        context |= {"tested": tested, "answer": answer, "sent": shown(tested.body.decode())}
    if visit.is_partial:
        return visit.part("webhooks_signing.html", "test", **context)
    return await visit.page("webhooks_signing.html", status=400 if context["wrong"] else 200, **context)


def _example(visit: Visit) -> bytes:
    """A callback like any other, of a task that never was; `test` says so."""
    task_id, trace_id = str(uuid7()), visit.trace_id
    picture = {"revised_prompt": _PROMPT, "url": f"{visit.house.public_url}{asset('otter.webp')}"}
    data = {
        "created": int(visit.now.timestamp()),
        "data": [picture],
        "task_id": task_id,
        "trace_id": trace_id,
    }
    return orjson.dumps({"success": True, "test": True, "task_id": task_id, "trace_id": trace_id, "data": data})
