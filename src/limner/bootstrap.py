"""Settings to House: the only place that picks implementations, and what happens at a first start."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import limner
from limner import engines, storage
from limner.accounts import service as accounts
from limner.catalog import service as catalog_book
from limner.catalog.service import Catalog, CustomModel, catalog_of
from limner.config import Loaded, Settings, SettingsError, all_shown
from limner.db import Database, schema
from limner.db.embedded import keep_embedded, open_embedded
from limner.db.listen import Listener
from limner.domain.money import micro
from limner.engines import Engine
from limner.flow.bells import Bells
from limner.flow.hands import Hands
from limner.flow.house import AccountsPolicy, CallbackPolicy, EngineStand, House, ProviderPolicy, QueuePolicy
from limner.flow.keys import add_account, issue_key
from limner.flow.news import News
from limner.flow.offer import Offer
from limner.flow.signs import Signs
from limner.images import service as images
from limner.inboxes import service as inboxes
from limner.jobs import service as jobs
from limner.kit import tracing
from limner.kit.clock import Clock, SteadyClock
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.mail import MailServer, Post
from limner.kit.outbound import Outbound
from limner.kit.outbound import Policy as OutboundPolicy
from limner.kit.tracing import Tracer
from limner.limits.models import Policy
from limner.tasks import service as tasks

_log = logging.getLogger(__name__)

OWNER_NAME: Final = "owner"
OWNER_KEY_FILE: Final = "owner.key"
EMBEDDED_FOLDER: Final = "postgres"
_SECRET_BYTES: Final = 32
_LAST_TRACES_SECONDS: Final = 3.0
_LAST_MAILS_SECONDS: Final = 5.0


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerKey:
    """The owner's key as the first start left it. `secret` None: another data folder has it."""

    secret: str | None
    path: Path
    is_new: bool


def prepare_data_dir(folder: Path) -> Path:
    """Make the data folder if need be, and see that it can be written to. Raises `DataFolderError`."""
    folder = folder.expanduser().absolute()
    trial = folder / f".try-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"x" * 4096)
        trial.unlink()
    except OSError as error:
        with suppress(OSError):  # it may never have come to be, and what went wrong is being said
            trial.unlink()
        raise DataFolderError(
            f"the data folder {folder} cannot be used: {(error.strerror or str(error)).lower()}; "
            "give another with --data-dir or LIMNER_DATA_DIR"
        ) from None
    return folder


@asynccontextmanager
async def opened_database(settings: Settings, *, upgrade: bool = True) -> AsyncGenerator[Database]:
    """The database that the settings name, with its schema up to date (or, for looking only, as it is)."""
    url = settings.database.url.get_secret_value() if settings.database.url else None
    if url is None:
        url = await open_embedded(prepare_data_dir(settings.data_dir) / EMBEDDED_FOLDER)
    database = await Database.open(url, connections_max=settings.database.connections_max)
    try:
        if upgrade:
            await schema.upgrade(database, url)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def opened_house(
    settings: Settings,
    *,
    public_url: str,
    clock: Clock | None = None,
    warm: str | None = None,
    origins: Mapping[str, str] = MappingProxyType({}),
) -> AsyncGenerator[House]:
    """The house, ready to work; everything that was opened is closed at the end.

    `warm`: the engine that most requests go to. It is opened beside everything else, so that the first of them need not
    wait for it. `origins`: where the settings come from, for whoever is shown them.
    """
    folder = prepare_data_dir(settings.data_dir)
    made = make_engines(settings)
    catalog = make_catalog(settings, known_engines=set(made))
    performs = _performed(settings, known_engines=set(made))
    node_id, token = uuid7(), settings.server.metrics_token
    tracer = make_tracer(settings, node_id=node_id)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(tracer.close, seconds=_LAST_TRACES_SECONDS)
        for stand in made.values():
            stack.push_async_callback(stand.close)
        if warm is not None and warm in performs:
            stack.push_async_callback(_cancelled, asyncio.create_task(_warm_up(made[warm], name=warm)))
        database = await stack.enter_async_context(opened_database(settings))
        if settings.database.url is None:
            keeping = asyncio.create_task(keep_embedded(folder / EMBEDDED_FOLDER))
            stack.push_async_callback(_cancelled, keeping)
        clock = clock or SteadyClock(await database.now())
        store = storage.load(settings.storage.url or (folder / "pictures").as_uri())
        await store.open()
        stack.push_async_callback(store.close)
        async with database.transaction() as tx:
            link_secrets = await images.link_secrets(
                tx, id_=uuid7(), noise=secrets.token_bytes(_SECRET_BYTES), now=clock.now()
            )
        outbound = make_outbound(settings)
        stack.push_async_callback(outbound.close)
        provider_line = make_provider_line()
        stack.push_async_callback(provider_line.close)
        post = make_post(settings)
        stack.push_async_callback(post.close, seconds=_LAST_MAILS_SECONDS)
        hands = Hands()
        news, inbox_news, bells = News(on_cancel=hands.cancel), News(), Bells()
        offer = Offer(database, catalog, engines=frozenset(made))
        await offer.look()
        stack.push_async_callback(_cancelled, asyncio.create_task(offer.run()))
        listener = _listener(database.url, news=news, inbox_news=inbox_news, bells=bells, offer=offer)
        signs = Signs(listening=listener.is_listening)
        stack.push_async_callback(_cancelled, asyncio.create_task(listener.run()))
        yield House(
            database=database,
            storage=store,
            engines=made,
            performs=performs,
            catalog=catalog,
            clock=clock,
            node_id=node_id,
            policy=Policy(
                requests_per_minute=settings.limits.requests_per_minute, concurrent=settings.limits.concurrent
            ),
            queue_policy=QueuePolicy(**settings.queue.model_dump()),
            callback_policy=_callback_policy(settings),
            outbound=outbound,
            public_url=(settings.server.public_url or public_url).rstrip("/"),
            link_secrets=link_secrets,
            link_seconds=settings.links.seconds,
            task_seconds=settings.limits.task_seconds,
            keep=timedelta(days=settings.storage.keep_days),
            inbox_life=timedelta(hours=settings.inbox.hours),
            blocked_words=tuple(word for word in settings.moderation.blocked_words if word),
            hands=hands,
            news=news,
            inbox_news=inbox_news,
            bells=bells,
            signs=signs,
            tracer=tracer,
            metrics_token=token.get_secret_value() if token else None,
            free_credits=micro(settings.credits.free),
            accounts_policy=accounts_policy(settings),
            post=post,
            provider_line=provider_line,
            settings_shown=all_shown(Loaded(settings=settings, origins=origins)),
        )


