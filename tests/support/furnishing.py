"""A server in which people have been for a while: pictures, tasks of every fate, callbacks, inboxes, codes, a share.

Most of it is made by the API, as in life. Logins, codes and shares come through the back door, by the console's own acts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import requests
from pydantic import SecretStr

from limner import config
from limner.accounts import service as accounts
from limner.audit.models import Actor
from limner.bootstrap import opened_house
from limner.domain.money import micro
from limner.flow import operators
from limner.flow.acquire import acquire
from limner.flow.house import House
from limner.flow.login import noise, reset_link
from limner.flow.redeem import redeem
from limner.flow.register import register, welcome_link
from limner.flow.share import share
from limner.flow.signin import open_session, signed_in
from limner.flow.tokens import make_token
from limner.logins import service as logins
from support.people import join
from support.pictures import data_url, mask
from support.ports import free_port
from support.server import Server, start_worker

_Result = TypeVar("_Result")

PASSWORD: Final = "correct horse battery staple"
SCRIPT: Final = "<script>alert(1)</script>"
IMAGE: Final = '"><img src=x onerror=alert(1)>'
LONG_WORD: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
CHINESE: Final = "一只可爱的水獭宝宝浮在夕阳下的海面上，远处有一座灯塔和几只小船，天空是橙色和紫色的，像一幅水彩画"
PROMPTS: Final = (
    "A cute baby sea otter",
    CHINESE,
    f"{SCRIPT} a red fox in the snow",
    f"{IMAGE} a lighthouse at night",
    f"two cats, a house and {LONG_WORD}",
    "three blue cats and a pine in the snow, at night, with a moon. " * 8,
)
ENVIRON: Final[Mapping[str, str]] = {
    "LIMNER_CATALOG__ENGINE": "illustrator",
    # No node performs what this one is asked for, until one comes that does.
    "LIMNER_CATALOG__MODELS": json.dumps({"somewhere-else": {"engine": "fake", "price": 0.01}}),
    "LIMNER_WORKER__ENGINES": json.dumps(["illustrator"]),
    "LIMNER_LIMITS__REQUESTS_PER_MINUTE": "100000",
}
MASK: Final = data_url(mask(256, 256))
_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """What there is. `sessions`: of grace, the owner, and eve, who has just come. `names`: what fills a page's address."""

    sessions: Mapping[str, str]
    names: dict[str, str] = field(default_factory=dict)
    grace_key: str = field(repr=False, default="")


def through_the_back_door(
    server: Server, database_url: str, work: Callable[[House], Coroutine[Any, Any, _Result]]
) -> _Result:
    """Do something in the server's house. In a thread of its own: a browser that is open keeps this one's event loop."""

    async def done() -> _Result:
        settings = config.Settings(
            data_dir=server.data_dir,
            database=config.Database(url=SecretStr(database_url), connections_max=4),
            catalog=config.Catalog(engine="illustrator"),
        )
        async with opened_house(settings, public_url=server.url) as house:
            return await work(house)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, done()).result()


async def _arrive(house: House, *, name: str) -> str:
    """Somebody who registers; their session."""
    registered = await register(
        house,
        email=f"{name}@example.com",
        password=PASSWORD,
        sender="127.0.0.1",
        agent="Mozilla/5.0 (X11; Linux x86_64) Chromium/156",
        language="en",
    )
    assert registered.token is not None
    return registered.token


async def _account_id(house: House, session: str) -> UUID:
    who = await signed_in(house, token=session)
    assert who is not None
    return who.account.id


def newcomer(server: Server, database_url: str, *, name: str) -> str:
    """The session of somebody new, who has a key and the free credits."""

    async def come(house: House) -> str:
        session = await _arrive(house, name=name)
        await acquire(house, account_id=await _account_id(house, session), now=house.clock.now())
        return session

    return through_the_back_door(server, database_url, come)


async def session_of_owner(house: House) -> str:
    """The owner, signed in."""
    async with house.database.statement() as tx:
        owner = await accounts.account_called(tx, name="owner")
    return await open_session(house, account_id=owner.id, sender="127.0.0.1", agent="tests")


