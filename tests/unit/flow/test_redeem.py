"""Redeem codes: whoever has one gets what it is good for, once, and nobody more than there is."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from limner.credits import rules
from limner.credits import service as credit_book
from limner.credits.models import IssuedCode
from limner.domain.money import micro
from limner.domain.problem import InvalidValue
from limner.flow.house import House
from limner.flow.redeem import make_codes, redeem
from limner.kit.clock import StillClock
from limner.logins.service import TriedTooOften
from support.people import Person, balance_of, entries_of, join


async def made(
    house: House, *, credits_: float = 5, uses: int = 1, expires_at: datetime | None = None, by: UUID | None = None
) -> IssuedCode:
    async with house.database.transaction() as tx:
        (issued,) = await make_codes(
            tx,
            amount=micro(credits_),
            uses_max=uses,
            note="for a friend",
            made_by=by,
            expires_at=expires_at,
            now=house.clock.now(),
        )
    return issued


async def test_eve_redeems_a_code_and_the_ledger_says_so(house: House, eve: Person) -> None:
    issued = await made(house)

    redeemed = await redeem(house, account_id=eve.account.id, code=issued.secret)

    assert (redeemed.amount, redeemed.balance.balance) == (micro(5), micro(5))
    entry = (await entries_of(house, eve))[0]
    assert (entry.kind, entry.amount, entry.reason) == ("redemption", micro(5), issued.code.prefix)
    assert sum(one.amount for one in await entries_of(house, eve)) == (await balance_of(house, eve)).balance


async def test_a_code_can_be_read_aloud(house: House) -> None:
    assert re.fullmatch(r"LIMN(-[A-HJ-NP-Z2-9]{4}){3}", (await made(house)).secret)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{lower}", "{spaced}", "{bare}", "{dashes}", "{without}"])
async def test_it_is_known_however_it_is_typed(house: House, eve: Person, typed: str) -> None:
    code = (await made(house)).secret
    forms = {
        "lower": code.lower(),
        "spaced": code.replace("-", " "),
        "bare": code.replace("-", ""),
        "dashes": code.replace("-", "–"),
        "without": code.removeprefix("LIMN-"),
    }

    assert (await redeem(house, account_id=eve.account.id, code=typed.format(code, **forms))).amount == micro(5)


async def test_only_its_hash_is_kept(house: House) -> None:
    issued = await made(house)
    async with house.database.statement() as tx:
        rows = [str(tuple(row)) for row in await tx.rows("SELECT * FROM redeem_codes")]
    assert len(rows) == 1
    assert issued.secret.replace("-", "")[8:] not in rows[0].replace("-", "")
    assert issued.secret not in repr(issued)


async def test_the_same_account_redeems_it_once(house: House, eve: Person) -> None:
    issued = await made(house, uses=10)
    await redeem(house, account_id=eve.account.id, code=issued.secret)

    with pytest.raises(credit_book.CodeRefused, match="already"):
        await redeem(house, account_id=eve.account.id, code=issued.secret)

    assert (await balance_of(house, eve)).balance == micro(5)


async def test_ten_tries_of_one_account_at_once_give_it_once(house: House, eve: Person) -> None:
    issued = await made(house, uses=10)

    tries = await asyncio.gather(
        *(redeem(house, account_id=eve.account.id, code=issued.secret) for _ in range(10)), return_exceptions=True
    )

    assert sum(not isinstance(one, BaseException) for one in tries) == 1
    assert (await balance_of(house, eve)).balance == micro(5)


async def test_thirty_accounts_at_once_use_it_as_often_as_it_may_be(house: House) -> None:
    people = [await join(house, f"eve {number}", credits_start=0) for number in range(30)]
    issued = await made(house, uses=7)

    tries = await asyncio.gather(
        *(redeem(house, account_id=person.account.id, code=issued.secret) for person in people),
        return_exceptions=True,
    )

    assert sum(not isinstance(one, BaseException) for one in tries) == 7
    assert all("as often as" in str(one) for one in tries if isinstance(one, BaseException))
    assert sum([(await balance_of(house, person)).balance for person in people]) == 7 * micro(5)
    async with house.database.statement() as tx:
        assert (await credit_book.code_of(tx, id_=issued.code.id)).uses == 7


async def test_an_expired_code_gives_nothing(house: House, eve: Person, clock: StillClock) -> None:
    issued = await made(house, expires_at=clock.now() + timedelta(days=1))
    clock.move(seconds=86_400)

    with pytest.raises(credit_book.CodeRefused, match="expired"):
        await redeem(house, account_id=eve.account.id, code=issued.secret)


async def test_a_disabled_code_gives_nothing(house: House, eve: Person) -> None:
    issued = await made(house)
    async with house.database.statement() as tx:
        assert await credit_book.disable_code(tx, id_=issued.code.id, now=house.clock.now())
        assert not await credit_book.disable_code(tx, id_=issued.code.id, now=house.clock.now())

    with pytest.raises(credit_book.CodeRefused, match="switched off"):
        await redeem(house, account_id=eve.account.id, code=issued.secret)


@pytest.mark.parametrize("guess", ["", "LIMN-AAAA-AAAA-AAAA", "LIMN-0000-1111-OOOO", "'; DROP TABLE", "x" * 10_000])
async def test_eve_guesses(house: House, eve: Person, guess: str) -> None:
    await made(house)
    with pytest.raises(credit_book.CodeRefused, match="no such"):
        await redeem(house, account_id=eve.account.id, code=guess)


async def test_eve_may_not_go_on_guessing(house: House, eve: Person, grace: Person, clock: StillClock) -> None:
    issued = await made(house, uses=2)
    for _ in range(10):
        with pytest.raises(credit_book.CodeRefused):
            await redeem(house, account_id=eve.account.id, code="LIMN-AAAA-AAAA-AAAA")

    with pytest.raises(TriedTooOften):
        await redeem(house, account_id=eve.account.id, code=issued.secret)

    assert (await redeem(house, account_id=grace.account.id, code=issued.secret)).amount == micro(5)
    clock.move(seconds=900)
    assert (await redeem(house, account_id=eve.account.id, code=issued.secret)).amount == micro(5)


async def test_good_codes_do_not_count_as_guesses(house: House, eve: Person) -> None:
    for _ in range(15):
        await redeem(house, account_id=eve.account.id, code=(await made(house)).secret)
    assert (await balance_of(house, eve)).balance == micro(75)


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("credits", {"amount": 0}),
        ("credits", {"amount": -1}),
        ("uses", {"uses_max": 0}),
        ("count", {"count": 1001}),
        ("note", {"note": "x" * 201}),
        ("expires_at", {"expires_at": datetime.fromisoformat("2026-01-01T00:00:00Z")}),
    ],
)
async def test_nonsense_is_no_code(house: House, field: str, what: dict[str, object]) -> None:
    async with house.database.transaction() as tx:
        with pytest.raises(InvalidValue) as refused:
            await make_codes(tx, **{"amount": 1, "made_by": None, "now": house.clock.now(), **what})  # type: ignore[arg-type]
    assert refused.value.param == field


def test_every_bit_of_the_noise_counts() -> None:
    codes = {rules.code_from((1 << bit).to_bytes(8)) for bit in range(60)} | {rules.code_from(bytes(8))}
    assert len(codes) == 61


async def test_codes_are_listed_newest_first_page_by_page(house: House) -> None:
    ids = [(await made(house)).code.id for _ in range(5)]
    async with house.database.statement() as tx:
        first = await credit_book.codes(tx, count=2)
        second = await credit_book.codes(tx, count=10, before=first[-1].id)
    assert [code.id for code in [*first, *second]] == ids[::-1]


async def test_the_ledger_is_read_page_by_page(house: House, grace: Person) -> None:
    for _ in range(7):
        await redeem(house, account_id=grace.account.id, code=(await made(house)).secret)
    whole = await entries_of(house, grace)
    read = []
    async with house.database.statement() as tx:
        while page := await credit_book.entries(
            tx, account_id=grace.account.id, count=3, before=read[-1].id if read else None
        ):
            read += page
        kinds = await credit_book.entries(tx, account_id=grace.account.id, count=50, kinds=["grant"])
    assert read == whole
    assert [entry.kind for entry in kinds] == ["grant"]
