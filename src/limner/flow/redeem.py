"""Redeem codes: made by an operator, redeemed by whoever has one, a few tries at a time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.credits import rules as credit_rules
from limner.credits import service as credit_book
from limner.credits.models import Balance, IssuedCode
from limner.db import Tx
from limner.domain.problem import InvalidValue
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.logins import service as logins

CODES_TOGETHER_MAX: Final = 1000
USES_MAX: Final = 1_000_000
NOTE_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a code gave, in micro-credits, and what the account has now. `entry_id`: of the entry in its book."""

    entry_id: UUID
    amount: int
    balance: Balance


async def redeem(house: House, *, account_id: UUID, code: str) -> Redeemed:
    """Redeem a code as somebody typed it. Raises `CodeRefused`, or `TriedTooOften` for whoever keeps guessing."""
    who, now, entry_id = str(account_id), house.clock.now(), uuid7()
    async with house.database.statement() as tx:
        await tx.together(logins.take("redeem", who=who, now=now))
        # Beside each other: a try that is good does not count.
        amount, _ = await tx.together(
            credit_book.redeem(entry_id=entry_id, account_id=account_id, code=code, now=now),
            logins.give_back("redeem", who=who),
        )
        balance = await credit_book.balance(tx, account_id=account_id)
    return Redeemed(entry_id=entry_id, amount=amount, balance=balance)


async def make_codes(
    tx: Tx,
    *,
    amount: int,
    uses_max: int = 1,
    count: int = 1,
    note: str = "",
    made_by: UUID | None,
    expires_at: datetime | None = None,
    now: datetime,
) -> list[IssuedCode]:
    """New codes of `amount` micro-credits each; all of each is known this once. Raises `InvalidValue`."""
    if not 0 < amount <= credit_book.AMOUNT_MAX:
        raise InvalidValue("a code gives more than 0 credits", param="credits")
    for name, value, most in (("uses", uses_max, USES_MAX), ("count", count, CODES_TOGETHER_MAX)):
        if not 1 <= value <= most:
            raise InvalidValue(f"{name} must be 1 to {most}", param=name)
    if len(note) > NOTE_CHARACTERS_MAX or not note.isprintable():
        raise InvalidValue(f"a note has up to {NOTE_CHARACTERS_MAX} printable characters", param="note")
    if expires_at is not None and expires_at <= now:
        raise InvalidValue("the code would have expired already: choose a time to come, or none", param="expires_at")
    return [
        await credit_book.make_code(
            tx,
            id_=uuid7(),
            noise=secrets.token_bytes(credit_rules.NOISE_BYTES),
            amount=amount,
            uses_max=uses_max,
            note=note,
            made_by=made_by,
            expires_at=expires_at,
            now=now,
        )
        for _ in range(count)
    ]
