"""What signs an account's callbacks, for whoever verifies them: to be shown, replaced, and tried out."""

from __future__ import annotations

import logging
import secrets as noise_source
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from limner.domain.problem import MissingParameter
from limner.flow.house import House
from limner.flow.notify import check_url
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.outbound import AddressRefusedError, CallFailedError
from limner.logins import service as logins
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Signer

OldSigns = Literal["now", "hour", "day", "week"]
OLD_SIGNS: Final[Mapping[OldSigns, timedelta]] = {
    "now": timedelta(),
    "hour": timedelta(hours=1),
    "day": webhooks.KEEPS_SIGNING,
    "week": timedelta(days=7),
}
"""How long a replaced secret may sign along."""
_log = logging.getLogger(__name__)


async def signers(house: House, *, account_id: UUID) -> list[Signer]:
    """All that sign for the account: the current secret, made now if there is none, then those that retire later."""
    now = house.clock.now()
    async with house.database.transaction() as tx:
        noise = noise_source.token_bytes(webhook_rules.SECRET_BYTES)
        await webhooks.ensure_secret(tx, id_=uuid7(), account_id=account_id, noise=noise, now=now)
        return await webhooks.signers(tx, account_id=account_id, now=now)


async def rotate(house: House, *, account_id: UUID, old_signs: OldSigns) -> None:
    """Make a new secret; the one before signs along for so long. "now": neither it nor any before it signs any more."""
    now, keeps = house.clock.now(), OLD_SIGNS[old_signs]
    async with house.database.transaction() as tx:
        noise = noise_source.token_bytes(webhook_rules.SECRET_BYTES)
        await webhooks.rotate(tx, id_=uuid7(), account_id=account_id, noise=noise, now=now, keeps_signing=keeps)
        if not keeps:
            await webhooks.end_old_secrets(tx, account_id=account_id, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A test message and what came of it. `status_code` None: there was no answer, and `error` says why.

    `headers`: the signed ones that were sent. `answer`: the beginning of the receiver's body.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float
    status_code: int | None = None
    answer: str = field(default="", repr=False)
    error: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether a callback would count as delivered by this."""
        return self.status_code is not None and webhook_rules.is_success(self.status_code)


async def send_test(house: House, *, account_id: UUID, url: str, body: bytes) -> Tested:
    """Send `body` there once, signed like any callback of the account and past the same guards.

    Nothing is kept of it. Raises `MissingParameter`, `CallbackRefused`, `TriedTooOften`.
    """
    if not url:
        raise MissingParameter("there is no address: say where to send the test", param="url")
    check_url(house, url=url)
    async with house.database.statement() as tx:
        await tx.together(logins.take("webhook_test", who=str(account_id), now=house.clock.now()))
    known = [signer.secret for signer in await signers(house, account_id=account_id)]
    now = house.clock.now()
    signed = webhook_rules.headers(message_id=uuid7(), secrets=known, callback_secret=None, body=body, now=now)
    headers = {"content-type": "application/json", **signed}
    try:
        answer = await house.outbound.post(
            url, body=body, headers=headers, seconds=house.callback_policy.timeout_seconds
        )
    except (AddressRefusedError, CallFailedError) as failed:
        took = (house.clock.now() - now).total_seconds()
        tested = Tested(headers=headers, body=body, seconds=max(0.0, took), error=failed.message)
    else:
        tested = Tested(
            headers=headers,
            body=body,
            seconds=answer.seconds,
            status_code=answer.status,
            answer=webhook_rules.shown_answer(answer.body),
        )
    event(_log, "callback.tested", account_id=account_id, answered=tested.status_code or tested.error)
    return tested
