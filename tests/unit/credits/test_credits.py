from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from limner.credits import service as credit_book
from limner.credits.models import Balance, Budget
from limner.domain.money import micro
from limner.flow.house import House
from limner.kit.ids import uuid7
from support.people import Person, balance_of, budget_of, entries_of, join


async def hold(house: House, person: Person, amount: float, *, task_id: UUID | None = None) -> UUID:
    task_id = task_id or uuid7()
    step = credit_book.hold(
        id_=uuid7(),
        account_id=person.account.id,
        api_key_id=person.key.id,
        task_id=task_id,
        amount=micro(amount),
        now=house.clock.now(),
    )
    await house.database.together(step, order=(person.account.id, person.key.id))
    return task_id


async def settle(house: House, person: Person, task_id: UUID, *, held: float, charged: float) -> int:
    step = credit_book.settle(
        id_=uuid7(),
        account_id=person.account.id,
        api_key_id=person.key.id,
        task_id=task_id,
        held=micro(held),
        charged=micro(charged),
        reason="a scene",
        now=house.clock.now(),
    )
    (free,) = await house.database.together(step, order=(person.account.id, person.key.id))
    return free


async def grant(house: House, person: Person, amount: float) -> Balance:
    async with house.database.transaction() as tx:
        return await credit_book.grant(
            tx,
            id_=uuid7(),
            account_id=person.account.id,
            amount=micro(amount),
            reason="a present",
            now=house.clock.now(),
        )


async def assert_the_book_adds_up(house: House, person: Person) -> None:
    balance, budget, entries = (
        await balance_of(house, person),
        await budget_of(house, person),
        await entries_of(house, person),
    )
    assert sum(entry.amount for entry in entries) == balance.balance
    assert sum(entry.held for entry in entries) == balance.held == budget.held
    assert -sum(entry.amount for entry in entries if entry.kind == "charge") == budget.spent


async def test_a_hold_is_a_promise(house: House, grace: Person) -> None:
    await hold(house, grace, 4)

    balance = await balance_of(house, grace)
    assert (balance.balance, balance.held, balance.free) == (micro(10), micro(4), micro(6))
    await assert_the_book_adds_up(house, grace)


async def test_what_was_delivered_is_charged_and_the_rest_released(house: House, grace: Person) -> None:
    task_id = await hold(house, grace, 4)

    free = await settle(house, grace, task_id, held=4, charged=1)

    assert free == micro(9)
    assert await balance_of(house, grace) == Balance(balance=micro(9), held=0, unlimited=False)
    assert await budget_of(house, grace) == Budget(spend_limit=None, spent=micro(1), held=0)
    assert [entry.kind for entry in await entries_of(house, grace)] == ["charge", "hold", "grant"]
    await assert_the_book_adds_up(house, grace)


async def test_nothing_delivered_costs_nothing(house: House, grace: Person) -> None:
    task_id = await hold(house, grace, 4)

    free = await settle(house, grace, task_id, held=4, charged=0)

    assert free == micro(10)
    assert [entry.kind for entry in await entries_of(house, grace)] == ["release", "hold", "grant"]
    await assert_the_book_adds_up(house, grace)


async def test_too_few_credits_hold_nothing(house: House, grace: Person) -> None:
    await hold(house, grace, 6)

    with pytest.raises(credit_book.CreditsUsedUp, match=r"costs 5.000000 credits and the account has 4.000000 left"):
        await hold(house, grace, 5)

    assert (await balance_of(house, grace)).held == micro(6)
    assert len(await entries_of(house, grace)) == 2


async def test_the_last_micro_credit_can_be_held(house: House, grace: Person) -> None:
    await hold(house, grace, 10)

    with pytest.raises(credit_book.CreditsUsedUp, match=r"has 0.000000 left"):
        await hold(house, grace, 0.000001)


async def test_eve_gets_nowhere(house: House, eve: Person) -> None:
    with pytest.raises(credit_book.CreditsUsedUp):
        await hold(house, eve, 0.04)
    assert await entries_of(house, eve) == [] or (await balance_of(house, eve)).balance == 0


