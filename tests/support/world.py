"""What there is in somebody's part of a house: one of everything that a page can be about, to ask who gets at it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.audit.models import Actor
from limner.flow.admit import Callback, Terms
from limner.flow.gallery import picture
from limner.flow.house import House
from limner.flow.inbox import make
from limner.flow.moderation_rules import add_rule, rules
from limner.flow.redeem import make_codes
from limner.flow.register import invite
from limner.flow.share import LIFETIMES, share, shares_of
from limner.inboxes import service as inboxes
from limner.kit.ids import uuid7
from limner.tokens import service as tokens
from limner.web.console.visit import Page
from support.ears import listening
from support.people import Person
from support.workers import at_work, ended, submitted

SOUND: Final = frozenset({200})
MOVED_ON: Final = frozenset({303})
# What answers something else than a page to whoever may have it, and why.
_ANSWERS: Final[Mapping[str, frozenset[int]]] = {
    "/language/{language}": MOVED_ON,  # back to where one was
    "/theme/{theme}": MOVED_ON,
    "/docs": MOVED_ON,  # to the first chapter
    "/login": SOUND | MOVED_ON,  # whoever is in need not come in
    "/register": SOUND | MOVED_ON,
    "/login/{provider}": frozenset({404}),  # there is none in this house
    "/login/{provider}/back": frozenset({404}),
    "/verify/{token}": frozenset({404, 410}),  # nobody waits for such a link
    "/reset/{token}": frozenset({404, 410}),
    "/welcome/{token}": frozenset({404, 410}),
}
ENDLESS: Final = frozenset({"/inboxes/{token}/live"})
"""Streams that go on until somebody leaves."""
_LINKS: Final = ("/verify/", "/reset/", "/welcome/")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is somebody's, by the names that pages' addresses have for it."""

    person: Person
    names: Mapping[str, str] = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)
    ids: Mapping[str, UUID] = field(repr=False)

    def path(self, page: Page) -> str:
        """The page's address, about this person's things."""
        token = next((token for beginning, token in self.tokens.items() if page.path.startswith(beginning)), "nonsense")
        id_ = next((str(id_) for beginning, id_ in self.ids.items() if page.path.startswith(beginning)), None)
        path = page.path.replace("{name:path}", "dall-e-3")
        return path.format_map({**self.names, "token": token, **({"id": id_} if id_ else {})})

    def answers(self, page: Page) -> frozenset[int]:
        """What whoever may have the page gets."""
        return _ANSWERS.get(page.path, SOUND)

    def form(self, page: Page) -> dict[str, str]:
        """What a form of that page might say."""
        return {"life": "1h", "name": page.path, "email": "eve@example.org", "password": "correct horse battery"}

    async def is_untouched(self, house: House) -> bool:
        """Whether everything is still as it was made."""
        account_id, now = self.person.account.id, house.clock.now()
        task = self.names["task"]
        await picture(house, account_id=account_id, task_id=UUID(task), index=0)
        shares = await shares_of(house, account_id=account_id, task_id=UUID(task), index=0)
        async with house.database.statement() as tx:
            await inboxes.inbox(tx, token=self.tokens["/inboxes/"], account_id=account_id, now=now)
            await tokens.token_of(tx, id_=self.ids["/tokens/"], account_id=account_id)
            key = await accounts.key_owned(tx, id_=self.person.key.id, account_id=account_id)
        is_ruled = [str(rule.id) for rule in await rules(house)] == [self.names["rule"]]
        is_shared = [one.share.id for one in shares if one.share.revoked_at is None] == [UUID(self.names["share"])]
        return is_shared and is_ruled and key == self.person.key


async def world_of(house: House, person: Person) -> World:
    """One of everything."""
    with listening() as ear:
        async with at_work(house):
            terms = Terms(is_async=True, callback=Callback(url=ear.url, secret=None))
            task = await ended(house, await submitted(house, person, terms=terms))
            await asyncio.to_thread(ear.next)
    account_id = person.account.id
    shared = await share(
        house, account_id=account_id, task_id=task.id, index=0, life=LIFETIMES["1d"], shows_prompt=True
    )
    assert shared.url is not None
    made = await make(house.database, clock=house.clock, life=house.inbox_life, account_id=account_id, name="mine")
    now = house.clock.now()
    actor = Actor(account_id=account_id, trace_id=str(uuid7()), sender="127.0.0.1")
    rule = await add_rule(house, actor, kind="word", text="zeppelin")
    async with house.database.transaction() as tx:
        platform = await tokens.issue(
            tx, id_=uuid7(), account_id=account_id, name="mine", noise=b"n" * 32, expires_at=None, now=now
        )
        invitation = await invite(tx, made_by=account_id, now=now)
        (code,) = await make_codes(tx, amount=1_000_000, made_by=account_id, now=now)
    return World(
        person=person,
        names={
            "slug": "basic",
            "name": "otter.webp",
            "task": str(task.id),
            "index": "0",
            "share": str(shared.share.id),
            "key": str(person.key.id),
            "language": "zh",
            "theme": "dark",
            "provider": "nobody",
            "rule": str(rule.id),
        },
        tokens={"/inboxes/": made.inbox.token, "/s/": shared.url.rpartition("/")[2]},
        ids={
            "/keys/": person.key.id,
            "/tokens/": platform.token.id,
            "/operate/accounts/": account_id,
            "/operate/invitations/": invitation.invitation.id,
            "/operate/codes/": code.code.id,
        },
    )
