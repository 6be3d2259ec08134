"""Acquire: one press, and an account has a key and, the first time, free credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from limner.accounts import service as accounts
from limner.accounts.models import IssuedKey
from limner.credits import service as credit_book
from limner.flow.house import House
from limner.flow.keys import check_room, issue_key
from limner.kit.ids import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """A new key, whose secret is known this once, and the micro-credits that came with it.

    `is_first`: the account has had its free credits now; later presses give keys only.
    """

    issued: IssuedKey
    granted: int
    is_first: bool


async def acquire(house: House, *, account_id: UUID, now: datetime) -> Acquired:
    """A new key for the account, and its free credits if it has not had them. Raises `TooManyKeys`.

    Of several presses at once each makes a key, and one of them gives the credits.
    """
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        made = await check_room(tx, account_id=account_id)
        name = "first key" if made == 0 else f"key {made + 1}"
        issued = await issue_key(tx, account=account, name=name, now=now)
        is_first = await credit_book.welcome(tx, id_=uuid7(), account_id=account_id, amount=house.free_credits, now=now)
    return Acquired(issued=issued, granted=house.free_credits if is_first else 0, is_first=is_first)
