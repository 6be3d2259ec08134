"""Answers in the vendor's shapes. Amounts are credits, as JSON numbers with six places; times are ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from limner.accounts.models import Account, IssuedKey
from limner.catalog.models import Model
from limner.credits.models import Entry
from limner.domain.money import in_credits
from limner.files.models import File
from limner.flow.keys import KeyUse
from limner.flow.platform import Standing
from limner.flow.usage import Report
from limner.tasks.models import Task
from limner.tokens.models import IssuedToken, Token
from limner.usage.models import Used

StatusOf = Callable[[str], int]
"""The HTTP status by which the vendor tells a trouble with our code."""

SERVICE_ID: Final = uuid5(NAMESPACE_URL, "limner/services/images")
PACKAGE_ID: Final = uuid5(NAMESPACE_URL, "limner/packages/redeem-code")
API_ID: Final = uuid5(NAMESPACE_URL, "limner/apis/images_generations")
_OK: Final = 200
_UNDER_WAY: Final = 202
_HIDDEN: Final = "***"
_ORDER_TYPES: Final = {"grant": "Grant", "welcome": "Welcome", "redemption": "Redemption"}


def dumped(value: Any) -> bytes:
    """As JSON."""
    return orjson.dumps(value)


def listed(items: Sequence[Any], *, count: int) -> bytes:
    """A part of a list, and how long all of it is."""
    return orjson.dumps({"count": count, "items": list(items)})


def service(*, free: int) -> dict[str, Any]:
    """What there is to be had here: pictures."""
    return {
        "id": str(SERVICE_ID),
        "alias": "images",
        "title": "Image generation",
        "unit": "Credit",
        "free_amount": _credits(free),
        "applied_count": 1,
        "packages": [{"id": str(PACKAGE_ID), "type": "Usage", "price": _credits(0), "amount": None}],
    }


def application(account: Account, stands: Standing) -> dict[str, Any]:
    """An account, as the vendor's application."""
    return {
        "id": str(account.id),
        "service_id": str(SERVICE_ID),
        "remaining_amount": _credits(stands.balance.free),
        "used_amount": _credits(stands.used),
        "paid": False,
        "scope": "Individual",
        "allow_consume_global": False,
        "type": "Usage",
        "expired_at": None,
        "created_at": _time(account.created_at),
    }


def credential(use: KeyUse) -> dict[str, Any]:
    """A key, without its secret."""
    return _credential(use.key.account_id, use.key.id, use.key.name) | {
        "token": use.key.prefix + _HIDDEN,
        "limited_amount": None if use.budget.spend_limit is None else _credits(use.budget.spend_limit),
        "used_amount": _credits(use.budget.spent),
        "expired_at": _time(use.key.expires_at),
        "disabled": use.key.disabled_at is not None,
        "lenient": use.key.lenient,
        "last_used_at": _time(use.last_used_at),
        "created_at": _time(use.key.created_at),
    }


def new_credential(issued: IssuedKey, use: KeyUse) -> dict[str, Any]:
    """A key with its secret, this once."""
    return credential(use) | {"token": issued.secret}


def _credential(account_id: UUID, id_: UUID, name: str) -> dict[str, Any]:
    return {"id": str(id_), "application_id": str(account_id), "name": name, "type": "Token", "host": None}


def call(task: Task, *, status_of: StatusOf) -> dict[str, Any]:
    """A task, as the vendor's record of a call."""
    elapsed = None
    if task.finished_at is not None:
        elapsed = round((task.finished_at - task.created_at).total_seconds(), 3)
    return {
        "id": str(task.id),
        "api": {"id": str(API_ID), "title": "Image generation"},
        "application_id": str(task.account_id),
        "credential_id": str(task.api_key_id),
        "model": task.model,
        "status_code": status_code_of(task.status, task.error_code or "", status_of=status_of),
        "original_amount": _credits(task.held),
        "deducted_amount": _credits(task.charged or 0),
        "trace_id": task.trace_id,
        "elapsed": elapsed,
        "created_at": _time(task.created_at),
    }


def status_code_of(status: str, error_code: str, *, status_of: StatusOf) -> int:
    """The HTTP status that stands for how a task has ended; 202: it has not."""
    if status == "succeeded":
        return _OK
    return status_of(error_code) if error_code else _UNDER_WAY


def days(report: Report) -> bytes:
    """What was used each day, and altogether."""
    items = [{"date": begins_at.date().isoformat(), **_used(used)} for begins_at, used in report.steps]
    return orjson.dumps({"count": len(items), "items": items, "total": _used(report.usage.total)})


def status_codes(report: Report, *, status_of: StatusOf) -> bytes:
    """How often each status was answered."""
    counts: dict[int, int] = {}
    for (status, error_code), used in report.usage.outcomes.items():
        code = status_code_of(status, error_code, status_of=status_of)
        counts[code] = counts.get(code, 0) + used.tasks
    return listed([{"status_code": code, "count": counts[code]} for code in sorted(counts)], count=len(counts))


def _used(used: Used) -> dict[str, Any]:
    return {
        "calls": used.tasks,
        "succeeded": used.succeeded,
        "failed": used.failed,
        "cancelled": used.cancelled,
        "pictures": used.pictures,
        "deducted_amount": _credits(used.charged),
    }


def order(entry: Entry) -> dict[str, Any]:
    """Credits that the account was given, as the vendor's order. Nothing is paid here."""
    return {
        "id": str(entry.id),
        "application_id": str(entry.account_id),
        "service_id": str(SERVICE_ID),
        "package_id": str(PACKAGE_ID) if entry.kind == "redemption" else None,
        "type": _ORDER_TYPES[entry.kind],
        "state": "Finished",
        "amount": _credits(entry.amount),
        "price": _credits(0),
        "description": entry.reason,
        "created_at": _time(entry.created_at),
    }


def token(found: Token) -> dict[str, Any]:
    """A platform token, without its secret."""
    return {
        "id": str(found.id),
        "name": found.name,
        "token": found.prefix + _HIDDEN,
        "expiration": _time(found.expires_at),
        "used_at": _time(found.used_at),
        "created_at": _time(found.created_at),
    }


def new_token(issued: IssuedToken) -> dict[str, Any]:
    """A platform token with its secret, this once."""
    return token(issued.token) | {"token": issued.secret}


def models(found: Sequence[Model]) -> bytes:
    """The models, in OpenAI's shape."""
    return orjson.dumps(
        {
            "object": "list",
            "data": [{"id": model.name, "object": "model", "created": 0, "owned_by": "limner"} for model in found],
        }
    )


def file(given: File, *, url: str) -> bytes:
    """A picture that was uploaded, and a link to it."""
    return orjson.dumps(
        {
            "success": True,
            "id": f"file-{given.id.hex}",
            "name": given.name,
            "media_type": given.media_type,
            "bytes": given.bytes,
            "width": given.width,
            "height": given.height,
            "url": url,
            "created_at": _time(given.created_at),
            "expires_at": _time(given.expires_at),
        }
    )


def _credits(micro_credits: int) -> orjson.Fragment:
    """A number with all six places."""
    return orjson.Fragment(in_credits(micro_credits))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
