"""Coming in through another server that says who somebody is.

Who is sent there is remembered here, bound to a cookie of their browser, and comes back once. An identity belongs to one
account. One that is new joins the login with the same e-mail only if both sides have verified it: else whoever registers
first with somebody's address would own what comes after.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from limner.db import Tx
from limner.domain.problem import Problem
from limner.flow.house import House, ProviderPolicy
from limner.flow.login import refuse_suspended
from limner.flow.register import admit_person, may_register
from limner.flow.signin import SignedIn, begin_session
from limner.kit import oauth
from limner.kit.logs import event
from limner.kit.outbound import Outbound
from limner.logins import rules
from limner.logins import service as logins
from limner.logins.models import Identity, Journey

_log = logging.getLogger(__name__)


class UnknownProvider(Problem):
    """There is no provider of that name."""

    code = "unknown_provider"
    status = 404


class ProviderFailed(Problem):
    """The provider did not do its part."""

    code = "provider_failed"
    status = 502


class ProviderRefused(Problem):
    """The provider, or the person at it, said no."""

    code = "provider_refused"
    status = 403


class LastWayIn(Problem):
    """Without this identity nobody could sign in to the account."""

    code = "last_way_in"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who has come back. `token`: a new session's; None: their identity was linked to the account they are in."""

    token: str | None = field(repr=False)
    next: str | None
    is_new: bool


async def depart(
    house: House,
    *,
    provider: str,
    visitor: str,
    sender: str,
    next_: str | None = None,
    invitation: str | None = None,
    link_to: UUID | None = None,
) -> str:
    """Where to send somebody who wants to come in through a provider.

    `visitor`: what their browser's cookie says, and must still say when they come back. `link_to`: the account that they
    are in, which the identity is to be linked to.

    Raises `UnknownProvider`, `ProviderFailed`, `TriedTooOften`.
    """
    policy = _policy(house, provider)
    secrets_ = oauth.Secrets.new()
    now = house.clock.now()
    async with house.database.statement() as tx:
        await tx.together(logins.take("provider", who=rules.sender_of(sender), now=now))
    try:
        address = await _provider(policy).departure(
            _line(house), client=_client(house, provider, policy), secrets_=secrets_
        )
    except oauth.ProviderTroubleError as error:
        raise _failed(provider, error) from None
    journey = Journey(
        provider=provider,
        nonce=secrets_.nonce,
        verifier=secrets_.verifier,
        next=rules.place_of_ours(next_),
        invitation=invitation,
        account_id=link_to,
    )
    async with house.database.statement() as tx:
        await logins.begin_journey(tx, journey=journey, state=secrets_.state, visitor=visitor, now=now)
    return address


async def arrive(
    house: House,
    *,
    provider: str,
    answer: Mapping[str, str],
    visitor: str | None,
    who: SignedIn | None,
    sender: str,
    agent: str,
) -> Arrival:
    """Take in whom a provider sends back with `answer`. `who`: who is signed in, in that browser.

    Raises `UnknownProvider`, `ProviderFailed`, `ProviderRefused`, `JourneyOver`, `IdentityTaken`, `AccountSuspended`,
    `RegistrationClosed`, `InvitationNeeded`, `InvitationOver`, `TriedTooOften`.
    """
    policy = _policy(house, provider)
    now = house.clock.now()
    async with house.database.transaction() as tx:
        await tx.together(logins.take("provider", who=rules.sender_of(sender), now=now))
        journey = await logins.end_journey(
            tx, provider=provider, state=answer.get("state", ""), visitor=visitor or "", now=now
        )
    if journey.account_id is not None and (who is None or who.account.id != journey.account_id):
        raise logins.JourneyOver("you were signed out in the meantime: sign in and begin again")
    if "code" not in answer:
        raise ProviderRefused(f"{policy.title} did not let you in: begin again, and say yes there")
    try:
        person = await _provider(policy).arrival(
            _line(house),
            client=_client(house, provider, policy),
            code=answer["code"],
            nonce=journey.nonce,
            verifier=journey.verifier,
            now=now,
        )
    except oauth.ProviderTroubleError as error:
        raise _failed(provider, error) from None
    async with house.database.transaction() as tx:
        if journey.account_id is not None:
            await _link(tx, house, provider=provider, person=person, account_id=journey.account_id)
            return Arrival(token=None, next=journey.next, is_new=False)
        account_id, is_new = await _account_of(tx, house, provider=provider, person=person, journey=journey)
        await refuse_suspended(tx, account_id=account_id)
        token = await begin_session(tx, house, account_id=account_id, sender=sender, agent=agent)
    return Arrival(token=token, next=journey.next, is_new=is_new)


