"""Asking for a task again: one that came to nothing, in the name of the key that asked for it first.

It becomes a new task, with the same request, terms and callback, at today's price; the old one stays as it is. It keeps
the trace id, so that whoever follows that finds both, and who asks for the trace's task gets the new one. Nobody waits
for it on a connection any more, so it goes through the queue.
"""

from __future__ import annotations

from uuid import UUID

from limner.accounts import service as accounts
from limner.domain.ask import Ask
from limner.domain.problem import Problem
from limner.flow.admit import Callback, Terms, admit
from limner.flow.house import House
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.webhooks import service as webhooks


class NotToRetry(Problem):
    """The task has not come to nothing, so it is not to be asked for again."""

    code = "not_to_retry"
    status = 409


async def retry(house: House, *, task_id: UUID, account_id: UUID | None) -> Task:
    """Ask for the account's task (None: anybody's) again; the new task.

    Raises `NoSuchTask`, `NotToRetry`, or the `Problem` that keeps the new one out: its key is off, its credits are short.
    """
    async with house.database.statement() as tx:
        old = await tasks.task(tx, id_=task_id, account_id=account_id)
        if old.is_open:
            raise NotToRetry(
                f"the task is {old.status}: it can be asked for again when it has failed or been cancelled"
            )
        if old.status == "succeeded":
            raise NotToRetry("the task has succeeded: only one that failed or was cancelled can be asked for again")
        secret_hash = await accounts.hash_of_key(tx, id_=old.api_key_id)
        messages = await webhooks.messages(tx, task_id=old.id, count=1)
    step = accounts.authenticate(secret_hash=secret_hash, now=house.clock.now())
    (principal,) = await house.database.together(step, order=())
    terms = Terms(
        kind=old.kind,
        prefix=old.prefix,
        as_links=old.as_links,
        is_async=True,
        priority=old.priority if old.is_async else 0,
        callback=next((Callback(url=one.url, secret=one.callback_secret) for one in messages), None),
    )
    ask = Ask.of(old.request)
    return (await admit(house, principal=principal, ask=ask, trace_id=old.trace_id, terms=terms)).task
