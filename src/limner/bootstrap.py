"""Settings to House: the only place that picks implementations, and what happens at a first start."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import logging
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import limner
from limner import choosing, config, engines, storage
from limner.accounts import service as accounts
from limner.catalog import chains
from limner.catalog import service as catalog_book
from limner.catalog.models import DEFAULT_CAUSES, Fallback
from limner.catalog.service import Catalog, CustomModel, catalog_of
from limner.choosing import Found
from limner.config import Loaded, Settings, SettingsError, all_shown
from limner.db import Database, schema
from limner.db.embedded import keep_embedded, open_embedded
from limner.db.listen import Listener
from limner.domain.choice import Choice
from limner.domain.money import micro
from limner.engines import Engine, MakesEngines
from limner.flow.bells import Bells
from limner.flow.certifier import Certifier
from limner.flow.errands import Errands
from limner.flow.hands import Hands
from limner.flow.house import (
    AccountsPolicy,
    CallbackPolicy,
    EngineStand,
    FilesPolicy,
    House,
    ProviderPolicy,
    QueuePolicy,
)
from limner.flow.keys import add_account, issue_key
from limner.flow.moderator import Bounds, Moderator, PictureHook, RuleWatch
from limner.flow.news import News
from limner.flow.offer import Offer
from limner.flow.reviser import Reviser
from limner.flow.signs import Signs
from limner.flow.wording import Templates
from limner.images import service as images
from limner.inboxes import service as inboxes
from limner.jobs import service as jobs
from limner.kit import tracing
from limner.kit.chat import Chat, ChatServer
from limner.kit.clock import Clock, SteadyClock
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.mail import MailServer, Post
from limner.kit.moderations import Moderations, ModerationServer
from limner.kit.outbound import Outbound
from limner.kit.outbound import Policy as OutboundPolicy
from limner.kit.tracing import Tracer
from limner.limits.models import Policy
from limner.moderation import service as moderation
from limner.provenance import service as provenance
from limner.provenance.certificates import CertificateError, own_authority
from limner.provenance.models import Authority
from limner.provenance.signing import Signer
from limner.tasks import service as tasks

_log = logging.getLogger(__name__)

OWNER_NAME: Final = "owner"
OWNER_KEY_FILE: Final = "owner.key"
EMBEDDED_FOLDER: Final = "postgres"
CHOSEN: Final = "chosen"
"""How the origin of a setting begins that nobody has set: it follows from what is at hand."""
_SECRET_BYTES: Final = 32
_LAST_TRACES_SECONDS: Final = 3.0
_LAST_MAILS_SECONDS: Final = 5.0
_LAST_ERRANDS_SECONDS: Final = 5.0
_RELAY: Final = "openai_relay"

LooksAround: TypeAlias = Callable[[Mapping[str, str]], tuple[Mapping[str, object], str] | None]
"""What a plug does that may find by itself what it needs: options and, as a clause, what speaks for it; None: nothing."""


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
        store = await stack.enter_async_context(_opened_storage(settings, folder=folder))
        link_secrets = await _link_secrets(database, now=clock.now())
        outbound = make_outbound(settings)
        stack.push_async_callback(outbound.close)
        provider_line = make_provider_line()
        stack.push_async_callback(provider_line.close)
        reviser = make_reviser(settings)
        await reviser.open()
        stack.push_async_callback(reviser.close)
        moderator = make_moderator(settings)
        await moderator.open()
        stack.push_async_callback(moderator.close)
        rule_watch = RuleWatch(database, moderator)
        await rule_watch.look()
        stack.push_async_callback(_cancelled, asyncio.create_task(rule_watch.run()))
        certifier = await make_certifier(settings, database, now=clock.now())
        if certifier is not None:
            stack.push_async_callback(certifier.close)
        post = make_post(settings)
        stack.push_async_callback(post.close, seconds=_LAST_MAILS_SECONDS)
        hands = Hands()
        news, inbox_news, bells = News(on_cancel=hands.cancel), News(), Bells()
        offer = Offer(database, catalog, engines=frozenset(made))
        await offer.look()
        stack.push_async_callback(_cancelled, asyncio.create_task(offer.run()))
        listener = _listener(database.url, news=news, inbox_news=inbox_news, bells=bells, offer=offer, rules=rule_watch)
        errands = Errands()
        stack.push_async_callback(errands.close, seconds=_LAST_ERRANDS_SECONDS)
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
            errands=errands,
            stops_for_leavers=settings.server.stop_for_leavers,
            keep_alive_seconds=settings.server.keep_alive_seconds,
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
            reviser=reviser,
            certifier=certifier,
            files_policy=_files_policy(settings),
            moderator=moderator,
            verdicts_kept=timedelta(days=settings.moderation.verdict_days),
            settings_shown=all_shown(Loaded(settings=settings, origins=origins)),
        )


@asynccontextmanager
async def _opened_storage(settings: Settings, *, folder: Path) -> AsyncGenerator[storage.Storage]:
    store = storage.load(settings.storage.url or (folder / "pictures").as_uri())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def _link_secrets(database: Database, *, now: datetime) -> list[bytes]:
    async with database.transaction() as tx:
        return await images.link_secrets(tx, id_=uuid7(), noise=secrets.token_bytes(_SECRET_BYTES), now=now)


def _listener(url: str, *, news: News, inbox_news: News, bells: Bells, offer: Offer, rules: RuleWatch) -> Listener:
    listener = Listener(url)
    listener.hear(tasks.CHANNEL, news.heard)
    listener.hear(inboxes.CHANNEL, inbox_news.heard)
    listener.hear(jobs.CHANNEL, bells.heard)
    listener.hear(catalog_book.CHANNEL, offer.heard)
    listener.hear(moderation.CHANNEL, rules.heard)
    listener.on_gap(news.gap)
    listener.on_gap(inbox_news.gap)
    listener.on_gap(bells.gap)
    listener.on_gap(offer.gap)
    listener.on_gap(rules.gap)
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


def _files_policy(settings: Settings) -> FilesPolicy:
    given = settings.files
    return FilesPolicy(
        keep=timedelta(days=given.keep_days),
        input_life=timedelta(hours=given.input_hours),
        file_bytes_max=given.file_bytes_max,
        pixels_max=given.pixels_max,
        account_bytes_max=given.account_bytes_max,
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


def make_reviser(settings: Settings) -> Reviser:
    """Who rewrites prompts, unopened."""
    given = settings.revise
    chat = None
    if given.mode == "chat":
        assert given.url, "checked with the settings"
        assert given.model, "the same"
        chat = Chat(
            ChatServer(
                url=given.url,
                model=given.model,
                key=given.key.get_secret_value() if given.key else None,
                seconds=given.timeout_seconds,
                options=given.options,
            )
        )
    templates = Templates(pictures=given.templates, edits=given.edit_templates)
    return Reviser(mode=given.mode, chat=chat, templates=templates)


def make_moderator(settings: Settings) -> Moderator:
    """Who says what may be painted, unopened. Raises `SettingsError` for a function that cannot be found."""
    given = settings.moderation
    line = None
    if given.url:
        key = given.key.get_secret_value() if given.key else None
        line = Moderations(ModerationServer(url=given.url, model=given.model, key=key, seconds=given.timeout_seconds))
    return Moderator(
        words=given.blocked_words,
        line=line,
        pictures=_picture_hook(given.pictures),
        picture_seconds=given.picture_seconds,
        bounds=Bounds(
            thresholds=given.thresholds, low_thresholds=given.low_thresholds, low_threshold=given.low_threshold
        ),
        on_trouble=given.on_trouble,
    )


def _picture_hook(named: str | None) -> Literal["endpoint"] | PictureHook | None:
    if named is None:
        return None
    if named == "endpoint":
        return "endpoint"
    module, _, name = named.partition(":")
    try:
        hook: object = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - the operator's own code may raise anything while it is imported
        raise SettingsError(f"moderation.pictures: {named} cannot be imported: {error}") from None
    if not callable(hook) or inspect.iscoroutinefunction(hook):
        raise SettingsError(f"moderation.pictures: {named} must be a plain function of (data, media_type)")
    return hook


async def make_certifier(settings: Settings, database: Database, *, now: datetime) -> Certifier | None:
    """Who writes into pictures where they come from, if anybody. Raises `SettingsError` for certificates that will not do."""
    given = settings.provenance
    signer = None
    if given.credentials:
        signer = Signer(await _authority(settings, database, now=now), version=limner.__version__)
    return Certifier(signer=signer, xmp=given.xmp) if signer is not None or given.xmp else None


async def _authority(settings: Settings, database: Database, *, now: datetime) -> Authority:
    operators = operators_authority(settings, now=now)
    if operators is not None:
        return operators
    async with database.transaction() as tx:
        return await provenance.authority(tx, id_=uuid7(), organisation=settings.provenance.organization, now=now)


def operators_authority(settings: Settings, *, now: datetime) -> Authority | None:
    """The operator's own certificates, if the settings name any. Raises `SettingsError` for those that will not do."""
    given = settings.provenance
    if given.certificate_file is None or given.key_file is None:
        return None
    try:
        chain, key = (
            file.expanduser().read_text(encoding="utf-8") for file in (given.certificate_file, given.key_file)
        )
        return own_authority(chain=chain, key=key, now=now)
    except OSError as error:
        raise SettingsError(f"provenance: {error.filename} cannot be read: {(error.strerror or '').lower()}") from None
    except (CertificateError, UnicodeDecodeError) as error:
        told = str(error) if isinstance(error, CertificateError) else "the file is not text"
        raise SettingsError(f"provenance: {told}") from None


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