async def test_a_free_picture_needs_no_credits(house: House, eve: Person) -> None:
    task_id = await hold(house, eve, 0)

    assert await settle(house, eve, task_id, held=0, charged=0) == 0
    await assert_the_book_adds_up(house, eve)


async def test_of_sixty_racing_holds_exactly_ten_are_granted(house: House, grace: Person) -> None:
    answers = await asyncio.gather(*(hold(house, grace, 1) for _ in range(60)), return_exceptions=True)

    assert sum(isinstance(answer, UUID) for answer in answers) == 10
    assert sum(isinstance(answer, credit_book.CreditsUsedUp) for answer in answers) == 50
    assert await balance_of(house, grace) == Balance(balance=micro(10), held=micro(10), unlimited=False)
    assert len(await entries_of(house, grace)) == 11
    await assert_the_book_adds_up(house, grace)


async def test_a_key_s_spend_limit_holds_in_a_race(house: House) -> None:
    grace = await join(house, "grace", credits_start=100, spend_limit=10)

    answers = await asyncio.gather(*(hold(house, grace, 1) for _ in range(60)), return_exceptions=True)

    assert sum(isinstance(answer, UUID) for answer in answers) == 10
    assert sum(isinstance(answer, credit_book.SpendLimitReached) for answer in answers) == 50
    assert (await budget_of(house, grace)).held == micro(10)
    await assert_the_book_adds_up(house, grace)


async def test_a_spend_limit_counts_what_was_spent_and_forgets_what_was_released(house: House) -> None:
    grace = await join(house, "grace", credits_start=100, spend_limit=3)
    await settle(house, grace, await hold(house, grace, 3), held=3, charged=1)
    await settle(house, grace, await hold(house, grace, 2), held=2, charged=0)
    await settle(house, grace, await hold(house, grace, 2), held=2, charged=2)

    with pytest.raises(credit_book.SpendLimitReached, match=r"spend limit of 3.000000"):
        await hold(house, grace, 0.000001)

    assert (await balance_of(house, grace)).balance == micro(97)


async def test_a_spend_limit_of_nothing_means_nothing(house: House) -> None:
    grace = await join(house, "grace", credits_start=100, spend_limit=0)

    with pytest.raises(credit_book.SpendLimitReached):
        await hold(house, grace, 0.04)


async def test_the_owner_s_key_may_have_a_spend_limit(house: House) -> None:
    ada = await join(house, "ada", role="owner", credits_start=0, spend_limit=1)
    await hold(house, ada, 1)

    with pytest.raises(credit_book.SpendLimitReached):
        await hold(house, ada, 1)


async def test_the_owner_goes_below_zero_and_is_counted(house: House) -> None:
    ada = await join(house, "ada", role="owner", credits_start=1)

    free = await settle(house, ada, await hold(house, ada, 5), held=5, charged=5)

    assert free == micro(-4)
    assert await balance_of(house, ada) == Balance(balance=micro(-4), held=0, unlimited=True)
    await assert_the_book_adds_up(house, ada)


async def test_a_task_is_held_for_once(house: House, grace: Person) -> None:
    task_id = await hold(house, grace, 1)

    with pytest.raises(asyncpg.UniqueViolationError):
        await hold(house, grace, 1, task_id=task_id)

    assert (await balance_of(house, grace)).held == micro(1)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 0), (0, 1), (0, 0)])
async def test_a_task_is_settled_once(house: House, grace: Person, first: float, second: float) -> None:
    task_id = await hold(house, grace, 1)
    await hold(house, grace, 3)
    await settle(house, grace, task_id, held=1, charged=first)

    with pytest.raises(asyncpg.UniqueViolationError):
        await settle(house, grace, task_id, held=1, charged=second)

    assert await balance_of(house, grace) == Balance(balance=micro(10 - first), held=micro(3), unlimited=False)
    await assert_the_book_adds_up(house, grace)


