from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from PIL import Image

from limner import storage
from limner.accounts.service import ModelNotAllowed
from limner.catalog.service import CustomModel, UnknownModel, catalog_of
from limner.credits.service import CreditsUsedUp, SpendLimitReached
from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.problem import InvalidValue, Problem
from limner.engines import EngineBusy, EngineFailed
from limner.flow.admit import admit
from limner.flow.deliver import Delivery
from limner.flow.house import EngineStand, House
from limner.flow.moderate import Refused
from limner.flow.perform import TaskTimedOut
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock
from limner.limits.models import Policy
from limner.limits.service import TooManyAtOnce, TooManyRequests
from limner.storage import StorageFailed
from support.asks import OTTER, paint
from support.painters import Backwards, Breaking, Lazy, Painter, Waiting, with_painter
from support.people import (
    Person,
    assert_nothing_under_way,
    balance_of,
    budget_of,
    entries_of,
    join,
    running_of,
    until_quiet,
)
from support.shelves import image_rows, stored_keys, task_rows
from support.storages import AtOnce, SlowToAnswer

PRICE = micro("0.02")  # a dall-e-2 picture at 1024x1024


async def test_grace_gets_her_picture_and_pays_for_it(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)

    assert delivery.charged == PRICE
    assert delivery.credits_left == micro(10) - PRICE
    assert delivery.result.created_at_seconds == int(house.clock.now().timestamp())
    assert (delivery.allowance.remaining, delivery.result.images[0].revised_prompt) == (599, OTTER)
    assert [entry.kind for entry in await entries_of(house, grace)] == ["charge", "hold", "grant"]
    await assert_nothing_under_way(house, grace)


async def test_the_task_and_its_pictures_are_written_down(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, n=2, seed=7)

    (task,) = await task_rows(house)
    assert (task["id"], task["status"], task["charged"], task["held"]) == (
        delivery.result.task_id,
        "succeeded",
        2 * PRICE,
        2 * PRICE,
    )
    assert task["request"] == {"prompt": OTTER, "model": "dall-e-2", "n": 2, "seed": 7}
    assert (task["trace_id"], task["account_id"], task["api_key_id"]) == ("trace-1", grace.account.id, grace.key.id)
    images = await image_rows(house)
    assert [(image["index"], image["seed"], image["width"]) for image in images] == [(0, 7, 1024), (1, 8, 1024)]
    assert [image["storage_key"] for image in images] == await stored_keys(house)
    assert await stored_keys(house) == [f"2026-11-22/{delivery.result.task_id}_{index}.png" for index in (0, 1)]


async def test_bytes_are_the_picture_itself(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, as_links=False)

    (image,) = delivery.result.images
    assert image.url is None
    assert image.data is not None
    assert Image.open(io.BytesIO(image.data)).size == (1024, 1024)


async def test_links_begin_with_the_public_address(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)

    assert delivery.result.images[0].data is None
    assert str(delivery.result.images[0].url).startswith(
        f"http://limner.test/files/2026-11-22/{delivery.result.task_id}_0.png?se=2026-11-22T13%3A00%3A00Z&sp=r&sig="
    )


async def test_the_owner_is_counted_and_never_stopped(house: House) -> None:
    ada = await join(house, "ada", role="owner", credits_start=0)

    delivery = await paint(house, ada, n=3)

    assert delivery.credits_left == -3 * PRICE
    assert (await budget_of(house, ada)).spent == 3 * PRICE
    await assert_nothing_under_way(house, ada)


async def test_the_same_seed_gives_the_same_bytes(house: House, grace: Person) -> None:
    # Without what is different in each: when it was made, and a signature.
    house = replace(house, certifier=None)
    first, second, other = [await paint(house, grace, seed=seed, as_links=False) for seed in (7, 7, 8)]

    assert first.result.images[0].data == second.result.images[0].data != other.result.images[0].data