def _listener(url: str, *, news: News, inbox_news: News, bells: Bells, offer: Offer) -> Listener:
    listener = Listener(url)
    listener.hear(tasks.CHANNEL, news.heard)
    listener.hear(inboxes.CHANNEL, inbox_news.heard)
    listener.hear(jobs.CHANNEL, bells.heard)
    listener.hear(catalog_book.CHANNEL, offer.heard)
    listener.on_gap(news.gap)
    listener.on_gap(inbox_news.gap)
    listener.on_gap(bells.gap)
    listener.on_gap(offer.gap)
    return listener


def _performed(settings: Settings, *, known_engines: set[str]) -> frozenset[str]:
    """The engines whose tasks this process performs. Raises `SettingsError` for one that does not exist."""
    named = known_engines if settings.worker.engines is None else set(settings.worker.engines)
    unknown = (named | set(settings.worker.engine_concurrent)) - known_engines
    if unknown:
        raise SettingsError(
            f"worker: there is no engine {', '.join(sorted(unknown))}; there is {', '.join(sorted(known_engines))}"
        )
    return frozenset(named)


def _callback_policy(settings: Settings) -> CallbackPolicy:
    given = settings.webhooks
    return CallbackPolicy(
        retry_seconds=given.retry_seconds,
        timeout_seconds=given.timeout_seconds,
        endpoint_concurrent=given.endpoint_concurrent,
        pause_after=timedelta(days=given.pause_days),
        operator_url=given.operator_url,
    )


def accounts_policy(settings: Settings) -> AccountsPolicy:
    """Who may have an account. As set, else everybody if nobody but this machine can reach the server."""
    given = settings.accounts
    only_here = is_loopback(settings.server.host) and settings.server.public_url is None
    return AccountsPolicy(
        registration=given.registration or ("open" if only_here else "invitation"),
        session_life=timedelta(days=given.session_days),
        session_idle=timedelta(days=given.session_idle_days),
        providers={
            name: ProviderPolicy(
                kind=provider.kind,
                title=provider.title or name,
                client_id=provider.client_id,
                client_secret=provider.client_secret.get_secret_value(),
                issuer=provider.issuer,
                authorize_url=provider.authorize_url,
                token_url=provider.token_url,
                api_url=provider.api_url,
            )
            for name, provider in given.providers.items()
        },
    )


def make_post(settings: Settings) -> Post:
    """How mails are sent, if there is a server for them."""
    given = settings.mail
    if given.host is None:
        return Post()
    port = given.port or {"starttls": 587, "implicit": 465, "none": 25}[given.tls]
    place = urlsplit(settings.server.public_url or "").hostname or "localhost"
    return Post(
        MailServer(
            host=given.host,
            port=port,
            sender=given.sender or f"limner <no-reply@{place}>",
            tls=given.tls,
            username=given.username,
            password=given.password.get_secret_value() if given.password else None,
        )
    )


def make_provider_line() -> Outbound:
    """The way to the servers that the settings name as providers, wherever the operator has put them. Unopened."""
    everywhere = tuple(ip_network(network) for network in ("0.0.0.0/0", "::/0"))
    return Outbound(
        policy=OutboundPolicy(http=True, ports=frozenset({80, 443}), networks=everywhere, loopback=True),
        user_agent=f"limner/{limner.__version__}",
    )


