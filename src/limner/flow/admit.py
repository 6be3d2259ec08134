"""Who asks, may they, what does it cost: from a parsed request to a task with its price held, or to a refusal.

One statement writes the task, takes the key's place, holds the price and queues the job: all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.catalog import rules as catalog_rules
from limner.catalog import told
from limner.catalog.models import Model
from limner.credits import service as credit_book
from limner.db.steps import Step
from limner.domain.ask import Ask
from limner.domain.claim import Claim
from limner.domain.principal import Principal
from limner.domain.spec import Spec
from limner.flow import moderate, notify
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.jobs.models import Line
from limner.kit.ids import uuid7
from limner.limits import service as limits
from limner.limits.models import Allowance, Policy
from limner.moderation.models import Finding
from limner.tasks import service as tasks
from limner.tasks.models import Task

WAITED_FOR: Final = 2
"""The priority of tasks that somebody waits for on a connection; callers choose between -1 and 1."""
_PRINCIPALS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Whom to tell when a task has ended. `secret`: what the caller wants it signed with, beside the account's own."""

    url: str = field(repr=False)
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the caller wants it done.

    `kind` and `prefix`: what was called, and in whose words. `as_links`: links, not bytes. `is_async`: the caller goes
    its way, and asks later or is called back. `is_lenient`: what cannot be done is left out, and named. Higher `priority` is performed first, within a worker's queue.
    """

    kind: str = "images_generations"
    prefix: str = "/v1"
    as_links: bool = True
    is_async: bool = False
    priority: int = 0
    callback: Callback | None = None
    claim: Claim | None = None
    is_lenient: bool = False


AS_USUAL: Final = Terms()
"""The caller waits, and gets links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A task that was let in: in this node's hands from now on, or in the queue."""

    task: Task
    spec: Spec
    allowance: Allowance


async def authenticate(house: House, *, authorization: str | None) -> Principal:
    """Who is asking, as the database knows it now."""
    secret_hash = accounts.secret_hash(authorization=authorization)
    return await _authenticate(house, secret_hash=secret_hash)


async def recognise(house: House, *, authorization: str | None) -> Principal:
    """Who is asking, from memory if the key has been here before: to be confirmed by `admit`, which alone decides."""
    secret_hash = accounts.secret_hash(authorization=authorization)
    return house.principals.get(secret_hash) or await _authenticate(house, secret_hash=secret_hash)


async def principal_of(house: House, *, account_id: UUID, api_key_id: UUID | None) -> Principal:
    """One of the account's own keys, for acting in its name without its secret. Raises `NoKey`, or why it may not be used."""
    if api_key_id is None:
        raise accounts.NoKey("there is no API key to ask with: acquire one first")
    async with house.database.statement() as tx:
        secret_hash = await accounts.hash_of_key(tx, id_=api_key_id)
    principal = await _authenticate(house, secret_hash=secret_hash)
    if principal.account_id != account_id:
        raise accounts.NoSuchKey(f"there is no key {api_key_id}")
    return principal


async def _authenticate(house: House, *, secret_hash: bytes) -> Principal:
    house.principals.pop(secret_hash, None)
    step = accounts.authenticate(secret_hash=secret_hash, now=house.clock.now())
    (principal,) = await house.database.together(step, order=())
    if len(house.principals) >= _PRINCIPALS_MAX:
        house.principals.clear()
    house.principals[secret_hash] = principal
    return principal


async def admit(house: House, *, principal: Principal, ask: Ask, trace_id: str, terms: Terms = AS_USUAL) -> Admitted:
    """Let the request in as a task, or raise the `Problem` that keeps it out; then nothing is written.

    `KeyUsed`: the caller's own key stands for another task already, perhaps for the same request.
    """
    try:
        return await _admit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    except (accounts.KeyChanged, accounts.ModelNotAllowed):
        # The memory of what the key may do is too old, or may be.
        now_known = await _authenticate(house, secret_hash=principal.secret_hash)
        return await _admit(house, principal=now_known, ask=ask, trace_id=trace_id, terms=terms)


def check(
    house: House,
    *,
    ask: Ask,
    models: AbstractSet[str] | None = None,
    account_id: UUID | None = None,
    callback_url: str | None = None,
    is_lenient: bool = False,
) -> tuple[Model, Spec, tuple[Finding, ...]]:
    """By which model, and what exactly, if it may be asked for at all; and what is to be noted of the prompt.

    `models`: those that the key is for; None: all. `account_id`: whose rules count beside everybody's; None: nobody's.
    Raises the `Problem` that keeps it out, whatever they have who ask.
    """
    model = allowed_model(house, name=ask.model, models=models)
    engine = house.engines[model.engine].engine
    spec = catalog_rules.spec_for(
        ask,
        model=model,
        extras=engine.extras(model.name),
        formats=engine.formats(model.name),
        images_max=engine.images_max,
        lenient=is_lenient,
    )
    spec = replace(
        spec,
        quality_told=told.quality_told(spec, profile=model.profile),
        given_tokens=told.given_tokens(ask),
    )
    noted = moderate.at_the_door(house, prompt=spec.prompt, model=model, account_id=account_id)
    if callback_url is not None:
        notify.check_url(house, url=callback_url)
    return model, spec, noted