async def test_one_of_twenty_racing_settlements_counts(house: House, grace: Person) -> None:
    task_id = await hold(house, grace, 1)

    answers = await asyncio.gather(
        *(settle(house, grace, task_id, held=1, charged=1) for _ in range(20)), return_exceptions=True
    )

    assert (await balance_of(house, grace)).balance == micro(9)
    assert sum(isinstance(answer, int) for answer in answers) == 1
    await assert_the_book_adds_up(house, grace)


async def test_more_than_was_held_is_never_charged(grace: Person) -> None:
    with pytest.raises(AssertionError):
        credit_book.settle(
            id_=uuid7(),
            account_id=grace.account.id,
            api_key_id=grace.key.id,
            task_id=uuid7(),
            held=1,
            charged=2,
            reason="",
            now=grace.account.created_at,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_entries SET amount = amount + 1",
        "UPDATE credit_entries SET reason = 'nothing'",
        "DELETE FROM credit_entries",
        "TRUNCATE credit_entries",
    ],
)
async def test_entries_are_for_ever(house: House, grace: Person, statement: str) -> None:
    before = await entries_of(house, grace)

    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.RaiseError, match="never edited"):
            await tx.run(statement)

    assert await entries_of(house, grace) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_balances SET balance = -1",
        "UPDATE credit_balances SET held = -1",
        "UPDATE credit_balances SET held = balance + 1",
        "UPDATE credit_budgets SET spent = -1",
        "UPDATE credit_budgets SET held = -1",
        "UPDATE credit_budgets SET spend_limit = 1, spent = 2",
        (
            "INSERT INTO credit_entries SELECT gen_random_uuid(), account_id, null, null, 'gift', 1, 0, '', now() "
            "FROM credit_balances"
        ),
        (
            "INSERT INTO credit_entries SELECT gen_random_uuid(), account_id, null, null, 'charge', -1, -1, '', now() "
            "FROM credit_balances"
        ),
        (
            "INSERT INTO credit_entries SELECT gen_random_uuid(), account_id, null, gen_random_uuid(), 'charge', 1, 0, '', "
            "now() FROM credit_balances"
        ),
    ],
)
@pytest.mark.usefixtures("grace")
async def test_the_database_refuses_books_that_cannot_be(house: House, statement: str) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await tx.run(statement)


async def test_credits_are_given_and_taken_back(house: House, grace: Person) -> None:
    assert (await grant(house, grace, 5)).balance == micro(15)
    assert (await grant(house, grace, -15)).balance == 0
    with pytest.raises(credit_book.CreditsUsedUp, match=r"fewer than 1.000000 credits"):
        await grant(house, grace, -1)
    await assert_the_book_adds_up(house, grace)


async def test_what_is_promised_cannot_be_taken_back(house: House, grace: Person) -> None:
    await hold(house, grace, 4)

    with pytest.raises(credit_book.CreditsUsedUp):
        await grant(house, grace, -7)

    assert (await grant(house, grace, -6)).free == 0


async def test_entries_are_read_newest_first(house: House, grace: Person) -> None:
    for amount in (1, 2, 3):
        await grant(house, grace, amount)

    async with house.database.statement() as tx:
        entries = await credit_book.entries(tx, account_id=grace.account.id, count=2)

    assert sorted(entry.amount for entry in entries) in (
        [micro(2), micro(3)],
        [micro(1), micro(3)],
        [micro(1), micro(2)],
    )
    assert [entry.id for entry in entries] == sorted((entry.id for entry in entries), reverse=True)


async def test_a_whole_evening_of_racing_adds_up(house: House, grace: Person) -> None:
    async def evening(turn: int) -> None:
        try:
            task_id = await hold(house, grace, 0.5)
        except credit_book.CreditsUsedUp:
            return
        await settle(house, grace, task_id, held=0.5, charged=0.5 if turn % 3 else 0)

    await asyncio.gather(*(evening(turn) for turn in range(80)))

    assert (await balance_of(house, grace)).held == 0
    await assert_the_book_adds_up(house, grace)