def make_tracer(settings: Settings, *, node_id: UUID) -> Tracer:
    """Who traces, if the settings want it. Raises `SettingsError` if what that needs is not installed."""
    url = settings.telemetry.otlp_url
    if not url:
        return tracing.OFF
    if not url.startswith(("http://", "https://")):
        raise SettingsError(
            "telemetry.otlp_url: must begin with http:// or https://, such as http://127.0.0.1:4318/v1/traces"
        )
    try:
        from limner.kit.otlp import OtlpTracer
    except ModuleNotFoundError:
        raise SettingsError("telemetry.otlp_url: traces need OpenTelemetry: pip install limner[otel]") from None
    return OtlpTracer(
        url,
        resource={
            "service.name": settings.telemetry.service_name,
            "service.version": limner.__version__,
            "service.instance.id": str(node_id),
        },
    )


def make_outbound(settings: Settings) -> Outbound:
    """The way out, unopened. Raises `SettingsError` for a network that is none."""
    given = settings.outbound
    try:
        networks = tuple(ip_network(network) for network in given.private_networks)
    except ValueError as error:
        raise SettingsError(f"outbound.private_networks: {error}") from None
    return Outbound(
        policy=OutboundPolicy(
            http=given.http, ports=frozenset(given.ports), networks=networks, loopback=may_call_itself(settings)
        ),
        user_agent=f"limner/{limner.__version__}",
        connections=settings.webhooks.concurrent,
        connections_per_host=settings.webhooks.endpoint_concurrent,
    )


def may_call_itself(settings: Settings) -> bool:
    """Whether callbacks may go to this machine: as set, else if nobody but this machine can reach the server."""
    if settings.outbound.loopback is not None:
        return settings.outbound.loopback
    return is_loopback(settings.server.host) and settings.server.public_url is None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _warm_up(stand: EngineStand, *, name: str) -> None:
    try:
        await stand.ready()
    except Exception as error:  # noqa: BLE001 - said out loud; requests will try again and answer with the reason
        event(_log, "engine.not_ready", level=logging.ERROR, engine=name, error=repr(error))
    else:
        event(_log, "engine.ready", engine=name)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def make_engines(settings: Settings) -> dict[str, EngineStand]:
    """Every engine there is, with its options, unopened. Raises `SettingsError` for options that it does not have."""
    unknown = set(settings.engines) - set(engines.discover())
    if unknown:
        raise SettingsError(
            f"there is no engine {', '.join(sorted(unknown))}; there is {', '.join(engines.discover())}"
        )
    return {name: EngineStand(_engine(name, settings)) for name in engines.discover()}


def _engine(name: str, settings: Settings) -> Engine:
    try:
        return engines.load(name)(settings.engines.get(name, {}))
    except ValueError as error:
        raise SettingsError(f"engines.{name}: {error}") from None


def make_catalog(settings: Settings, *, known_engines: set[str]) -> Catalog:
    """The models on offer. Raises `SettingsError` for a model on an engine that does not exist."""
    custom = [
        CustomModel(
            name=name,
            engine=model.engine,
            profile=model.profile,
            description=model.description,
            price=micro(model.price),
        )
        for name, model in settings.catalog.models.items()
    ]
    catalog = catalog_of(engine=settings.catalog.engine, custom=custom)
    for model in catalog.models():
        if model.engine not in known_engines:
            raise SettingsError(
                f"the model {model.name} is on the engine {model.engine}, which does not exist; there is {', '.join(sorted(known_engines))}"
            )
    return catalog


async def ensure_owner(database: Database, settings: Settings, *, clock: Clock) -> OwnerKey:
    """Make the owner's account and key at the first start; afterwards, find the key again in the data folder."""
    path = settings.data_dir.expanduser().absolute() / OWNER_KEY_FILE
    async with database.statement() as tx:
        if await accounts.owner(tx) is not None:
            return OwnerKey(secret=await _known_secret(database, path), path=path, is_new=False)
    try:
        async with database.transaction() as tx:
            now = clock.now()
            owner = await add_account(
                tx, name=OWNER_NAME, role="owner", credits_start=micro(settings.credits.owner_start), now=now
            )
            issued = await issue_key(tx, account=owner, name="first key", now=now)
            # Inside the transaction, so that there is no owner whose key nobody could write down.
            _write_secret(path, issued.secret)
    except accounts.AccountExists:
        return OwnerKey(secret=None, path=path, is_new=False)  # another node was quicker
    return OwnerKey(secret=issued.secret, path=path, is_new=True)


async def _known_secret(database: Database, path: Path) -> str | None:
    secret = _read_secret(path)
    if secret is None:
        return None
    async with database.statement() as tx:
        key = await accounts.key_of(tx, secret=secret)
    return secret if key is not None and key.disabled_at is None else None


def _read_secret(path: Path) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
