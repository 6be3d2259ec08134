"""The house: everything that the acts need, chosen once by bootstrap and handed to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from limner.catalog.service import Catalog
from limner.db import Database
from limner.domain.principal import Principal
from limner.domain.setting import SettingShown
from limner.engines import Engine
from limner.flow.bells import Bells
from limner.flow.certifier import Certifier
from limner.flow.checker import Checker
from limner.flow.errands import Errands
from limner.flow.hands import Hands
from limner.flow.measures import Measures
from limner.flow.moderator import Moderator
from limner.flow.news import News
from limner.flow.reviser import Reviser
from limner.flow.signs import Signs
from limner.kit.clock import Clock
from limner.kit.mail import Post
from limner.kit.outbound import Outbound
from limner.kit.passwords import Passwords
from limner.kit.tracing import OFF, Tracer
from limner.limits.models import Policy
from limner.storage import Storage

_BULKY_AT_ONCE: Final = 16


@dataclass(slots=True)
class EngineStand:
    """An engine and whether it is open: opened at its first task, so that one that nobody asks costs nothing.

    `plug`: what kind of engine it is.
    """

    engine: Engine
    plug: str = field(default="", kw_only=True)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _is_open: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is."""
        return self._is_open

    async def ready(self) -> Engine:
        """The engine, open."""
        if not self._is_open:
            async with self._lock:
                if not self._is_open:
                    await self.engine.open()
                    self._is_open = True
        return self.engine

    async def close(self) -> None:
        """Close it if it was opened."""
        if self._is_open:
            self._is_open = False
            await self.engine.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """How asynchronous tasks wait.

    Of one account, `account_concurrent` are performed at once and `account_waiting_max` may wait. A task is begun at most
    `attempts_max` times. A node that is silent for `lease_seconds` loses what it has in hand.
    How far a task has come is told every `tell_every_seconds` at most.
    """

    account_concurrent: int = 8
    account_waiting_max: int = 10_000
    attempts_max: int = 3
    lease_seconds: int = 30
    tell_every_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPolicy:
    """How callbacks are delivered: the waits between attempts, how long each may take, how many at once to one receiver.

    A receiver that has answered nothing well for `pause_after` is paused; `operator_url` is told of it.
    """

    retry_seconds: tuple[float, ...] = (5, 60, 300, 1800, 7200, 21_600, 50_400, 86_400)
    timeout_seconds: float = 15.0
    endpoint_concurrent: int = 8
    pause_after: timedelta = timedelta(days=5)
    operator_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPolicy:
    """Who else may say who somebody is. `kind`: oidc, whose addresses `issuer` tells, or github.

    `title`: what the button says. The addresses are github.com's own unless they are given.
    """

    kind: Literal["oidc", "github"]
    title: str
    client_id: str
    client_secret: str = field(repr=False)
    issuer: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPolicy:
    """Who may have an account, how long they stay signed in, and who else may say who they are.

    A session ends `session_life` after it began, or `session_idle` after its last page.
    """

    registration: Literal["open", "invitation", "approval", "closed"] = "open"
    session_life: timedelta = timedelta(days=30)
    session_idle: timedelta = timedelta(days=7)
    providers: Mapping[str, ProviderPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPolicy:
    """What callers may give, and for how long it is kept.

    `keep`: of what is uploaded, `input_life`: of what came inside a request. One has `file_bytes_max` bytes and `pixels_max`
    pixels at most, all of an account together `account_bytes_max` bytes.
    """

    keep: timedelta = timedelta(days=7)
    input_life: timedelta = timedelta(hours=24)
    file_bytes_max: int = 50_000_000
    pixels_max: int = 40_000_000
    account_bytes_max: int = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a node works with.

    `node_id` is new at every start. `policy` is what keys may do that have no limits of their own. `performs`: the engines
    whose tasks this node performs itself. `keep`: how long pictures are kept. `principals`: callers seen before, by their
    key's hash; a guess, which every admission checks. `bulky`: taken by whoever has a callback of many megabytes in memory.
    `errands`: tasks that are performed beside their callers' connections. `stops_for_leavers`: whether a caller that leaves
    stops what it asked for. `keep_alive_seconds`: how often something is sent to a caller who waits; None: not before the answer.
    `comment_seconds`: how long a stream may be silent; proxies cut what is, the strictest of them after half a minute.
    `inbox_news`: what came into inboxes. `post`: sends mails, or says that it cannot. `provider_line`: the way to
    the servers that say who somebody is. `reviser`: rewrites prompts, None: nobody does but engines for themselves. `moderator`: says what may be painted;
    `verdicts_kept`: for how long what it said is kept.
    `checker`: looks at pictures that callers give, of which `files_policy` says what they may be.
    `certifier`: writes into pictures where they come from, None: nobody does.
    `settings_shown`: the settings in force, secrets masked.
    """

    database: Database
    storage: Storage
    engines: Mapping[str, EngineStand]
    performs: frozenset[str]
    catalog: Catalog
    clock: Clock
    node_id: UUID
    policy: Policy
    queue_policy: QueuePolicy
    callback_policy: CallbackPolicy
    outbound: Outbound
    public_url: str
    link_secrets: Sequence[bytes]
    link_seconds: int
    task_seconds: int
    keep: timedelta
    inbox_life: timedelta
    hands: Hands
    news: News
    inbox_news: News
    bells: Bells
    principals: dict[bytes, Principal] = field(default_factory=dict)
    errands: Errands = field(default_factory=Errands)
    stops_for_leavers: bool = False
    keep_alive_seconds: float | None = None
    comment_seconds: float = 15.0
    bulky: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_BULKY_AT_ONCE))
    measures: Measures = field(default_factory=Measures)
    signs: Signs = field(default_factory=Signs)
    tracer: Tracer = OFF
    metrics_token: str | None = field(default=None, repr=False)
    accounts_policy: AccountsPolicy = field(default_factory=AccountsPolicy)
    passwords: Passwords = field(default_factory=Passwords)
    post: Post = field(default_factory=Post)
    provider_line: Outbound | None = None
    reviser: Reviser | None = None
    certifier: Certifier | None = None
    files_policy: FilesPolicy = field(default_factory=FilesPolicy)
    checker: Checker = field(default_factory=Checker)
    moderator: Moderator = field(default_factory=Moderator)
    verdicts_kept: timedelta = timedelta(days=90)
    free_credits: int = 10_000_000
    settings_shown: Sequence[SettingShown] = ()
