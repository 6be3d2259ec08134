"""The verbs of this room: steps for what every request does, transactions for the rest. All amounts are whole micro-credits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from limner.credits import queries
from limner.credits.models import Balance, Budget, Entry
from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.money import in_credits
from limner.domain.problem import Problem


class CreditsUsedUp(Problem):
    """The account has too few credits for this."""

    code = "credits_used_up"
    status = 403


class SpendLimitReached(Problem):
    """The key may not spend so much more."""

    code = "spend_limit_reached"
    status = 403


async def open_account(tx: Tx, *, account_id: UUID, unlimited: bool) -> None:
    """Start an account's book, at zero."""
    await tx.run(queries.OPEN_ACCOUNT, account_id, unlimited)


async def open_budget(tx: Tx, *, api_key_id: UUID, spend_limit: int | None) -> None:
    """Start a key's book; `spend_limit` None means that only the account's credits limit it."""
    await tx.run(queries.OPEN_BUDGET, api_key_id, spend_limit)


async def grant(tx: Tx, *, id_: UUID, account_id: UUID, amount: int, reason: str, now: datetime) -> Balance:
    """Give credits, or take some back with a negative amount. Raises `CreditsUsedUp` if more is taken than is free."""
    row = await tx.row(queries.GRANT, id_, account_id, amount, reason, now)
    if row is None:
        raise CreditsUsedUp(f"the account has fewer than {in_credits(-amount)} credits that are free")
    return Balance(**dict(row))


def hold(*, id_: UUID, account_id: UUID, api_key_id: UUID, task_id: UUID, amount: int, now: datetime) -> Step[None]:
    """Promise `amount` to a task. Refused with `CreditsUsedUp` or `SpendLimitReached`."""
    cost = f"this costs {in_credits(amount)} credits"
    return Step(
        call=queries.HOLD,
        arguments=(id_, account_id, api_key_id, task_id, amount, now),
        read=nothing,
        refusals={
            queries.TOO_FEW_CREDITS: lambda free: CreditsUsedUp(
                f"{cost} and the account has {in_credits(int(free))} left"
            ),
            queries.OVER_THE_SPEND_LIMIT: lambda limit: SpendLimitReached(
                f"{cost} and would pass the key's spend limit of {in_credits(int(limit))}"
            ),
        },
    )


def settle(
    *,
    id_: UUID,
    account_id: UUID,
    api_key_id: UUID,
    task_id: UUID,
    held: int,
    charged: int,
    reason: str,
    now: datetime,
) -> Step[int]:
    """End a hold: charge what was delivered, release the rest. The result is what is free afterwards.

    The database refuses to settle the same task twice.
    """
    assert 0 <= charged <= held
    return Step(
        call=queries.SETTLE,
        arguments=(id_, account_id, api_key_id, task_id, held, charged, reason, now),
        read=int,
    )


async def balance(tx: Tx, *, account_id: UUID) -> Balance:
    """What the account has."""
    row = await tx.row(queries.BALANCE, account_id)
    assert row is not None, "every account has a balance"
    return Balance(**dict(row))


async def budget(tx: Tx, *, api_key_id: UUID) -> Budget:
    """What the key has spent and may spend."""
    row = await tx.row(queries.BUDGET, api_key_id)
    assert row is not None, "every key has a budget"
    return Budget(**dict(row))


async def entries(tx: Tx, *, account_id: UUID, count: int) -> list[Entry]:
    """The account's last `count` entries, newest first."""
    return [Entry(**dict(row)) for row in await tx.rows(queries.ENTRIES, account_id, count)]
