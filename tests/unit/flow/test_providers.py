"""Coming in through another server: whom it lets in, whom it joins to whom, and what of its answers is not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from limner.flow import login, providers, register, signin
from limner.flow.house import House
from limner.flow.login import AccountSuspended
from limner.flow.providers import Arrival, LastWayIn, ProviderFailed, ProviderRefused, UnknownProvider
from limner.flow.register import InvitationNeeded
from limner.flow.signin import SignedIn
from limner.kit.clock import StillClock
from limner.logins import service as logins
from limner.logins.service import IdentityTaken, JourneyOver, NoSuchIdentity
from support.logins import (
    AGENT,
    PASSWORD,
    SENDER,
    comes_in,
    joins,
    logged_links,
    token_in,
    who_has,
    with_login,
    with_policy,
)
from support.people import Person
from support.provider import CLIENT_ID, CLIENT_SECRET, ProviderServer, provider_server


@pytest.fixture
async def server(clock: StillClock) -> AsyncIterator[ProviderServer]:
    async with provider_server(clock) as server:
        yield server


@pytest.fixture
def open_house(house: House, server: ProviderServer) -> House:
    """The house, which knows the server as two providers."""
    return with_policy(house, providers={"example": server.oidc(), "hub": server.github()})


async def goes_there_and_back(
    house: House,
    server: ProviderServer,
    *,
    provider: str = "example",
    who: SignedIn | None = None,
    link: bool = False,
    next_: str | None = None,
    invitation: str | None = None,
) -> Arrival:
    address = await providers.depart(
        house,
        provider=provider,
        visitor="jane's browser",
        sender=SENDER,
        next_=next_,
        invitation=invitation,
        link_to=who.account.id if who is not None and link else None,
    )
    answer = server.consents(address)
    return await providers.arrive(
        house, provider=provider, answer=answer, visitor="jane's browser", who=who, sender=SENDER, agent=AGENT
    )


# coming in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["example", "hub"])
async def test_jane_comes_in_and_is_the_same_next_time(
    open_house: House, server: ProviderServer, provider: str
) -> None:
    first = await goes_there_and_back(open_house, server, provider=provider, next_="/keys")
    server.email = "jane@another.example"
    second = await goes_there_and_back(open_house, server, provider=provider)

    jane = await who_has(open_house, first.token)
    assert (await who_has(open_house, second.token)).account == jane.account
    assert (first.is_new, first.next) == (True, "/keys")
    assert (second.is_new, second.next) == (False, None)
    assert jane.account.name == "jane"
    assert jane.login is not None
    assert (jane.login.email, jane.login.has_password) == ("jane@example.org", False)
    assert jane.login.verified_at == open_house.clock.now()


async def test_she_is_sent_with_what_ties_her_way_back_to_it(open_house: House) -> None:
    address = await providers.depart(open_house, provider="example", visitor="hers", sender=SENDER)

    asked = parse_qs(urlsplit(address).query)
    assert asked["redirect_uri"] == ["http://limner.test/login/example/back"]
    assert asked["scope"] == ["openid email profile"]
    async with open_house.database.statement() as tx:
        kept = await tx.value("SELECT j::text FROM login_journeys j")
    assert asked["state"][0] not in kept
    assert "hers" not in kept
    assert CLIENT_SECRET not in address


async def test_a_provider_may_want_the_secret_in_the_form(open_house: House, server: ProviderServer) -> None:
    server.auth_methods = ("client_secret_post",)
    assert (await goes_there_and_back(open_house, server)).is_new


async def test_a_provider_that_is_not_in_the_settings_is_none(open_house: House) -> None:
    with pytest.raises(UnknownProvider):
        await providers.depart(open_house, provider="elsewhere", visitor="x", sender=SENDER)


async def test_who_says_no_there_does_not_come_in(open_house: House, server: ProviderServer) -> None:
    address = await providers.depart(open_house, provider="example", visitor="hers", sender=SENDER)
    state = server.consents(address)["state"]

    with pytest.raises(ProviderRefused, match="Example did not let you in"):
        await providers.arrive(
            open_house,
            provider="example",
            answer={"error": "access_denied", "state": state},
            visitor="hers",
            who=None,
            sender=SENDER,
            agent=AGENT,
        )


async def test_the_way_back_is_open_once_to_one_browser_for_ten_minutes(
    open_house: House, server: ProviderServer, clock: StillClock
) -> None:
    async def back(answer: dict[str, str], visitor: str | None, provider: str = "example") -> Arrival:
        return await providers.arrive(
            open_house, provider=provider, answer=answer, visitor=visitor, who=None, sender=SENDER, agent=AGENT
        )

    address = await providers.depart(open_house, provider="example", visitor="hers", sender=SENDER)
    answer = server.consents(address)
    for visitor in (None, "", "another browser's"):
        with pytest.raises(JourneyOver):
            await back(answer, visitor)
    with pytest.raises(JourneyOver):
        await back(answer, "hers", "hub")
    with pytest.raises(JourneyOver):
        await back({**answer, "state": "forged"}, "hers")
    await back(answer, "hers")
    with pytest.raises(JourneyOver):
        await back(answer, "hers")

    address = await providers.depart(open_house, provider="example", visitor="hers", sender=SENDER)
    answer = server.consents(address)
    clock.move(seconds=601)
    with pytest.raises(JourneyOver):
        await back(answer, "hers")


async def test_a_code_that_was_asked_for_by_somebody_else_is_worth_nothing(
    open_house: House, server: ProviderServer
) -> None:
    hers = server.consents(await providers.depart(open_house, provider="hub", visitor="hers", sender=SENDER))
    mine = await providers.depart(open_house, provider="hub", visitor="mine", sender=SENDER)
    state = server.consents(mine)["state"]

    with pytest.raises(ProviderFailed):
        await providers.arrive(
            open_house,
            provider="hub",
            answer={"code": hers["code"], "state": state},
            visitor="mine",
            who=None,
            sender=SENDER,
            agent=AGENT,
        )


# what is not believed ----------------------------------------------------------------------------------------------------

Spoils = Callable[[ProviderServer], object]


def _claim(**wrong: Any) -> Spoils:
    return lambda server: setattr(server, "spoil", lambda claims: claims.update(wrong))


def _without(name: str) -> Spoils:
    return lambda server: setattr(server, "spoil", lambda claims: claims.pop(name))


def _by_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET + "x" * 20))


def _unsigned(claims: dict[str, Any]) -> str:
    signed = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("x" * 32))
    return "eyJhbGciOiJub25lIn0." + signed.split(".")[1] + "."


@pytest.mark.parametrize(
    "spoils",
    [
        _claim(nonce="another visit's"),
        _without("nonce"),
        _claim(aud="another-client"),
        _claim(aud=["another-client", CLIENT_ID], azp="another-client"),
        _claim(iss="https://evil.example"),
        _claim(exp=1_000_000_000),
        _without("exp"),
        _claim(sub=""),
        _claim(sub=7),
        _without("sub"),
        lambda server: setattr(server, "shown_key", RSAKey.generate_key(2048, {"kid": "one"})),
        lambda server: setattr(server, "signs", _by_secret),
        lambda server: setattr(server, "signs", _unsigned),
        lambda server: setattr(server, "signs", lambda _claims: "no token"),
    ],
    ids=[
        "another nonce",
        "no nonce",
        "for another",
        "for another too",
        "from another",
        "old",
        "for ever",
        "of nobody",
        "of a number",
        "without whom",
        "another key",
        "a shared secret",
        "no signature",
        "nonsense",
    ],
)
async def test_a_token_that_is_not_good_lets_nobody_in(
    open_house: House, server: ProviderServer, spoils: Spoils, caplog: pytest.LogCaptureFixture
) -> None:
    spoils(server)

    with pytest.raises(ProviderFailed):
        await goes_there_and_back(open_house, server)

    async with open_house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM accounts") == 0
    (line,) = [record for record in caplog.records if record.getMessage() == "provider.failed"]
    assert CLIENT_SECRET not in str(line.__dict__)


async def test_a_provider_that_calls_itself_otherwise_is_another(open_house: House, server: ProviderServer) -> None:
    server.issuer_shown = "https://evil.example"
    with pytest.raises(ProviderFailed):
        await providers.depart(open_house, provider="example", visitor="hers", sender=SENDER)


async def test_a_provider_that_is_not_there_is_said_to_be(open_house: House, server: ProviderServer) -> None:
    gone = with_policy(open_house, providers={"example": replace(server.oidc(), issuer="http://127.0.0.1:9")})
    with pytest.raises(ProviderFailed):
        await providers.depart(gone, provider="example", visitor="hers", sender=SENDER)


# who is joined to whom ---------------------------------------------------------------------------------------------------


async def test_a_verified_email_joins_a_verified_login(
    open_house: House, server: ProviderServer, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    here = await with_login(open_house, grace, email="Jane@example.org")
    await login.request_verification(open_house, here, sender=SENDER, language="en")
    await login.verify(open_house, token=token_in(logged_links(caplog)[0], "verify"), sender=SENDER)

    arrival = await goes_there_and_back(open_house, server)

    assert not arrival.is_new
    assert (await who_has(open_house, arrival.token)).account == grace.account


async def test_never_an_unverified_one(open_house: House, server: ProviderServer, grace: Person) -> None:
    await with_login(open_house, grace, email="jane@example.org")

    jane = await who_has(open_house, (await goes_there_and_back(open_house, server)).token)

    assert jane.account.id != grace.account.id
    assert jane.login is not None
    assert jane.login.email is None


@pytest.mark.parametrize(
    ("provider", "verified"), [(name, said) for name in ("example", "hub") for said in (False, None, "true", 1)]
)
async def test_never_by_an_email_that_the_provider_has_not_verified(
    open_house: House,
    server: ProviderServer,
    grace: Person,
    *,
    verified: object,
    provider: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = await with_login(open_house, grace, email="jane@example.org")
    await login.request_verification(open_house, here, sender=SENDER, language="en")
    await login.verify(open_house, token=token_in(logged_links(caplog)[0], "verify"), sender=SENDER)
    server.email_verified = verified

    arrival = await goes_there_and_back(open_house, server, provider=provider)

    jane = await who_has(open_house, arrival.token)
    assert jane.account.id != grace.account.id
    assert jane.login is not None
    assert jane.login.email is None


async def test_two_providers_may_know_two_people_by_one_number(open_house: House, server: ProviderServer) -> None:
    server.email = None
    one = await who_has(open_house, (await goes_there_and_back(open_house, server)).token)
    two = await who_has(open_house, (await goes_there_and_back(open_house, server, provider="hub")).token)
    assert one.account.id != two.account.id


async def test_grace_links_jane_and_comes_in_by_either(
    open_house: House, server: ProviderServer, grace: Person
) -> None:
    here = await with_login(open_house, grace)

    linked = await goes_there_and_back(open_house, server, who=here, link=True)

    assert linked.token is None
    (mine,) = await providers.identities_of(open_house, account_id=grace.account.id)
    assert (mine.provider, mine.label) == ("example", "jane@example.org")
    arrival = await goes_there_and_back(open_house, server)
    assert (await who_has(open_house, arrival.token)).account == grace.account


async def test_an_identity_belongs_to_one_account(
    open_house: House, server: ProviderServer, grace: Person, eve: Person
) -> None:
    await goes_there_and_back(open_house, server, who=await with_login(open_house, grace), link=True)

    with pytest.raises(IdentityTaken):
        await goes_there_and_back(open_house, server, who=await with_login(open_house, eve), link=True)


async def test_what_was_begun_as_grace_does_not_end_as_eve(
    open_house: House, server: ProviderServer, grace: Person, eve: Person
) -> None:
    hers, other = await with_login(open_house, grace), await with_login(open_house, eve)
    address = await providers.depart(
        open_house, provider="example", visitor="hers", sender=SENDER, link_to=hers.account.id
    )
    answer = server.consents(address)

    with pytest.raises(JourneyOver):
        await providers.arrive(
            open_house,
            provider="example",
            answer=answer,
            visitor="hers",
            who=other,
            sender=SENDER,
            agent=AGENT,
        )


async def test_the_last_way_in_stays(open_house: House, server: ProviderServer, grace: Person) -> None:
    jane = await who_has(open_house, (await goes_there_and_back(open_house, server)).token)
    with pytest.raises(LastWayIn):
        await providers.unlink(open_house, jane, provider="example", subject=server.subject)
    with pytest.raises(NoSuchIdentity):
        await providers.unlink(
            open_house, await with_login(open_house, grace), provider="example", subject=server.subject
        )

    await login.change_password(open_house, jane, old=None, new=PASSWORD, sender=SENDER)
    await providers.unlink(open_house, jane, provider="example", subject=server.subject)

    assert (await comes_in(open_house, "jane@example.org")).account == jane.account
    assert (await who_has(open_house, (await goes_there_and_back(open_house, server)).token)).account == jane.account


# the house's rules -------------------------------------------------------------------------------------------------------


async def test_a_newcomer_needs_what_any_other_needs(open_house: House, server: ProviderServer, ada: Person) -> None:
    house = with_policy(open_house, registration="invitation")
    with pytest.raises(InvitationNeeded):
        await goes_there_and_back(house, server)
    async with house.database.transaction() as tx:
        code = (await register.invite(tx, made_by=ada.account.id, now=house.clock.now())).code

    assert (await goes_there_and_back(house, server, invitation=code)).is_new
    assert not (await goes_there_and_back(house, server)).is_new


async def test_a_newcomer_may_have_to_wait(open_house: House, server: ProviderServer) -> None:
    house = with_policy(open_house, registration="approval")
    assert (await who_has(house, (await goes_there_and_back(house, server)).token)).is_waiting


async def test_the_suspended_stay_outside(open_house: House, server: ProviderServer) -> None:
    jane = await who_has(open_house, (await goes_there_and_back(open_house, server)).token)
    async with open_house.database.statement() as tx:
        await tx.run("UPDATE accounts SET suspended_at = now() WHERE id = $1", jane.account.id)

    with pytest.raises(AccountSuspended):
        await goes_there_and_back(open_house, server)


async def test_who_has_left_is_new_again(open_house: House, server: ProviderServer) -> None:
    jane = await who_has(open_house, (await goes_there_and_back(open_house, server)).token)
    async with open_house.database.transaction() as tx:
        await logins.forget_login(tx, account_id=jane.account.id)

    assert (await goes_there_and_back(open_house, server)).is_new
    assert await signin.sessions_of(open_house, account_id=jane.account.id) == []
    with pytest.raises(logins.EmailTaken):
        await joins(open_house, "jane@example.org")
