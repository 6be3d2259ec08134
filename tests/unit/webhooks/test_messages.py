"""A callback's life: held, waiting, tried, delivered, failed, paused, sent again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from limner.db import Tx
from limner.domain.problem import InvalidValue
from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.webhooks import service as webhooks
from limner.webhooks.models import (
    Delivered,
    Endpoint,
    GiveUp,
    Message,
    Recorded,
    Retry,
    Status,
    Verdict,
)
from support.people import Person

ORIGIN = "https://example.com:443"
USED_UP = GiveUp(reason="attempts_used_up")
DAY = 86_400


async def hold(
    house: House, person: Person, *, url: str = "https://example.com/done", task_id: UUID | None = None
) -> UUID:
    """A message of a task that has not ended; its task."""
    task_id = task_id or uuid7()
    step = webhooks.hold_message(
        id_=uuid7(),
        account_id=person.account.id,
        task_id=task_id,
        url=url,
        callback_secret="s3cret",
        now=house.clock.now(),
    )
    await house.database.together(step, order=(person.account.id,))
    return task_id


async def release(house: House, task_id: UUID) -> UUID | None:
    step = webhooks.release_message(task_id=task_id, now=house.clock.now())
    (id_,) = await house.database.together(step, order=())
    return id_


async def waiting(house: House, person: Person, *, url: str = "https://example.com/done") -> UUID:
    """A message that is to be tried now."""
    id_ = await release(house, await hold(house, person, url=url))
    assert id_ is not None
    return id_


async def take(house: House, id_: UUID) -> Message | None:
    async with house.database.statement() as tx:
        return await webhooks.take(tx, id_=id_, now=house.clock.now())


async def taken(house: House, id_: UUID) -> Message:
    message = await take(house, id_)
    assert message is not None
    return message


async def record(house: House, message: Message, verdict: Verdict, **given: Any) -> Recorded:
    now = house.clock.now()
    code = 200 if isinstance(verdict, Delivered) else 500
    values: dict[str, Any] = {
        "started_at": now, "seconds": 0.25, "status_code": code, "answer": b"so", "error": None, **given
    }  # fmt: skip
    async with house.database.statement() as tx:
        (recorded,) = await tx.together(webhooks.record_attempt(message=message, verdict=verdict, now=now, **values))
    return recorded


async def attempt(house: House, id_: UUID, verdict: Verdict, **given: Any) -> Recorded:
    return await record(house, await taken(house, id_), verdict, **given)


def again(house: House, *, seconds: float = 60) -> Retry:
    return Retry(at=house.clock.now() + timedelta(seconds=seconds))


async def look(house: House, id_: UUID) -> Message:
    async with house.database.statement() as tx:
        return await webhooks.message(tx, id_=id_)


async def numbers(house: House, id_: UUID) -> list[tuple[int, int | None]]:
    async with house.database.statement() as tx:
        return [(found.number, found.status_code) for found in await webhooks.attempts(tx, message_id=id_)]


async def endpoint(house: House, person: Person) -> Endpoint | None:
    async with house.database.statement() as tx:
        found = await webhooks.endpoints(tx, account_id=person.account.id)
    assert len(found) <= 1
    return found[0] if found else None


async def pause(house: House, clock: StillClock, person: Person, *, url: str = "https://example.com/done") -> UUID:
    """Let a receiver fail for six days; the message that it failed with, paused."""
    id_ = await waiting(house, person, url=url)
    await attempt(house, id_, again(house))
    clock.move(seconds=6 * DAY)
    recorded = await attempt(house, id_, again(house))
    assert (recorded.status, recorded.endpoint_paused) == ("paused", True)
    return id_


async def resend(house: House, id_: UUID, *, account_id: UUID | None = None) -> None:
    async with house.database.statement() as tx:
        await webhooks.resend(tx, id_=id_, now=house.clock.now(), account_id=account_id)


async def recover(house: House, since: datetime, **given: Any) -> list[UUID]:
    async with house.database.statement() as tx:
        return await webhooks.recover(tx, since=since, now=house.clock.now(), **given)


# with a task -----------------------------------------------------------------------------------------------------------


async def test_a_message_waits_until_its_task_has_ended(hooks: House, clock: StillClock, grace: Person) -> None:
    task_id = await hold(hooks, grace)
    async with hooks.database.statement() as tx:
        (held,) = await webhooks.messages(tx, task_id=task_id, count=10)
    assert (held.status, held.next_at, held.attempts) == ("held", None, 0)
    assert await take(hooks, held.id) is None

    clock.move(seconds=30)

    assert await release(hooks, task_id) == held.id
    message = await taken(hooks, held.id)
    assert (message.status, message.next_at, message.created_at) == ("waiting", clock.now(), held.created_at)
    assert (message.url, message.origin, message.callback_secret) == ("https://example.com/done", ORIGIN, "s3cret")
    assert (message.account_id, message.task_id) == (grace.account.id, task_id)


async def test_a_task_without_a_callback_tells_nobody(hooks: House) -> None:
    assert await release(hooks, uuid7()) is None


async def test_a_message_is_released_once(hooks: House, grace: Person) -> None:
    task_id = await hold(hooks, grace)

    found = await asyncio.gather(*(release(hooks, task_id) for _ in range(10)))

    assert len([id_ for id_ in found if id_]) == 1
    assert await release(hooks, task_id) is None


async def test_a_task_tells_one_receiver(hooks: House, grace: Person) -> None:
    task_id = await hold(hooks, grace)

    with pytest.raises(asyncpg.UniqueViolationError):
        await hold(hooks, grace, task_id=task_id)


async def test_what_is_no_address_is_refused_before_anything_is_written(hooks: House, grace: Person) -> None:
    with pytest.raises(InvalidValue):
        await hold(hooks, grace, url="example.com")


# trying ----------------------------------------------------------------------------------------------------------------


async def test_a_message_is_delivered_and_that_is_that(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)

    recorded = await attempt(hooks, id_, Delivered(), answer=b"th\0anks \xff")

    assert recorded == Recorded(number=1, status="delivered", next_at=None, endpoint_paused=False)
    message = await look(hooks, id_)
    assert (message.status, message.attempts, message.ended_at, message.next_at) == ("delivered", 1, clock.now(), None)
    assert await take(hooks, id_) is None
    async with hooks.database.statement() as tx:
        (kept,) = await webhooks.attempts(tx, message_id=id_)
    assert (kept.number, kept.status_code, kept.answer, kept.error) == (1, 200, "thanks \ufffd", None)
    assert (kept.started_at, kept.seconds) == (clock.now(), 0.25)


async def test_what_was_not_taken_is_tried_again_later(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    verdict = again(hooks, seconds=5)

    recorded = await attempt(hooks, id_, verdict, status_code=None, error="no answer within 15 s", answer=b"")

    assert recorded == Recorded(number=1, status="waiting", next_at=verdict.at, endpoint_paused=False)
    message = await taken(hooks, id_)
    assert (message.attempts, message.tried, message.next_at) == (1, 1, clock.now() + timedelta(seconds=5))
    async with hooks.database.statement() as tx:
        (kept,) = await webhooks.attempts(tx, message_id=id_)
    assert (kept.status_code, kept.error) == (None, "no answer within 15 s")


async def test_after_the_last_attempt_it_has_failed(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    for _ in range(3):
        await attempt(hooks, id_, again(hooks))

    recorded = await attempt(hooks, id_, USED_UP)

    assert recorded == Recorded(number=4, status="failed", next_at=None, endpoint_paused=False)
    message = await look(hooks, id_)
    assert (message.status, message.attempts, message.tried, message.ended_at) == ("failed", 4, 4, clock.now())
    assert await take(hooks, id_) is None


@pytest.mark.parametrize("status_code", [0, 99, 999])
async def test_no_answer_is_too_odd_to_be_written_down(hooks: House, grace: Person, status_code: int) -> None:
    id_ = await waiting(hooks, grace)

    await attempt(hooks, id_, again(hooks), status_code=status_code, answer=b"\0\xff\xc3" * 4000, seconds=-1e-9)

    assert await numbers(hooks, id_) == [(1, status_code)]


# two at once -----------------------------------------------------------------------------------------------------------


async def test_of_two_who_tried_the_first_decides_and_the_second_is_kept(hooks: House, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    one, other = await taken(hooks, id_), await taken(hooks, id_)
    first, second = again(hooks, seconds=5), again(hooks, seconds=60)

    assert (await record(hooks, one, first)).next_at == first.at
    assert await record(hooks, other, second) == Recorded(
        number=2, status="waiting", next_at=None, endpoint_paused=False
    )

    message = await taken(hooks, id_)
    assert (message.attempts, message.tried, message.next_at) == (2, 1, first.at)
    assert await numbers(hooks, id_) == [(1, 500), (2, 500)]


@pytest.mark.parametrize(("first", "status"), [(Delivered(), "delivered"), (USED_UP, "failed")])
async def test_a_late_result_opens_nothing_again(
    hooks: House, clock: StillClock, grace: Person, first: Verdict, status: Status
) -> None:
    id_ = await waiting(hooks, grace)
    one, other = await taken(hooks, id_), await taken(hooks, id_)
    await record(hooks, one, first)
    ended = clock.now()
    clock.move(seconds=10)

    for verdict in (first, USED_UP, again(hooks)):
        recorded = await record(hooks, other, verdict)
        assert (recorded.status, recorded.next_at) == (status, None)

    message = await look(hooks, id_)
    assert (message.status, message.ended_at, message.attempts, message.tried) == (status, ended, 4, 1)
    assert await take(hooks, id_) is None


async def test_what_had_failed_and_arrived_all_the_same_is_delivered(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    id_ = await waiting(hooks, grace)
    one, other = await taken(hooks, id_), await taken(hooks, id_)
    await record(hooks, one, USED_UP)
    clock.move(seconds=10)

    assert (await record(hooks, other, Delivered())).status == "delivered"

    assert (await look(hooks, id_)).ended_at == clock.now()


async def test_a_late_success_ends_what_waits(hooks: House, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    one, other = await taken(hooks, id_), await taken(hooks, id_)
    await record(hooks, one, again(hooks))

    assert (await record(hooks, other, Delivered())).status == "delivered"

    assert await take(hooks, id_) is None


@pytest.mark.parametrize("tried", [0, 1])
async def test_a_failure_from_before_it_was_resent_does_not_use_up_the_new_schedule(
    hooks: House, grace: Person, tried: int
) -> None:
    id_ = await waiting(hooks, grace)
    for _ in range(tried):
        await attempt(hooks, id_, again(hooks))
    one, other = await taken(hooks, id_), await taken(hooks, id_)
    await record(hooks, one, USED_UP)
    await resend(hooks, id_)

    recorded = await record(hooks, other, USED_UP)

    assert (recorded.status, recorded.next_at) == ("waiting", None)
    assert (await taken(hooks, id_)).tried == 0


async def test_nor_does_one_from_before_it_was_put_aside(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))
    under_way = await taken(hooks, id_)
    await pause(hooks, clock, grace)
    assert await take(hooks, id_) is None
    await resend(hooks, id_)

    assert (await record(hooks, under_way, USED_UP)).status == "waiting"


@pytest.mark.parametrize("verdict", [Delivered(), USED_UP])
async def test_ten_who_record_at_once_are_numbered_in_turn(hooks: House, grace: Person, verdict: Verdict) -> None:
    # Else the receiver's row, which they would wait for, would keep them in turn.
    await attempt(hooks, await waiting(hooks, grace), verdict)
    id_ = await waiting(hooks, grace)
    message = await taken(hooks, id_)

    done = await asyncio.gather(*(record(hooks, message, verdict) for _ in range(10)))

    assert sorted(recorded.number for recorded in done) == list(range(1, 11))
    assert ((await look(hooks, id_)).tried, len(await numbers(hooks, id_))) == (1, 10)


async def until_waited_for(tx: Tx, task: asyncio.Task[Any]) -> None:
    """Until `task` waits for what this transaction has locked."""
    async with asyncio.timeout(10):
        while not await tx.value(
            "SELECT true FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)) LIMIT 1"
        ):
            assert not task.done()


async def test_who_records_the_same_at_the_same_moment_waits(hooks: House, clock: StillClock, grace: Person) -> None:
    await attempt(hooks, await waiting(hooks, grace), Delivered())
    message = await taken(hooks, await waiting(hooks, grace))
    values: dict[str, Any] = {"started_at": clock.now(), "seconds": 0, "status_code": 200, "answer": b"", "error": None}

    async with hooks.database.transaction() as tx:
        await tx.together(webhooks.record_attempt(message=message, verdict=Delivered(), now=clock.now(), **values))
        other = asyncio.create_task(record(hooks, message, Delivered()))
        await until_waited_for(tx, other)

    assert (await other).number == 2


# receivers -------------------------------------------------------------------------------------------------------------


async def test_a_receiver_s_health_is_kept(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    assert await endpoint(hooks, grace) is None

    began = clock.now()
    await attempt(hooks, id_, again(hooks))
    clock.move(seconds=60)
    await attempt(hooks, id_, again(hooks))
    assert await endpoint(hooks, grace) == Endpoint(
        account_id=grace.account.id, origin=ORIGIN, failing_since=began, last_success_at=None, paused_at=None
    )

    clock.move(seconds=60)
    await attempt(hooks, id_, Delivered())
    found = await endpoint(hooks, grace)
    assert found is not None
    assert (found.failing_since, found.last_success_at) == (None, clock.now())


async def test_a_success_starts_the_count_of_days_anew(hooks: House, clock: StillClock, grace: Person) -> None:
    for _ in range(5):
        failing, good = await waiting(hooks, grace), await waiting(hooks, grace)
        await attempt(hooks, failing, again(hooks))
        clock.move(seconds=4 * DAY)
        assert not (await attempt(hooks, failing, USED_UP)).endpoint_paused
        await attempt(hooks, good, Delivered())

    found = await endpoint(hooks, grace)
    assert found is not None
    assert found.paused_at is None


@pytest.mark.parametrize(("seconds", "status"), [(5 * DAY - 1, "waiting"), (5 * DAY, "paused")])
async def test_a_receiver_that_fails_for_five_days_is_paused(
    hooks: House, clock: StillClock, grace: Person, seconds: float, status: Status
) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))
    clock.move(seconds=seconds)

    recorded = await attempt(hooks, id_, again(hooks))

    assert recorded.status == status
    assert recorded.endpoint_paused is (status == "paused")
    assert (recorded.next_at is None) is (status == "paused")


async def test_how_long_it_may_fail_is_a_setting(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))
    clock.move(seconds=3600)

    assert (await attempt(hooks, id_, again(hooks), pause_after=timedelta(hours=1))).endpoint_paused


async def test_of_ten_failures_at_once_one_tells_that_it_is_paused(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    messages = [await taken(hooks, await waiting(hooks, grace)) for _ in range(10)]
    first = await waiting(hooks, grace)
    await attempt(hooks, first, again(hooks))
    clock.move(seconds=6 * DAY)

    done = await asyncio.gather(*(record(hooks, message, again(hooks)) for message in messages))

    assert sum(recorded.endpoint_paused for recorded in done) == 1
    assert {recorded.status for recorded in done} == {"paused"}
    assert await take(hooks, first) is None
    assert (await look(hooks, first)).status == "paused"


async def test_of_two_failures_at_the_same_moment_one_pauses(hooks: House, clock: StillClock, grace: Person) -> None:
    one, other = await taken(hooks, await waiting(hooks, grace)), await taken(hooks, await waiting(hooks, grace))
    await attempt(hooks, await waiting(hooks, grace), again(hooks))
    clock.move(seconds=6 * DAY)
    values: dict[str, Any] = {"started_at": clock.now(), "seconds": 0, "status_code": 500, "answer": b"", "error": None}

    async with hooks.database.transaction() as tx:
        (first,) = await tx.together(webhooks.record_attempt(message=one, verdict=USED_UP, now=clock.now(), **values))
        second = asyncio.create_task(record(hooks, other, again(hooks)))
        await until_waited_for(tx, second)

    assert first.endpoint_paused
    assert not (await second).endpoint_paused
    assert (await second).status == "paused"


async def test_a_success_counts_although_another_came_the_same_second(hooks: House, grace: Person) -> None:
    for verdict in (Delivered(), USED_UP, Delivered()):
        await attempt(hooks, await waiting(hooks, grace), verdict)

    found = await endpoint(hooks, grace)
    assert found is not None
    assert found.failing_since is None


async def test_a_last_attempt_that_pauses_its_receiver_has_failed_all_the_same(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))
    clock.move(seconds=6 * DAY)

    recorded = await attempt(hooks, id_, USED_UP)

    assert (recorded.status, recorded.endpoint_paused) == ("failed", True)


async def test_messages_of_a_paused_receiver_are_put_aside_when_they_come_up(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    before, held = await waiting(hooks, grace, url="https://example.com/another"), await hold(hooks, grace)
    await pause(hooks, clock, grace)

    assert await take(hooks, before) is None
    assert await release(hooks, held) is None

    async with hooks.database.statement() as tx:
        found = await webhooks.messages(tx, status="paused", count=10)
    assert len(found) == 3
    assert {(message.next_at, message.ended_at) for message in found} == {(None, clock.now())}


async def test_one_account_s_failures_are_not_another_s(
    hooks: House, clock: StillClock, grace: Person, eve: Person
) -> None:
    elsewhere = await waiting(hooks, grace, url="https://example.com:8443/done")
    of_eve = await waiting(hooks, eve)
    await pause(hooks, clock, grace)

    assert await take(hooks, elsewhere) is not None
    assert await take(hooks, of_eve) is not None


async def test_a_receiver_that_is_resumed_is_called_again(hooks: House, clock: StillClock, grace: Person) -> None:
    paused = await pause(hooks, clock, grace)

    async with hooks.database.statement() as tx:
        assert await webhooks.resume(tx, account_id=grace.account.id, origin=ORIGIN)
        assert not await webhooks.resume(tx, account_id=grace.account.id, origin=ORIGIN)

    assert (await look(hooks, paused)).status == "paused"
    new = await waiting(hooks, grace)
    recorded = await attempt(hooks, new, again(hooks))
    assert (recorded.status, recorded.endpoint_paused) == ("waiting", False)


async def test_a_success_that_was_under_way_opens_a_paused_receiver(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    under_way = await taken(hooks, await waiting(hooks, grace))
    await pause(hooks, clock, grace)

    await record(hooks, under_way, Delivered())

    found = await endpoint(hooks, grace)
    assert found is not None
    assert (found.paused_at, found.failing_since) == (None, None)


async def test_a_release_does_not_wait_for_whoever_opens_the_receiver(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    task_id = await hold(hooks, grace)
    await pause(hooks, clock, grace)

    async with hooks.database.transaction() as tx:
        await webhooks.resume(tx, account_id=grace.account.id, origin=ORIGIN)
        async with asyncio.timeout(5):
            assert await release(hooks, task_id) is not None


async def test_what_is_put_aside_just_now_is_recovered_too(hooks: House, clock: StillClock, grace: Person) -> None:
    task_id = await hold(hooks, grace)
    since = clock.now()
    await pause(hooks, clock, grace)

    async with hooks.database.transaction() as tx:
        assert await tx.together(webhooks.release_message(task_id=task_id, now=clock.now())) == (None,)
        recovering = asyncio.create_task(recover(hooks, since))
        await until_waited_for(tx, recovering)

    assert len(await recovering) == 2


# starting anew ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Delivered(), USED_UP])
async def test_an_ended_message_is_sent_again_under_the_same_id(
    hooks: House, clock: StillClock, grace: Person, verdict: Verdict
) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))
    await attempt(hooks, id_, verdict)
    clock.move(seconds=60)

    await resend(hooks, id_)

    message = await taken(hooks, id_)
    assert (message.status, message.tried, message.attempts) == ("waiting", 0, 2)
    assert (message.next_at, message.ended_at) == (clock.now(), None)
    recorded = await record(hooks, message, Delivered())
    assert (recorded.number, recorded.status) == (3, "delivered")


async def test_to_send_a_paused_message_again_opens_its_receiver(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    id_ = await pause(hooks, clock, grace)

    await resend(hooks, id_)

    assert (await taken(hooks, id_)).tried == 0
    found = await endpoint(hooks, grace)
    assert found is not None
    assert found.paused_at is None


async def test_what_is_under_way_is_not_sent_again(hooks: House, clock: StillClock, grace: Person) -> None:
    paused, task_id = await pause(hooks, clock, grace), await hold(hooks, grace)
    async with hooks.database.statement() as tx:
        (held,) = await webhooks.messages(tx, task_id=task_id, count=1)
    with pytest.raises(webhooks.MessageUnderWay, match="has not ended"):
        await resend(hooks, held.id)
    found = await endpoint(hooks, grace)
    assert found is not None
    assert found.paused_at is not None

    await resend(hooks, paused)

    with pytest.raises(webhooks.MessageUnderWay, match="being sent already"):
        await resend(hooks, paused)


async def test_of_ten_who_send_it_again_at_once_one_does(hooks: House, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, USED_UP)

    done = await asyncio.gather(*(resend(hooks, id_) for _ in range(10)), return_exceptions=True)

    assert sum(answer is None for answer in done) == 1
    assert sum(isinstance(answer, webhooks.MessageUnderWay) for answer in done) == 9


async def test_who_sends_it_again_at_the_same_moment_is_told(hooks: House, clock: StillClock, grace: Person) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, USED_UP)

    async with hooks.database.transaction() as tx:
        await webhooks.resend(tx, id_=id_, now=clock.now())
        other = asyncio.create_task(resend(hooks, id_))
        await until_waited_for(tx, other)

    with pytest.raises(webhooks.MessageUnderWay):
        await other


async def test_eve_neither_sees_nor_sends_what_is_grace_s(hooks: House, grace: Person, eve: Person) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, USED_UP)

    with pytest.raises(webhooks.NoSuchMessage, match=id_.hex):
        await resend(hooks, id_, account_id=eve.account.id)
    async with hooks.database.statement() as tx:
        with pytest.raises(webhooks.NoSuchMessage):
            await webhooks.message(tx, id_=id_, account_id=eve.account.id)
        assert await webhooks.messages(tx, account_id=eve.account.id, count=10) == []
        assert (await webhooks.message(tx, id_=id_, account_id=grace.account.id)).status == "failed"
    assert await recover(hooks, hooks.clock.now(), account_id=eve.account.id) == []
    with pytest.raises(webhooks.NoSuchMessage):
        await resend(hooks, uuid7())


async def test_all_that_failed_since_then_is_recovered(hooks: House, clock: StillClock, grace: Person) -> None:
    early = await waiting(hooks, grace)
    await attempt(hooks, early, USED_UP)
    clock.move(seconds=60)
    since = clock.now()
    failed, delivered = await waiting(hooks, grace), await waiting(hooks, grace)
    elsewhere = await waiting(hooks, grace, url="https://other.example/")
    await attempt(hooks, delivered, Delivered())
    await attempt(hooks, failed, again(hooks))
    await attempt(hooks, failed, USED_UP)
    await attempt(hooks, elsewhere, USED_UP)
    waits = await waiting(hooks, grace)
    paused = await pause(hooks, clock, grace)

    assert set(await recover(hooks, since, origin=ORIGIN, account_id=grace.account.id)) == {failed, paused}

    for id_, status in ((early, "failed"), (delivered, "delivered"), (elsewhere, "failed"), (waits, "waiting")):
        assert (await look(hooks, id_)).status == status
    for id_ in (failed, paused):
        assert (await taken(hooks, id_)).tried == 0
    assert await recover(hooks, since) == [elsewhere]
    assert await recover(hooks, since) == []


async def test_only_receivers_of_what_is_recovered_are_opened(
    hooks: House, clock: StillClock, grace: Person, eve: Person
) -> None:
    await pause(hooks, clock, eve)
    clock.move(seconds=60)
    since = clock.now()
    id_ = await pause(hooks, clock, grace)

    assert await recover(hooks, since) == [id_]

    of_grace, of_eve = await endpoint(hooks, grace), await endpoint(hooks, eve)
    assert of_grace is not None
    assert of_grace.paused_at is None
    assert of_eve is not None
    assert of_eve.paused_at is not None


# queueing --------------------------------------------------------------------------------------------------------------


async def due(house: House, count: int = 10) -> list[UUID]:
    async with house.database.statement() as tx:
        return [message.id for message in await webhooks.due(tx, now=house.clock.now(), count=count)]


async def test_what_is_to_be_tried_again_is_due_when_its_time_comes_and_only_once(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    later, sooner, done = [await waiting(hooks, grace) for _ in range(3)]
    await attempt(hooks, later, again(hooks, seconds=60))
    await attempt(hooks, sooner, again(hooks, seconds=59))
    await attempt(hooks, done, Delivered())
    await hold(hooks, grace)
    clock.move(seconds=58)
    assert await due(hooks) == []

    clock.move(seconds=2)

    assert await due(hooks) == [sooner, later]
    assert await due(hooks) == []
    assert (await taken(hooks, later)).next_at == clock.now()


async def test_what_was_released_is_queued_already(hooks: House, clock: StillClock, grace: Person) -> None:
    await waiting(hooks, grace)
    clock.move(seconds=60)

    assert await due(hooks) == []


async def test_what_is_sent_again_is_due(hooks: House, clock: StillClock, grace: Person) -> None:
    one, other = [await waiting(hooks, grace) for _ in range(2)]
    paused = await pause(hooks, clock, grace)
    failed = await waiting(hooks, grace, url="https://other.example/")
    await attempt(hooks, failed, USED_UP)
    assert [await take(hooks, id_) for id_ in (one, other)] == [None, None]
    assert await due(hooks) == []

    await resend(hooks, one)
    assert await due(hooks) == [one]
    assert set(await recover(hooks, clock.now())) == {other, paused, failed}
    assert set(await due(hooks)) == {other, paused, failed}


async def test_a_job_that_was_lost_is_made_up_for_each_time_it_is_late(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    forgotten = await waiting(hooks, grace)
    clock.move(seconds=899)
    assert await due(hooks) == []

    clock.move(seconds=1)

    assert await due(hooks) == [forgotten]
    assert await due(hooks) == []
    clock.move(seconds=900)
    assert await due(hooks) == [forgotten]


async def test_what_one_has_in_hand_another_does_not_wait_for(hooks: House, clock: StillClock, grace: Person) -> None:
    both = {await waiting(hooks, grace), await waiting(hooks, grace)}
    clock.move(seconds=3600)

    async with hooks.database.transaction() as tx:
        (first,) = await webhooks.due(tx, now=clock.now(), count=1)
        async with asyncio.timeout(5):
            (other,) = await due(hooks)

    assert {first.id, other} == both


async def test_an_attempt_under_way_survives_being_found_late(hooks: House, clock: StillClock, grace: Person) -> None:
    message = await taken(hooks, await waiting(hooks, grace))
    clock.move(seconds=3600)
    await due(hooks)

    assert (await record(hooks, message, again(hooks))).next_at is not None


async def test_a_whole_evening_of_everything_at_once_ends(
    hooks: House, clock: StillClock, ada: Person, grace: Person
) -> None:
    """Receivers and messages are locked in one order by all: otherwise PostgreSQL would end a few of these by force."""
    urls = ("https://example.com/done", "https://other.example/done")
    messages = [
        await taken(hooks, await waiting(hooks, person, url=url))
        for person in (ada, grace)
        for url in urls
        for _ in "abc"
    ]
    for message in messages:
        await record(hooks, message, again(hooks))
    since = clock.now()
    clock.move(seconds=6 * DAY)

    async def turn(message: Message, number: int) -> None:
        await take(hooks, message.id)
        await record(hooks, message, Delivered() if number % 3 == 0 else USED_UP)
        await release(hooks, await hold(hooks, grace, url=message.url))
        if number % 2:
            await recover(hooks, since)
        else:
            with suppress(webhooks.MessageUnderWay):
                await resend(hooks, message.id)
        await due(hooks)

    await asyncio.gather(*(turn(message, number) for number in range(12) for message in messages))

    for message in messages:
        assert (await look(hooks, message.id)).attempts == len(await numbers(hooks, message.id)) == 13


# looking ---------------------------------------------------------------------------------------------------------------


async def test_messages_are_found_newest_first_by_whatever_is_given(
    hooks: House, clock: StillClock, ada: Person, grace: Person
) -> None:
    old = await waiting(hooks, grace)
    clock.move(seconds=60)
    since = clock.now()
    failed, other = await waiting(hooks, grace), await waiting(hooks, grace, url="https://other.example/")
    of_ada = await waiting(hooks, ada)
    await attempt(hooks, failed, USED_UP)

    async def found(**given: Any) -> list[UUID]:
        async with hooks.database.statement() as tx:
            return [message.id for message in await webhooks.messages(tx, **{"count": 10, **given})]

    task_of = {id_: (await look(hooks, id_)).task_id for id_ in (old, failed, other, of_ada)}
    everything = sorted(task_of, key=task_of.__getitem__, reverse=True)
    assert await found() == everything
    assert await found(count=2) == everything[:2]
    assert await found(before=task_of[everything[1]]) == everything[2:]
    assert await found(account_id=ada.account.id) == [of_ada]
    assert await found(status="failed") == [failed]
    assert await found(origin="https://other.example:443") == [other]
    assert set(await found(since=since)) == {failed, other, of_ada}
    assert await found(account_id=grace.account.id, since=since, status="waiting") == [other]
    assert await found(task_id=task_of[old]) == [old]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webhook_messages SET status = 'lost'",
        "UPDATE webhook_messages SET next_at = NULL",
        "UPDATE webhook_messages SET status = 'failed'",
        "UPDATE webhook_messages SET ended_at = now()",
        "UPDATE webhook_messages SET tried = attempts + 1",
        "UPDATE webhook_attempts SET number = 0",
        "UPDATE webhook_attempts SET status_code = NULL",
        "UPDATE webhook_endpoints SET paused_at = now(), failing_since = NULL",
    ],
)
async def test_the_database_refuses_messages_that_cannot_be(hooks: House, grace: Person, statement: str) -> None:
    id_ = await waiting(hooks, grace)
    await attempt(hooks, id_, again(hooks))

    async with hooks.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await tx.run(statement)