async def _account_of(
    tx: Tx, house: House, *, provider: str, person: oauth.Person, journey: Journey
) -> tuple[UUID, bool]:
    """Whose identity it is, and whether they are new here."""
    known = await logins.identity(tx, provider=provider, subject=person.subject)
    if known is not None:
        return known.account_id, False
    email = person.email if person.email is not None and rules.is_email(person.email) else None
    same = await logins.login_called(tx, email=email) if email is not None else None
    if same is not None and same.verified_at is not None:
        await _link(tx, house, provider=provider, person=person, account_id=same.account_id)
        return same.account_id, False
    may_register(house, invitation=journey.invitation)
    login = await admit_person(
        tx,
        house,
        # Somebody else has it, unverified: theirs it is not, and ours it cannot be.
        email=email if same is None else None,
        password_hash=None,
        must_verify=False,
        verified=email is not None and same is None,
        invitation=journey.invitation,
    )
    await _link(tx, house, provider=provider, person=person, account_id=login.account_id)
    return login.account_id, True


async def _link(tx: Tx, house: House, *, provider: str, person: oauth.Person, account_id: UUID) -> Identity:
    return await logins.add_identity(
        tx,
        provider=provider,
        subject=person.subject,
        account_id=account_id,
        label=person.label,
        now=house.clock.now(),
    )


async def unlink(house: House, who: SignedIn, *, provider: str, subject: str) -> None:
    """Forget an identity of one's own. Raises `NoSuchIdentity`, or `LastWayIn` if nothing else would be left to sign in with."""
    async with house.database.transaction() as tx:
        await logins.lock_login(tx, account_id=who.account.id)
        login = await logins.login_of(tx, account_id=who.account.id)
        mine = await logins.identities(tx, account_id=who.account.id)
        if not any((one.provider, one.subject) == (provider, subject) for one in mine):
            raise logins.NoSuchIdentity("the account is not linked to that identity")
        if len(mine) == 1 and (login is None or not login.has_password):
            raise LastWayIn("this is how you sign in: set a password first, or link another")
        await logins.remove_identity(tx, provider=provider, subject=subject, account_id=who.account.id)


async def identities_of(house: House, *, account_id: UUID) -> list[Identity]:
    """What the account is linked to, oldest first."""
    async with house.database.statement() as tx:
        return await logins.identities(tx, account_id=account_id)


def _policy(house: House, provider: str) -> ProviderPolicy:
    policy = house.accounts_policy.providers.get(provider)
    if policy is None:
        raise UnknownProvider("this server knows no such provider")
    return policy


def _provider(policy: ProviderPolicy) -> oauth.Provider:
    if policy.kind == "oidc":
        assert policy.issuer is not None, "the settings see to it"
        return oauth.OpenId(issuer=policy.issuer)
    usual = oauth.GitHub()
    return oauth.GitHub(
        authorize_url=policy.authorize_url or usual.authorize_url,
        token_url=policy.token_url or usual.token_url,
        api_url=policy.api_url or usual.api_url,
    )


def back_address(house: House, provider: str) -> str:
    """Where the provider sends people back to: what is to be registered there."""
    return f"{house.public_url}/login/{provider}/back"


def _client(house: House, provider: str, policy: ProviderPolicy) -> oauth.Client:
    return oauth.Client(
        client_id=policy.client_id, client_secret=policy.client_secret, redirect_uri=back_address(house, provider)
    )


def _line(house: House) -> Outbound:
    assert house.provider_line is not None, "a house with providers has a way to them"
    return house.provider_line


def _failed(provider: str, error: oauth.ProviderTroubleError) -> ProviderFailed:
    event(_log, "provider.failed", level=logging.WARNING, provider=provider, error=str(error))
    return ProviderFailed("the other server did not do its part: try again, or sign in another way")