def engine_of(settings: Settings) -> str:
    """The engine behind the models that come with limner. Nobody looks around here: see `with_engine_at_hand`."""
    return settings.catalog.engine or choosing.ALWAYS_THERE


def with_engine_at_hand(
    loaded: Loaded, *, environ: Mapping[str, str], plugs: Mapping[str, MakesEngines] | None = None
) -> Loaded:
    """The same, with the best engine at hand where the settings name none: neither `catalog.engine` nor any in [engines].

    `environ`: the variables in which an upstream's key may be. `plugs`: those that there are; None: those beside us.
    """
    settings = loaded.settings
    if settings.catalog.engine is not None:
        return loaded
    if settings.engines:
        why = "engines are set, but no catalog.engine"
        return replace(loaded, choice=Choice(engine=choosing.ALWAYS_THERE, why=why))
    plugs = _plugs() if plugs is None else plugs
    choice, found = choosing.choose(
        _finders(settings, environ, plugs=plugs), fault=lambda one: _fault_of(one, plugs=plugs)
    )
    chosen: dict[str, object] = {"catalog": settings.catalog.model_copy(update={"engine": choice.engine})}
    because = f"{CHOSEN}, since {choice.why}"
    origins = {"catalog.engine": because}
    if found is not None:
        chosen["engines"] = {found.engine: dict(found.options)}
        origins[f"engines.{found.engine}"] = because
    return Loaded(settings=settings.model_copy(update=chosen), origins={**loaded.origins, **origins}, choice=choice)