async def _people(house: House) -> Furnished:
    sessions = {"owner": await session_of_owner(house)}
    for name in ("grace", "eve"):
        sessions[name] = await _arrive(house, name=name)
    grace, owner = await _account_id(house, sessions["grace"]), await _account_id(house, sessions["owner"])
    now = house.clock.now()
    key = (await acquire(house, account_id=grace, now=now)).issued
    await make_token(house, account_id=grace, name="the accountant's script", expires_at=None)
    alan = await join(house, "alan")  # who has a key, and no way to sign in yet
    actor = Actor(account_id=owner, trace_id="furnishing", sender="127.0.0.1")
    codes = await operators.make_codes(house, actor, amount=micro(25), count=3, note="welcome to the workshop")
    invitation = await operators.invite(house, actor, note="for charles", credits_=micro(5))
    await operators.invite(house, actor, email="charles@example.com", uses_max=1)
    await operators.grant(house, actor, account_id=grace, amount=micro(50), reason="for the reading room")
    await operators.suspend(house, actor, account_id=alan.account.id, reason="asked for it")
    await redeem(house, account_id=grace, code=codes[0].secret)
    async with house.database.transaction() as tx:
        by_email = await logins.login_called(tx, email="grace@example.com")
        assert by_email is not None
        links = {
            "reset": await reset_link(tx, login=by_email, now=now),
            "verify": await logins.make_link(
                tx, account_id=grace, purpose="verify", noise=noise(), email="grace@example.com", now=now
            ),
            "welcome": await welcome_link(tx, account_id=owner, now=now),
        }
    names = {
        "key": str(key.key.id),
        "account": str(grace),
        "suspended": str(alan.account.id),
        "code": codes[1].secret,
        "invitation": invitation.code,
        **links,
    }
    return Furnished(sessions=sessions, names=names, grace_key=key.secret)


def _asked(server: Server, key: str, method: str, path: str, **body: Any) -> Any:
    answer = requests.request(
        method, server.url + path, json=body or None, headers={"authorization": f"Bearer {key}"}, timeout=_SECONDS
    )
    assert answer.ok, answer.text
    return answer.json()


def _ended(server: Server, key: str, task: str) -> Any:
    answer = requests.get(
        f"{server.url}/v1/images/tasks/{task}",
        headers={"authorization": f"Bearer {key}", "prefer": f"wait={_SECONDS}"},
        timeout=2 * _SECONDS,
    )
    assert answer.ok, answer.text
    return answer.json()


def _paint(server: Server, key: str, names: dict[str, str]) -> None:
    def generated(**body: Any) -> str:
        asked = {"model": "dall-e-2", "size": "256x256", "async": True, **body}
        return str(_asked(server, key, "POST", "/v1/images/generations", **asked)["task_id"])

    painted = [generated(prompt=prompt) for prompt in PROMPTS]
    painted.append(generated(prompt="four otters in a row", n=4))
    inbox_made = _asked(server, key, "POST", "/v1/inboxes", name="a place to look")
    painted.append(generated(prompt="an otter that calls back", callback_url=inbox_made["url"]))
    deaf = f"http://127.0.0.1:{free_port()}/hook"
    painted.append(generated(prompt="an otter that nobody hears", callback_url=deaf))
    for task in painted:
        assert _ended(server, key, task)["status"] == "succeeded"
    wide = _asked(server, key, "POST", "/v1/images/generations", model="dall-e-3", prompt=CHINESE, size="1792x1024")
    assert wide["data"]
    links = [one["url"] for one in _ended(server, key, painted[6])["result"]["data"]]
    edited = {"model": "gpt-image-1.5", "prompt": "add a red balloon", "image": links[:3], "mask": MASK}
    cancelled = generated(model="somewhere-else", prompt="an otter that is not wanted any more", size="auto")
    _asked(server, key, "POST", f"/v1/images/tasks/{cancelled}/cancel")
    names |= {
        "succeeded": painted[0],
        "scripted": painted[2],
        "long": painted[4],
        "many": painted[6],
        "called": painted[7],
        "unheard": painted[8],
        "cancelled": cancelled,
        "edited": str(_asked(server, key, "POST", "/v1/images/edits", **edited)["task_id"]),
        "inbox": inbox_made["url"].rsplit("/", 1)[1],
        "quiet_inbox": _asked(server, key, "POST", "/v1/inboxes", name="nothing here")["url"].rsplit("/", 1)[1],
    }


def _fail(server: Server, key: str, names: dict[str, str], database_url: str) -> None:
    """One task comes to a node that breaks; the next one finds none."""

    def asked(prompt: str) -> str:
        body = {"model": "somewhere-else", "prompt": prompt, "async": True}
        return str(_asked(server, key, "POST", "/v1/images/generations", **body)["task_id"])

    names["failed"] = asked("an otter that breaks the machine")
    environ = {**ENVIRON, "LIMNER_WORKER__ENGINES": '["fake"]', "LIMNER_ENGINES": '{"fake": {"fail": 0}}'}
    worker = start_worker(server.data_dir, database_url=database_url, environ=environ)
    try:
        assert _ended(server, key, names["failed"])["status"] == "failed"
    finally:
        worker.stop()
    names["queued"] = asked("an otter that waits")


def furnish(server: Server, database_url: str) -> Furnished:
    """All of it."""
    found = through_the_back_door(server, database_url, _people)
    _paint(server, found.grace_key, found.names)
    _fail(server, found.grace_key, found.names, database_url)

    async def shared(house: House) -> str:
        made = await share(
            house,
            account_id=UUID(found.names["account"]),
            task_id=UUID(found.names["scripted"]),
            index=0,
            life=timedelta(days=3),
            shows_prompt=True,
        )
        assert made.url is not None
        return made.url.rsplit("/", 1)[1]

    found.names["share"] = through_the_back_door(server, database_url, shared)
    return found