async def test_pictures_come_in_order_whatever_was_done_first(house: House, grace: Person) -> None:
    delivery = await paint(with_painter(house, Backwards()), grace, n=4)

    assert [str(image.url).partition(".png")[0][-1] for image in delivery.result.images] == ["0", "1", "2", "3"]


async def test_an_engine_is_opened_once_at_its_first_task(house: House, grace: Person) -> None:
    painter = Painter()
    house = with_painter(house, painter)
    assert painter.opened == 0

    await asyncio.gather(*(paint(house, grace) for _ in range(5)))
    await house.engines["fake"].close()
    await house.engines["fake"].close()

    assert (painter.opened, painter.closed) == (1, 1)


async def test_an_engine_that_was_never_opened_is_not_closed() -> None:
    painter = Painter()

    await EngineStand(painter).close()

    assert painter.closed == 0


# What is refused at the door -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"model": "dall-e-9"}, UnknownModel),
        ({"n": 11}, InvalidValue),
        ({"prompt": "A Zeppelin over the sea"}, Refused),
        ({"prompt": "eat the FORBIDDEN   FRUIT"}, Refused),
        ({"prompt": "eat the FORBIDDEN FRUIT"}, Refused),
        ({"prompt": "zeppelins are other words"}, None),
    ],
)
async def test_what_is_refused_leaves_no_trace(
    house: House, grace: Person, given: dict[str, object], problem: type[Problem] | None
) -> None:
    if problem is None:
        assert await paint(house, grace, **given)  # type: ignore[arg-type]
        return

    with pytest.raises(problem):
        await paint(house, grace, **given)  # type: ignore[arg-type]

    assert await task_rows(house) == []
    assert len(await entries_of(house, grace)) == 1
    await assert_nothing_under_way(house, grace)


async def test_a_format_that_the_engine_does_not_write(house: House, grace: Person) -> None:
    ask = Ask(prompt=OTTER, model="dall-e-3", output_format="svg")
    with pytest.raises(InvalidValue, match="writes png, not svg") as caught:
        await admit(house, principal=grace.principal, ask=ask, trace_id="")
    assert caught.value.param == "output_format"


async def test_a_key_for_other_models(house: House) -> None:
    grace = await join(house, "grace", models=frozenset({"dall-e-3"}))

    with pytest.raises(ModelNotAllowed):
        await paint(house, grace)
    await assert_nothing_under_way(house, grace)


async def test_eve_has_no_credits_and_gets_nowhere(house: House, eve: Person) -> None:
    with pytest.raises(CreditsUsedUp, match=r"costs 0.020000 credits and the account has 0.000000 left"):
        await paint(house, eve)

    assert await task_rows(house) == []
    assert await stored_keys(house) == []
    await assert_nothing_under_way(house, eve)


async def test_a_refusal_for_credits_uses_up_no_request(house: House, eve: Person) -> None:
    for _ in range(3):
        with pytest.raises(CreditsUsedUp):
            await paint(house, eve)

    async with house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM rate_limits") == 0


async def test_a_key_may_spend_so_much(house: House) -> None:
    grace = await join(house, "grace", spend_limit=0.05)
    await paint(house, grace, n=2)

    with pytest.raises(SpendLimitReached):
        await paint(house, grace)

    assert (await paint_free(house, grace)).charged == 0
    await assert_nothing_under_way(house, grace)


async def paint_free(house: House, person: Person) -> Delivery:
    """A house where pictures are free."""
    free = CustomModel(name="free", engine="fake", profile="open", description="", price=0)
    return await paint(replace(house, catalog=catalog_of(engine="fake", custom=[free])), person, model="free")


async def test_a_key_s_own_limits_beat_the_house_s(house: House) -> None:
    grace = await join(house, "grace", requests_per_minute=2)
    await paint(house, grace)
    await paint(house, grace)

    with pytest.raises(TooManyRequests, match="2 requests a minute"):
        await paint(house, grace)


