"""The end of a task: write its pictures down, charge what was delivered, release the rest. One statement."""

from __future__ import annotations

from limner.credits import service as credit_book
from limner.db import Tx
from limner.db.steps import Step
from limner.domain.problem import Problem
from limner.flow.admit import Admitted
from limner.flow.house import House
from limner.flow.perform import Performed
from limner.images import service as images
from limner.kit.ids import uuid7
from limner.limits import service as limits
from limner.tasks import service as tasks
from limner.tasks.models import Task


async def settle_well(house: House, admitted: Admitted, performed: Performed) -> int:
    """The task has pictures: charge for each of them. What the account has free afterwards, in micro-credits.

    Raises `TaskEnded` if the task was given up meanwhile.
    """
    task, now = admitted.task, house.clock.now()
    charged = admitted.price * len(performed.images)
    # The rows that all of a key's requests share come last, so that they are locked as briefly as can be.
    *_, free = await house.database.together(
        tasks.succeed(id_=task.id, charged=charged, now=now),
        images.add(task_id=task.id, account_id=task.account_id, images=performed.images, now=now),
        limits.give_back(api_key_id=task.api_key_id),
        _close_book(house, task, charged=charged),
        order=(task.account_id, task.api_key_id),
    )
    return free


async def settle_badly(house: House, task: Task, *, trouble: Problem, leftovers: bool) -> None:
    """The task has nothing to show: charge nothing, keep the reason. `leftovers`: files of it may lie in storage."""
    async with house.database.statement() as tx:
        await end_badly(tx, house, task=task, code=trouble.code, message=trouble.message, leftovers=leftovers)


async def end_badly(tx: Tx, house: House, *, task: Task, code: str, message: str, leftovers: bool) -> None:
    """The same, in a transaction that is open already."""
    await tx.together(
        tasks.fail(id_=task.id, code=code, message=message, leftovers=leftovers, now=house.clock.now()),
        limits.give_back(api_key_id=task.api_key_id),
        _close_book(house, task, charged=0),
    )


def _close_book(house: House, task: Task, *, charged: int) -> Step[int]:
    return credit_book.settle(
        id_=uuid7(),
        account_id=task.account_id,
        api_key_id=task.api_key_id,
        task_id=task.id,
        held=task.held,
        charged=charged,
        reason=f"pictures by {task.model}" if charged else "nothing to charge",
        now=house.clock.now(),
    )
