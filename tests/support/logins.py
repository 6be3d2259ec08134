"""People with a login: made by the same acts as in life."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

import pytest

from limner.flow import login, signin
from limner.flow.house import House
from limner.flow.letters import Language
from limner.flow.register import Registered, register, welcome, welcome_link
from limner.flow.signin import SignedIn
from support.people import Person

PASSWORD: Final = "correct horse battery"
SENDER: Final = "192.0.2.7"
AGENT: Final = "Lynx/2.9"


async def joins(
    house: House,
    email: str = "mary@example.org",
    *,
    password: str = PASSWORD,
    invitation: str | None = None,
    next_: str | None = None,
    sender: str = SENDER,
    language: Language = "en",
) -> Registered:
    """Somebody registers."""
    return await register(
        house,
        email=email,
        password=password,
        invitation=invitation,
        next_=next_,
        sender=sender,
        agent=AGENT,
        language=language,
    )


async def with_login(house: House, person: Person, *, email: str | None = None) -> SignedIn:
    """Somebody who has an account is given a login, and is in."""
    async with house.database.transaction() as tx:
        token = await welcome_link(tx, account_id=person.account.id, now=house.clock.now())
    session = await welcome(
        house,
        token=token,
        email=email or f"{person.account.name}@example.org",
        password=PASSWORD,
        sender=SENDER,
        agent=AGENT,
    )
    return await who_has(house, session)


async def who_has(house: House, token: str | None) -> SignedIn:
    """Whose session it is."""
    assert token is not None
    found = await signin.signed_in(house, token=token)
    assert found is not None
    return found


async def comes_in(house: House, email: str, *, password: str = PASSWORD, sender: str = SENDER) -> SignedIn:
    """Somebody logs in."""
    return await who_has(house, await login.sign_in(house, email=email, password=password, sender=sender, agent=AGENT))


def with_policy(house: House, **more: object) -> House:
    """The same house under other rules for accounts."""
    return replace(house, accounts_policy=replace(house.accounts_policy, **more))  # type: ignore[arg-type]


def logged_links(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The links in the log, where there is no server for mails."""
    assert all(record.levelno == logging.WARNING for record in caplog.records if record.getMessage() == "mail.not_set")
    return [record.__dict__["fields"]["link"] for record in caplog.records if record.getMessage() == "mail.not_set"]


def token_in(link: str, purpose: str) -> str:
    """The token at the end of a link."""
    before, _, token = link.rpartition("/")
    assert before.endswith(f"/{purpose}"), link
    return token