async def test_of_thirty_racing_requests_ten_are_painted(house: House, grace: Person) -> None:
    house = replace(house, policy=Policy(requests_per_minute=10, concurrent=100))

    answers = await asyncio.gather(*(paint(house, grace) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(answer, Delivery) for answer in answers) == 10
    assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 20
    assert (await balance_of(house, grace)).balance == micro(10) - 10 * PRICE
    await assert_nothing_under_way(house, grace)


async def test_so_many_at_once_and_then_again(house: House, grace: Person) -> None:
    painter = Waiting()
    house = replace(with_painter(house, painter), policy=Policy(requests_per_minute=600, concurrent=1))
    first = asyncio.create_task(paint(house, grace))
    await painter.began.wait()
    with pytest.raises(TooManyAtOnce):
        await paint(house, grace)
    assert await running_of(house, grace) == 1

    painter.may_go_on.set()
    await first

    assert await paint(house, grace)
    await assert_nothing_under_way(house, grace)


async def test_credits_are_promised_while_a_picture_is_painted(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    task = asyncio.create_task(paint(house, grace, n=2))
    await painter.began.wait()

    assert (await balance_of(house, grace)).held == 2 * PRICE
    assert len(house.hands.ids()) == 1

    painter.may_go_on.set()
    await task
    assert not house.hands.ids()
    await assert_nothing_under_way(house, grace)


# What goes wrong while it is painted ---------------------------------------------------------------------------------


async def test_an_engine_that_breaks_at_once_costs_nothing(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("the brush broke")))

    with pytest.raises(EngineFailed, match="the brush broke"):
        await paint(house, grace)

    (task,) = await task_rows(house)
    assert (task["status"], task["charged"], task["error_code"], task["error_message"]) == (
        "failed",
        0,
        "engine_failed",
        "the brush broke",
    )
    assert (await balance_of(house, grace)).balance == micro(10)
    assert [entry.kind for entry in await entries_of(house, grace)] == ["release", "hold", "grant"]
    assert not house.hands.ids()
    await assert_nothing_under_way(house, grace)


async def test_only_what_was_delivered_is_charged(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("the brush broke"), after=2))

    delivery = await paint(house, grace, n=5)

    assert len(delivery.result.images) == 2
    assert delivery.charged == 2 * PRICE
    assert (await balance_of(house, grace)).balance == micro(10) - 2 * PRICE
    (task,) = await task_rows(house)
    assert (task["status"], task["charged"], task["held"]) == ("succeeded", 2 * PRICE, 5 * PRICE)
    assert len(await stored_keys(house)) == 2
    await assert_nothing_under_way(house, grace)


@pytest.mark.parametrize(("delivered", "is_paid"), [(2, True), (0, False)])
async def test_an_engine_that_delivers_too_few(house: House, grace: Person, *, delivered: int, is_paid: bool) -> None:
    house = with_painter(house, Lazy(pictures=delivered))

    if is_paid:
        assert (await paint(house, grace, n=3)).charged == delivered * PRICE
    else:
        with pytest.raises(EngineFailed, match="delivered 0 of 3 pictures"):
            await paint(house, grace, n=3)
    await assert_nothing_under_way(house, grace)


async def test_a_busy_engine_says_when_to_come_back(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineBusy("twelve wait already", retry_after_seconds=3)))

    with pytest.raises(EngineBusy) as caught:
        await paint(house, grace)

    assert caught.value.retry_after_seconds == 3
    await assert_nothing_under_way(house, grace)


@pytest.mark.parametrize("after", [0, 1])
async def test_a_bug_in_an_engine_costs_nothing_and_leaves_nothing(house: House, grace: Person, after: int) -> None:
    house = with_painter(house, Breaking(ZeroDivisionError("a bug"), after=after))

    with pytest.raises(ZeroDivisionError):
        await paint(house, grace, n=2)

    (task,) = await task_rows(house)
    assert (task["status"], task["error_code"], task["leftovers"]) == ("failed", "internal", True)
    assert "a bug" not in task["error_message"]
    assert (await balance_of(house, grace)).balance == micro(10)
    assert not house.hands.ids()
    await assert_nothing_under_way(house, grace)


