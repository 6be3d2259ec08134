"""The verbs of this room: steps for what every request does, transactions for the rest. All amounts are whole micro-credits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.credits import queries, rules
from limner.credits.models import Balance, Budget, Entry, IssuedCode, RedeemCode
from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.money import in_credits
from limner.domain.problem import InvalidValue, Problem

AMOUNT_MAX: Final = 10**15
"""More micro-credits than anybody is given at once, and far from what a sum of them could not hold."""


GIVEN: Final = frozenset({"grant", "welcome", "redemption"})
"""The kinds of entries by which an account is given credits."""


class CreditsUsedUp(Problem):
    """The account has too few credits for this."""

    code = "credits_used_up"
    status = 403


class SpendLimitReached(Problem):
    """The key may not spend so much more."""

    code = "spend_limit_reached"
    status = 403


class CodeRefused(Problem):
    """The redeem code gives this account nothing."""

    code = "code_refused"
    status = 409


class NoSuchCode(Problem):
    """There is no such redeem code, or there are several."""

    code = "no_such_code"
    status = 404


_TROUBLES: Final = {
    "unknown": "there is no such redeem code: check it letter by letter",
    "yours": "your account has redeemed this code already: each account may once",
    "disabled": "this redeem code has been switched off",
    "expired": "this redeem code has expired",
    "over": "this redeem code has been used as often as it may be",
}


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


async def welcome(tx: Tx, *, id_: UUID, account_id: UUID, amount: int, now: datetime) -> bool:
    """Give an account the credits that each gets once; whether it had not had them. Racing callers get them once."""
    return await tx.run(queries.WELCOME, id_, account_id, amount, "free credits, once per account", now) == 1


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


async def budgets(tx: Tx, *, api_key_ids: Sequence[UUID]) -> dict[UUID, Budget]:
    """The same for several keys."""
    return {
        row["api_key_id"]: Budget(spend_limit=row["spend_limit"], spent=row["spent"], held=row["held"])
        for row in await tx.rows(queries.BUDGETS, list(api_key_ids))
    }


async def limit_budget(tx: Tx, *, api_key_id: UUID, spend_limit: int | None) -> None:
    """Say anew what the key may spend in all. Raises `InvalidValue` if it has spent, or promised, more already."""
    if await tx.run(queries.LIMIT_BUDGET, api_key_id, spend_limit) == 0:
        found = await budget(tx, api_key_id=api_key_id)
        raise InvalidValue(
            f"the key has spent {in_credits(found.spent + found.held)} credits already: its limit cannot be lower",
            param="spend_limit",
        )


async def entries(
    tx: Tx, *, account_id: UUID, count: int, before: UUID | None = None, kinds: Sequence[str] | None = None
) -> list[Entry]:
    """The account's last `count` entries, newest first: those older than the entry `before`, of these kinds (None: all)."""
    listed = list(kinds) if kinds is not None else None
    sql = queries.GIVEN_ENTRIES if kinds is not None and GIVEN.issuperset(kinds) else queries.ENTRIES
    return [Entry(**dict(row)) for row in await tx.rows(sql, account_id, count, before, listed)]


async def make_code(
    tx: Tx,
    *,
    id_: UUID,
    noise: bytes,
    amount: int,
    uses_max: int,
    note: str,
    made_by: UUID | None,
    expires_at: datetime | None,
    now: datetime,
) -> IssuedCode:
    """A new redeem code; `noise` is 8 fresh random bytes. All of it is in the answer and kept nowhere.

    It gives `amount` to `uses_max` accounts, to each once.
    """
    secret = rules.code_from(noise)
    code = RedeemCode(
        id=id_,
        prefix=rules.shown_prefix(secret),
        credits=amount,
        uses=0,
        uses_max=uses_max,
        note=note,
        made_by=made_by,
        created_at=now,
        expires_at=expires_at,
        disabled_at=None,
    )
    await tx.run(
        queries.ADD_CODE, id_, rules.hash_of(secret), code.prefix, amount, uses_max, note, made_by, now, expires_at
    )
    return IssuedCode(code=code, secret=secret)


async def codes(tx: Tx, *, count: int = 200, before: UUID | None = None) -> list[RedeemCode]:
    """The last redeem codes, newest first: those older than the code `before`."""
    return [RedeemCode(**dict(row)) for row in await tx.rows(queries.CODES, count, before)]


async def code_of(tx: Tx, *, id_: UUID) -> RedeemCode:
    """The code with that id. Raises `NoSuchCode`."""
    row = await tx.row(queries.CODE, id_)
    if row is None:
        raise NoSuchCode(f"there is no redeem code {id_}")
    return RedeemCode(**dict(row))


async def code_like(tx: Tx, *, text: str) -> RedeemCode:
    """The one code that is this, or begins so, or has this id. Raises `NoSuchCode` when there is none, or not one."""
    rows = await tx.rows(queries.CODES_LIKE, text, rules.hash_of(text))
    if len(rows) != 1:
        what = "no code begins" if not rows else f"{len(rows)} codes begin"
        raise NoSuchCode(f"{what} with '{text}': `limner credits codes list` shows them all")
    return RedeemCode(**dict(rows[0]))


async def disable_code(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Let nobody redeem it any more; whether anybody could have but for its uses and its end."""
    return await tx.run(queries.DISABLE_CODE, id_, now) == 1


def redeem(*, entry_id: UUID, account_id: UUID, code: str, now: datetime) -> Step[int]:
    """Give the account what the code, as somebody typed it, is good for; how much. Refused with `CodeRefused`."""
    return Step(
        call=queries.REDEEM,
        # No code has no hash: what is none is looked for as any unknown one.
        arguments=(entry_id, account_id, rules.hash_of(code) or b"", now),
        read=int,
        refusals={queries.CODE_REFUSED: lambda trouble: CodeRefused(_TROUBLES[trouble], param="code")},
    )


# for overviews -----------------------------------------------------------------------------------------------------------


async def balances(tx: Tx, *, account_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """What each of these accounts has."""
    return {
        row["account_id"]: Balance(balance=row["balance"], held=row["held"], unlimited=row["unlimited"])
        for row in await tx.rows(queries.BALANCES, list(account_ids))
    }


async def given(tx: Tx, *, account_id: UUID, count: int, offset: int = 0) -> list[Entry]:
    """Entries by which the account was given credits (or had some taken back), newest first."""
    return [Entry(**dict(row)) for row in await tx.rows(queries.GIVEN, account_id, count, offset)]


async def count_given(tx: Tx, *, account_id: UUID) -> int:
    """How many of those there are."""
    count: int = await tx.value(queries.COUNT_GIVEN, account_id)
    return count


async def given_once(tx: Tx, *, account_id: UUID, id_: UUID) -> Entry | None:
    """One of those; None if the account has none with that id."""
    row = await tx.row(queries.ONE_GIVEN, account_id, id_)
    return Entry(**dict(row)) if row else None