def _finders(
    settings: Settings, environ: Mapping[str, str], *, plugs: Mapping[str, MakesEngines]
) -> Iterator[Callable[[], Found | None]]:
    """Who looks for what, the best first."""
    if _RELAY in plugs:
        names = {*catalog_book.shipped(engine=choosing.ALWAYS_THERE), *settings.catalog.models}
        yield lambda: choosing.upstream_of(environ, models=names, plug=_RELAY)
    for name, plug in plugs.items():
        looks = getattr(plug, "look_around", None)
        if looks is not None:
            yield functools.partial(_looked, name, looks, environ)


def _looked(plug: str, looks: LooksAround, environ: Mapping[str, str]) -> Found | None:
    try:
        found = looks(environ)
    except Exception as error:  # noqa: BLE001 - broken drivers and libraries are no reason not to start
        event(_log, "engine.not_looked_for", level=logging.WARNING, plug=plug, error=repr(error)[:300])
        return None
    if found is None:
        return None
    options, why = found
    return Found(engine=choosing.LOCAL, options={"plug": plug, **options}, why=why)


def _fault_of(found: Found, *, plugs: Mapping[str, MakesEngines]) -> str | None:
    try:
        _engine(found.engine, found.options, plugs=plugs)
    except SettingsError as error:
        return str(error)
    return None


def make_engines(settings: Settings) -> dict[str, EngineStand]:
    """Every engine there is, by name, with its options, unopened.

    Each plug that is something by itself, and one for every name in the settings that says whose it is (`plug`); a name
    that is a plug's own needs not say so. Raises `SettingsError` for a plug that does not exist, or options that it does
    not have.
    """
    plugs = _plugs()
    wanted: dict[str, Mapping[str, object]] = {name: {} for name, plug in plugs.items() if not plug.needs_options}
    wanted |= settings.engines
    return {
        name: EngineStand(_engine(name, options, plugs=plugs), plug=str(options.get("plug", name)))
        for name, options in wanted.items()
    }


def _plugs() -> dict[str, MakesEngines]:
    return {name: engines.load(name) for name in engines.discover()}


def _engine(name: str, options: Mapping[str, object], *, plugs: Mapping[str, MakesEngines]) -> Engine:
    given = dict(options)
    plug = given.pop("plug", name)
    if plug not in plugs:
        raise SettingsError(
            f"engines.{name}: there is no plug {plug}; there is {', '.join(sorted(plugs))}: say which with plug = ..."
        )
    try:
        return plugs[str(plug)](given)
    except ValueError as error:
        raise SettingsError(f"engines.{name}: {error}") from None


def make_catalog(settings: Settings, *, known_engines: set[str]) -> Catalog:
    """The models on offer. Raises `SettingsError` for a model on an engine that does not exist, and for a wrong chain."""
    custom = [
        CustomModel(
            name=name,
            engine=model.engine,
            profile=model.profile,
            description=model.description,
            price=None if model.price is None else micro(model.price),
            fallbacks=None if model.fallbacks is None else _fallbacks(model.fallbacks),
        )
        for name, model in settings.catalog.models.items()
    ]
    catalog = catalog_of(
        engine=engine_of(settings),
        custom=custom,
        fallbacks=_fallbacks(settings.catalog.fallbacks),
        engines=known_engines,
    )
    for model in catalog.models():
        if model.engine not in known_engines:
            raise SettingsError(
                f"the model {model.name} is on the engine {model.engine}, which does not exist; there is {', '.join(sorted(known_engines))}"
            )
        fault = chains.fault(model.engine, model.fallbacks, engines=known_engines)
        if fault is not None:
            raise SettingsError(f"the fallbacks of the model {model.name}: {fault}")
    return catalog


def _fallbacks(given: Sequence[config.Fallback]) -> tuple[Fallback, ...]:
    return tuple(
        Fallback(engine=one.engine, on=DEFAULT_CAUSES if one.on is None else frozenset(one.on)) for one in given
    )


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