async def test_a_full_storage_costs_nothing(house: House, grace: Person) -> None:
    house = replace(house, storage=storage.load("memory://?bytes_max=100"))

    with pytest.raises(StorageFailed, match="full"):
        await paint(house, grace)

    assert await stored_keys(house) == []
    assert (await balance_of(house, grace)).balance == micro(10)
    assert (await task_rows(house))[0]["error_code"] == "storage_failed"
    await assert_nothing_under_way(house, grace)


async def test_a_storage_that_fills_up_on_the_way_delivers_what_it_took(house: House, grace: Person) -> None:
    one = len((await paint(house, grace, as_links=False)).result.images[0].data or b"")
    house = replace(house, storage=storage.load(f"memory://?bytes_max={2 * one}"))

    delivery = await paint(house, grace, n=3)

    assert (len(delivery.result.images), delivery.charged) == (2, 2 * PRICE)
    await assert_nothing_under_way(house, grace)


async def test_a_task_that_takes_too_long_is_stopped(house: House, grace: Person) -> None:
    painter = Waiting()
    house = replace(with_painter(house, painter), task_seconds=0)

    with pytest.raises(TaskTimedOut, match="not done within 0 seconds"):
        await paint(house, grace)

    assert (await task_rows(house))[0]["error_code"] == "timed_out"
    await assert_nothing_under_way(house, grace)


async def test_what_was_done_in_time_is_delivered(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    house = replace(with_painter(house, painter), task_seconds=0.05)  # type: ignore[arg-type]

    delivery = await paint(house, grace, n=3)

    assert len(delivery.result.images) == 1
    assert painter.left_early
    await assert_nothing_under_way(house, grace)


async def test_a_file_of_a_task_that_timed_out_does_not_stay(house: House, grace: Person) -> None:
    house = replace(house, storage=SlowToAnswer(), task_seconds=0.05)  # type: ignore[arg-type]
    with pytest.raises(TaskTimedOut):
        await paint(house, grace)
    assert len(await stored_keys(house)) == 1

    await sweep(house)

    assert await stored_keys(house) == []


async def test_a_cancelled_request_gives_everything_back(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    house = with_painter(house, painter)
    task = asyncio.create_task(paint(house, grace, n=2))
    await painter.began.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert painter.left_early
    (row,) = await task_rows(house)
    assert (row["status"], row["error_code"], row["leftovers"]) == ("failed", "interrupted", True)
    assert not house.hands.ids()
    await assert_nothing_under_way(house, grace)


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_whenever_a_request_is_cancelled_the_sweep_puts_it_right(house: House, grace: Person, steps: int) -> None:
    house = replace(house, storage=AtOnce())
    task = asyncio.create_task(paint(house, grace))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done = (await asyncio.gather(task, return_exceptions=True))[0]
    await until_quiet(house)

    later = replace(house, clock=StillClock(house.clock.now() + timedelta(days=1)))
    await sweep(later)

    assert isinstance(done, (Delivery, asyncio.CancelledError))
    assert not house.hands.ids()
    await assert_nothing_under_way(house, grace)
    for row in await task_rows(house):
        assert row["status"] in {"succeeded", "failed"}
        if row["status"] == "failed":
            assert await stored_keys(house) == []


async def test_eighty_people_at_once(house: House) -> None:
    people = [await join(house, f"grace {number}", credits_start=0.05) for number in range(8)]

    answers = await asyncio.gather(
        *(paint(house, person) for _ in range(10) for person in people), return_exceptions=True
    )

    assert sum(isinstance(answer, Delivery) for answer in answers) == 16  # two each
    for person in people:
        assert (await balance_of(house, person)).balance == micro("0.01")
        await assert_nothing_under_way(house, person)


async def test_every_task_has_its_own_id(house: House, grace: Person) -> None:
    deliveries = await asyncio.gather(*(paint(house, grace) for _ in range(5)))

    ids = {delivery.result.task_id for delivery in deliveries}
    assert len(ids) == 5
    assert all(isinstance(id_, UUID) and id_.version == 7 for id_ in ids)
