"""Who asks, may they, what does it cost: from a parsed request to a running task with its price held, or to a refusal.

One statement writes the task, takes the key's place and holds the price: all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from limner.accounts import service as accounts
from limner.catalog import rules as catalog_rules
from limner.credits import service as credit_book
from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.domain.problem import InvalidValue
from limner.domain.spec import OutputFormat, Spec
from limner.flow import moderate
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.limits import service as limits
from limner.limits.models import Allowance, Policy
from limner.tasks import service as tasks
from limner.tasks.models import Task

_PRINCIPALS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A task that runs from now on. `price`: micro-credits for each picture."""

    task: Task
    spec: Spec
    price: int
    allowance: Allowance


async def authenticate(house: House, *, authorization: str | None) -> Principal:
    """Who is asking, as the database knows it now."""
    secret_hash = accounts.secret_hash(authorization=authorization)
    return await _authenticate(house, secret_hash=secret_hash)


async def recognise(house: House, *, authorization: str | None) -> Principal:
    """Who is asking, from memory if the key has been here before: to be confirmed by `admit`, which alone decides."""
    secret_hash = accounts.secret_hash(authorization=authorization)
    return house.principals.get(secret_hash) or await _authenticate(house, secret_hash=secret_hash)


async def _authenticate(house: House, *, secret_hash: bytes) -> Principal:
    house.principals.pop(secret_hash, None)
    step = accounts.authenticate(secret_hash=secret_hash, now=house.clock.now())
    (principal,) = await house.database.together(step, order=())
    if len(house.principals) >= _PRINCIPALS_MAX:
        house.principals.clear()
    house.principals[secret_hash] = principal
    return principal


async def admit(house: House, *, principal: Principal, ask: Ask, trace_id: str) -> Admitted:
    """Let the request in as a task, or raise the `Problem` that keeps it out; then nothing is written."""
    try:
        return await _admit(house, principal=principal, ask=ask, trace_id=trace_id)
    except accounts.KeyChanged:
        now_known = await _authenticate(house, secret_hash=principal.secret_hash)
        return await _admit(house, principal=now_known, ask=ask, trace_id=trace_id)


async def _admit(house: House, *, principal: Principal, ask: Ask, trace_id: str) -> Admitted:
    model = house.catalog.model(ask.model)
    accounts.allow_model(principal, model=model.name)
    spec = catalog_rules.spec_for(ask, model=model)
    _check_format(spec, offered=house.engines[model.engine].engine.output_formats, model=model.name)
    moderate.check_prompt(spec.prompt, blocked_words=house.blocked_words)
    price = catalog_rules.price(model, width=spec.width, height=spec.height, quality=spec.quality)
    now = house.clock.now()
    task = Task(
        id=uuid7(),
        account_id=principal.account_id,
        api_key_id=principal.api_key_id,
        trace_id=trace_id,
        model=model.name,
        engine=model.engine,
        held=price * spec.n,
        created_at=now,
    )
    # The rows that all of a key's requests share come last, so that they are locked as briefly as can be.
    _, _, allowance, _ = await house.database.together(
        accounts.confirm(principal, now=now),
        tasks.open_task(
            task=task,
            request=ask.given(),
            node_id=house.node_id,
            lease_until=now + timedelta(seconds=house.lease_seconds),
        ),
        limits.take(api_key_id=task.api_key_id, policy=policy_of(house, principal), now=now),
        credit_book.hold(
            id_=uuid7(),
            account_id=task.account_id,
            api_key_id=task.api_key_id,
            task_id=task.id,
            amount=task.held,
            now=now,
        ),
        order=(task.account_id, task.api_key_id),
    )
    return Admitted(task=task, spec=spec, price=price, allowance=allowance)


def policy_of(house: House, principal: Principal) -> Policy:
    """What this key may do: its own limits, or the house's."""
    return Policy(
        requests_per_minute=principal.requests_per_minute or house.policy.requests_per_minute,
        concurrent=principal.concurrent or house.policy.concurrent,
    )


def _check_format(spec: Spec, *, offered: AbstractSet[OutputFormat], model: str) -> None:
    if spec.output_format not in offered:
        names = ", ".join(sorted(offered))
        raise InvalidValue(
            f"the engine behind the model '{model}' writes {names}, not {spec.output_format}", param="output_format"
        )