def allowed_model(house: House, *, name: str, models: AbstractSet[str] | None) -> Model:
    """The model of that name. Raises `UnknownModel`, or `ModelNotAllowed` where it is not among those that a key is for."""
    model = house.catalog.model(name)
    accounts.allow_model(models, model=model.name)
    return model


async def _admit(house: House, *, principal: Principal, ask: Ask, trace_id: str, terms: Terms) -> Admitted:
    callback_url = terms.callback.url if terms.callback is not None else None
    try:
        model, spec, noted = check(
            house,
            ask=ask,
            models=principal.models,
            account_id=principal.account_id,
            callback_url=callback_url,
            is_lenient=terms.is_lenient or principal.lenient,
        )
    except moderate.Refused:
        await moderate.note_at_the_door(house, ask=ask, account_id=principal.account_id)
        raise
    now = house.clock.now()
    task = _task(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms, model=model, spec=spec, now=now)
    # The rows that all of a key's requests share come last, so that they are locked as briefly as can be.
    steps: list[Step[Any]] = [accounts.confirm(principal, now=now)]
    if terms.claim is not None:
        steps.append(tasks.claim_key(account_id=task.account_id, claim=terms.claim, task_id=task.id, now=now))
    steps.append(tasks.open_task(task))
    if terms.callback is not None:
        steps.append(notify.hold(task, url=terms.callback.url, secret=terms.callback.secret))
    if noted:
        steps.append(moderate.note(house, noted, task_id=task.id, account_id=task.account_id, model=task.model))
    take = len(steps)
    steps += [
        limits.take(
            api_key_id=task.api_key_id, policy=policy_of(house, principal), is_counted=not task.is_async, now=now
        ),
        credit_book.hold(
            id_=uuid7(),
            account_id=task.account_id,
            api_key_id=task.api_key_id,
            task_id=task.id,
            amount=task.held,
            now=now,
        ),
    ]
    if task.has_job:
        steps.append(
            jobs.submit(
                kind=paint_kind(task.engine), subject_id=task.id, priority=task.priority, line=line_of(house, task)
            )
        )
    results = await house.database.together(*steps, order=(task.account_id, task.api_key_id))
    return Admitted(task=task, spec=spec, allowance=results[take])


def _task(
    house: House,
    *,
    principal: Principal,
    ask: Ask,
    trace_id: str,
    terms: Terms,
    model: Model,
    spec: Spec,
    now: datetime,
) -> Task:
    price = catalog_rules.price(model, width=spec.width, height=spec.height, quality=spec.quality)
    has_job = terms.is_async or model.engine not in house.performs
    task = Task(
        id=uuid7(),
        account_id=principal.account_id,
        api_key_id=principal.api_key_id,
        trace_id=trace_id,
        kind=terms.kind,
        prefix=terms.prefix,
        model=model.name,
        engine=model.engine,
        request=ask.given(),
        choices=spec.choices(),
        as_links=terms.as_links,
        price=price,
        held=price * spec.n,
        is_async=terms.is_async,
        has_job=has_job,
        # Somebody waits for it on a connection.
        priority=terms.priority if terms.is_async else WAITED_FOR,
        created_at=now,
        status="queued" if has_job else "running",
        node_id=None if has_job else house.node_id,
        lease_until=None if has_job else now + timedelta(seconds=house.queue_policy.lease_seconds),
    )
    if terms.callback is None:
        return task
    return replace(task, callback_line=notify.line_id(account_id=task.account_id, url=terms.callback.url))


def paint_kind(engine: str) -> str:
    """The kind of the jobs that are tasks for this engine."""
    return f"paint:{engine}"


def line_of(house: House, task: Task) -> Line | None:
    """The line that the task's job stands in: its account's, unless somebody waits for it on a connection."""
    if not task.is_async:
        return None
    policy = house.queue_policy
    return Line(id=task.account_id, width=policy.account_concurrent, waiting_max=policy.account_waiting_max)


def policy_of(house: House, principal: Principal) -> Policy:
    """What this key may do: its own limits, or the house's."""
    return Policy(
        requests_per_minute=principal.requests_per_minute or house.policy.requests_per_minute,
        concurrent=principal.concurrent or house.policy.concurrent,
    )
