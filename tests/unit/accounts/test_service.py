from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from limner.accounts import service as accounts
from limner.domain.principal import Principal
from limner.flow.admit import authenticate
from limner.flow.house import House
from limner.flow.keys import add_account
from limner.kit.clock import StillClock
from support.people import Person, join


async def recognised(house: House, person: Person) -> Principal:
    return await authenticate(house, authorization=f"Bearer {person.secret}")


async def test_ada_is_recognised(house: House, ada: Person) -> None:
    assert await recognised(house, ada) == ada.principal


async def test_a_key_brings_its_own_limits(house: House) -> None:
    grace = await join(house, "grace", models=frozenset({"dall-e-2"}), requests_per_minute=3, concurrent=1)

    principal = await recognised(house, grace)

    assert (principal.models, principal.requests_per_minute, principal.concurrent) == (frozenset({"dall-e-2"}), 3, 1)


@pytest.mark.parametrize("header", [None, "", "Bearer ", "Basic abc", "sk-limner-abc"])
async def test_without_a_key_nobody_is_recognised(house: House, header: str | None) -> None:
    with pytest.raises(accounts.NoKey, match="Authorization: Bearer"):
        await authenticate(house, authorization=header)


@pytest.mark.parametrize("secret", ["sk-limner-guess", "x" * 10_000, "\udce9", "' OR 1=1 --"])
async def test_eve_guesses(house: House, ada: Person, secret: str) -> None:
    assert ada.secret != secret
    with pytest.raises(accounts.UnknownKey):
        await authenticate(house, authorization=f"Bearer {secret}")


async def test_part_of_a_secret_is_not_a_secret(house: House, ada: Person) -> None:
    for guess in (ada.secret[:-1], ada.secret + "A", ada.secret.lower(), ada.key.prefix):
        with pytest.raises(accounts.UnknownKey):
            await authenticate(house, authorization=f"Bearer {guess}")


async def test_a_key_expires_on_time(house: House, clock: StillClock) -> None:
    grace = await join(house, "grace", expires_at=clock.now() + timedelta(seconds=60))
    clock.move(seconds=59)
    assert await recognised(house, grace)

    clock.move(seconds=1)

    with pytest.raises(accounts.ExpiredKey, match="expired at 2026-11-22 12:01 UTC"):
        await recognised(house, grace)


async def test_a_disabled_key_is_refused_until_it_is_enabled(house: House, grace: Person) -> None:
    async with house.database.statement() as tx:
        assert await accounts.disable_key(tx, id_=grace.key.id, now=house.clock.now())
        assert not await accounts.disable_key(tx, id_=grace.key.id, now=house.clock.now())
    with pytest.raises(accounts.DisabledKey, match="the API key has been disabled"):
        await recognised(house, grace)

    async with house.database.statement() as tx:
        assert await accounts.enable_key(tx, id_=grace.key.id)
        assert not await accounts.enable_key(tx, id_=grace.key.id)
    assert await recognised(house, grace)


async def test_a_suspended_account_takes_its_keys_with_it(house: House, eve: Person) -> None:
    async with house.database.statement() as tx:
        await tx.run("UPDATE accounts SET suspended_at = $2 WHERE id = $1", eve.account.id, house.clock.now())

    with pytest.raises(accounts.DisabledKey, match="the account has been suspended"):
        await recognised(house, eve)


async def test_the_secret_is_kept_nowhere(house: House, ada: Person) -> None:
    async with house.database.statement() as tx:
        row = str(dict(await tx.row("SELECT * FROM api_keys") or {}))

    assert ada.secret not in row
    assert ada.secret[20:] not in row


async def test_a_key_for_some_models_is_for_no_other(grace: Person) -> None:
    principal = replace(grace.principal, models=frozenset({"dall-e-2", "gpt-image-1"}))

    accounts.allow_model(principal.models, model="dall-e-2")
    with pytest.raises(accounts.ModelNotAllowed, match="it is for dall-e-2, gpt-image-1") as caught:
        accounts.allow_model(principal.models, model="dall-e-3")
    assert caught.value.param == "model"


async def test_two_accounts_cannot_have_one_name(house: House, grace: Person) -> None:
    assert grace.account.name == "grace"
    with pytest.raises(accounts.AccountExists, match="'grace'"):
        async with house.database.transaction() as tx:
            await add_account(tx, name="grace", role="member", credits_start=0, now=house.clock.now())


async def test_there_is_one_owner(house: House, ada: Person) -> None:
    with pytest.raises(accounts.AccountExists):
        async with house.database.transaction() as tx:
            await add_account(tx, name="eve", role="owner", credits_start=0, now=house.clock.now())

    async with house.database.statement() as tx:
        assert await accounts.owner(tx) == ada.account
        assert await accounts.accounts(tx) == [ada.account]


async def test_accounts_are_found_by_name(house: House, ada: Person, grace: Person) -> None:
    async with house.database.statement() as tx:
        assert await accounts.account_called(tx, name="grace") == grace.account
        assert await accounts.accounts(tx) == [ada.account, grace.account]
        with pytest.raises(accounts.NoSuchAccount, match="'linus'"):
            await accounts.account_called(tx, name="linus")


async def test_keys_are_found_by_prefix_id_and_secret(house: House, ada: Person, grace: Person) -> None:
    async with house.database.statement() as tx:
        assert await accounts.key_like(tx, prefix=grace.key.prefix) == grace.key
        assert await accounts.key_like(tx, prefix=str(ada.key.id)) == ada.key
        assert await accounts.key_of(tx, secret=ada.secret) == ada.key
        assert await accounts.key_of(tx, secret="sk-limner-guess") is None
        assert await accounts.keys(tx) == [ada.key, grace.key]


@pytest.mark.parametrize(
    ("prefix", "says"), [("s", "too little"), ("sk-limner-", "too little"), ("sk-limner-nobody", "no key begins")]
)
@pytest.mark.usefixtures("ada", "grace")
async def test_a_prefix_must_mean_one_key(house: House, prefix: str, says: str) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(accounts.NoSuchKey, match=says):
            await accounts.key_like(tx, prefix=prefix)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET concurrent = 0",
        "UPDATE api_keys SET requests_per_minute = 0",
        "UPDATE api_keys SET models = '{}'",
        "UPDATE api_keys SET secret_hash = 'short'",
        "UPDATE accounts SET name = ''",
        "UPDATE accounts SET role = 'king'",
    ],
)
@pytest.mark.usefixtures("ada")
async def test_the_database_refuses_nonsense(house: House, statement: str) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await tx.run(statement)
