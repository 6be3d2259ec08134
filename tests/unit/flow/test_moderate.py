"""Who says what may be painted, by real calls to a moderations server that is scripted; and that what is refused is free."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from limner import config
from limner.audit import service as audit
from limner.audit.models import Actor
from limner.audit.models import Filter as AuditFilter
from limner.bootstrap import make_moderator
from limner.config import SettingsError
from limner.db.listen import Listener
from limner.domain.ask import Ask
from limner.domain.problem import InvalidValue
from limner.engines import EngineRefused
from limner.flow import moderation_rules
from limner.flow.admit import Terms
from limner.flow.history import tell
from limner.flow.house import House
from limner.flow.moderate import Blocked, ModerationUnavailable, Refused
from limner.flow.moderator import Bounds, Moderator, PictureHook, RuleWatch
from limner.flow.submit import submit
from limner.flow.sweep import tidy
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.kit.moderations import Moderations, ModerationServer, Opinion
from limner.moderation import service as rule_book
from limner.moderation.models import Filter
from limner.moderation.service import NoSuchRule, RuleExists
from support.asks import OTTER, paint
from support.chat import ChatServer, Turn, chat_server, hangs, hangs_up, never_ends, replies, says, stops_halfway
from support.moderations import fine, violent
from support.painters import Breaking, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, entries_of
from unit.flow.test_revise import Now, Telling, revising

CLERK = Actor(account_id=None, trace_id="trace-9", sender="command line")
FULL = 10_000_000


@asynccontextmanager
async def moderated(
    house: House,
    *turns: Turn,
    pictures: Literal["endpoint"] | PictureHook | None = None,
    prompts: bool = True,
    now: Now | None = None,
    seconds: float = 5.0,
    **options: Any,
) -> AsyncIterator[tuple[House, ChatServer]]:
    """The same house with a moderations server. Words of the settings: zeppelin."""
    async with chat_server(*(turns or (fine(),))) as server:
        line = None
        if prompts or pictures == "endpoint":
            line = Moderations(ModerationServer(url=server.url, model="omni", key="sk-theirs", seconds=seconds))
        moderator = Moderator(words=["zeppelin"], line=line, pictures=pictures, monotonic=now or Now(), **options)
        await moderator.open()
        try:
            yield replace(house, moderator=moderator), server
        finally:
            await moderator.close()


@pytest.fixture
async def ruled(house: House) -> House:
    """The same house with rules of its own to keep."""
    return replace(house, moderator=Moderator(words=["zeppelin"]))


async def verdicts(house: House) -> list[tuple[str, str, str]]:
    return [(one.stage, one.decision, one.said_by) for one in await moderation_rules.verdicts(house)]


async def until(is_so: Callable[[], bool]) -> None:
    """Until it is so."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for is another task's, and tells nobody
            await asyncio.sleep(0.01)


async def assert_free(house: House, person: Person) -> None:
    assert (await balance_of(house, person)).free == FULL
    assert all(entry.amount == 0 for entry in (await entries_of(house, person))[:-1])
    await assert_nothing_under_way(house, person)


async def put_in_line(house: House, person: Person, *, model: str = "dall-e-2", n: int = 1) -> Any:
    ask = Ask(prompt=OTTER, model=model, n=n)
    admitted = await submit(house, principal=person.principal, ask=ask, trace_id="trace-1", terms=Terms(is_async=True))
    return admitted.task


# rules --------------------------------------------------------------------------------------------------------------------


async def test_a_rule_of_the_operator_s_counts_from_now_on_and_until_it_is_removed(ruled: House, grace: Person) -> None:
    rule = await moderation_rules.add_rule(ruled, CLERK, kind="word", text="otter")
    with pytest.raises(Refused) as caught:
        await paint(ruled, grace)
    assert "otter" not in caught.value.message
    await assert_free(ruled, grace)

    await moderation_rules.remove_rule(ruled, CLERK, rule_id=rule.id)
    assert await paint(ruled, grace)

    (verdict,) = await moderation_rules.verdicts(ruled, which=Filter(rule_id=rule.id))
    assert (verdict.task_id, verdict.account_id, verdict.model) == (None, grace.account.id, "dall-e-2")
    assert (verdict.stage, verdict.decision, verdict.said_by) == ("prompt", "blocked", "rule")
    assert OTTER not in repr(verdict)
    async with ruled.database.statement() as tx:
        acts = await audit.entries(tx, which=AuditFilter(kind="moderation_rule"), count=10)
    assert [act.verb for act in acts] == ["moderation.rule_removed", "moderation.rule_added"]


async def test_a_rule_for_one_account_or_one_model_leaves_the_others_alone(
    ruled: House, grace: Person, ada: Person
) -> None:
    await moderation_rules.add_rule(ruled, CLERK, kind="pattern", text="sea .?otter", account_id=grace.account.id)
    await moderation_rules.add_rule(ruled, CLERK, kind="word", text="baby", model="dall-e-3")

    with pytest.raises(Refused):
        await paint(ruled, grace)
    assert await paint(ruled, ada)
    with pytest.raises(Refused):
        await paint(ruled, ada, model="dall-e-3")
    assert [hit.text for hit in moderation_rules.try_prompt(ruled, prompt=OTTER, model="dall-e-3")] == ["baby"]


async def test_what_is_flagged_is_painted_paid_for_and_noted_with_its_task(ruled: House, grace: Person) -> None:
    rule = await moderation_rules.add_rule(ruled, CLERK, kind="word", text="otter", action="flag")
    delivery = await paint(ruled, grace)

    (verdict,) = await moderation_rules.verdicts(ruled)
    assert (verdict.task_id, verdict.rule_id, verdict.decision) == (delivery.result.task_id, rule.id, "let_through")
    assert delivery.charged > 0


async def test_rules_that_make_no_sense_are_not_kept(ruled: House) -> None:
    await moderation_rules.add_rule(ruled, CLERK, kind="word", text="otter")
    with pytest.raises(RuleExists):
        await moderation_rules.add_rule(ruled, CLERK, kind="word", text=" otter ")
    with pytest.raises(InvalidValue):
        await moderation_rules.add_rule(ruled, CLERK, kind="pattern", text="(")
    with pytest.raises(NoSuchRule):
        await moderation_rules.remove_rule(ruled, CLERK, rule_id=uuid7())
    assert len(await moderation_rules.rules(ruled)) == 1


async def test_every_node_hears_of_a_rule(ruled: House) -> None:
    other = Moderator()
    watch = RuleWatch(ruled.database, other)
    listener = Listener(ruled.database.url)
    listener.hear(rule_book.CHANNEL, watch.heard)
    listener.on_gap(watch.gap)
    following = [asyncio.create_task(listener.run()), asyncio.create_task(watch.run(every_seconds=3600))]
    try:
        async with asyncio.timeout(10):
            await listener.is_listening.wait()
            rule = await moderation_rules.add_rule(ruled, CLERK, kind="word", text="otter")
            await until(lambda: other.has_rules)
            await moderation_rules.remove_rule(ruled, CLERK, rule_id=rule.id)
            await until(lambda: not other.has_rules)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def test_nobody_fills_the_database_by_being_refused(ruled: House, grace: Person) -> None:
    for _ in range(65):
        with pytest.raises(Refused):
            await paint(ruled, grace, prompt="a zeppelin")
    assert len(await moderation_rules.verdicts(ruled)) == 60
    (tally,) = await moderation_rules.tallies(ruled)
    assert (tally.said_by, tally.blocked, tally.let_through) == ("settings", 60, 0)


async def test_the_sweep_forgets_old_verdicts(ruled: House, grace: Person, clock: StillClock) -> None:
    with pytest.raises(Refused):
        await paint(ruled, grace, prompt="a zeppelin")
    clock.move(seconds=89 * 86_400)
    await tidy(ruled)
    assert len(await moderation_rules.verdicts(ruled)) == 1
    clock.move(seconds=2 * 86_400)
    await tidy(ruled)
    assert await moderation_rules.verdicts(ruled) == []


async def test_with_nothing_configured_nothing_is_asked_of_the_database(house: House, grace: Person) -> None:
    bare = replace(house, moderator=Moderator())
    assert not (bare.moderator.has_rules)
    assert not (bare.moderator.asks_about_prompts)
    assert not (bare.moderator.checks_pictures)
    assert await paint(bare, grace, prompt="a zeppelin")
    assert await verdicts(bare) == []


# the endpoint -------------------------------------------------------------------------------------------------------------


async def test_the_endpoint_is_asked_about_the_prompt_and_has_nothing_against_it(house: House, grace: Person) -> None:
    async with moderated(house) as (there, server):
        assert await paint(there, grace)
    assert server.asked == [{"model": "omni", "input": OTTER}]
    assert server.targets == ["POST /v1/moderations HTTP/1.1"]
    assert server.headers[0]["authorization"] == "Bearer sk-theirs"
    assert await verdicts(house) == []


@pytest.mark.parametrize(("model", "problem"), [("dall-e-3", Refused), ("gpt-image-1", Blocked)])
async def test_what_it_flags_is_refused_and_free(
    house: House, grace: Person, model: str, problem: type[Refused], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with moderated(house, violent()) as (there, _):
        with pytest.raises(Refused) as caught:
            await paint(there, grace, model=model)
    assert type(caught.value) is problem
    await assert_free(house, grace)
    (verdict,) = await moderation_rules.verdicts(house)
    assert (verdict.said_by, verdict.by, verdict.categories) == ("endpoint", "omni", ("violence",))
    assert verdict.scores == {"violence": 0.97, "sexual": 0.0}
    assert verdict.task_id is not None
    assert OTTER not in str([record.__dict__ for record in caplog.records])


async def test_asynchronously_it_is_just_as_free(house: House, grace: Person) -> None:
    async with moderated(house, violent()) as (there, _):
        task = await put_in_line(there, grace, model="gpt-image-1")
        await work(there, task_id=task.id)
        ended = await tell(there, account_id=grace.account.id, task_id=task.id)
    assert (ended.task.status, ended.task.error_code) == ("failed", "moderation_blocked")
    await assert_free(house, grace)


@pytest.mark.parametrize(
    ("bounds", "is_low", "opinion", "against"),
    [
        (Bounds(), False, Opinion(flagged=True), ()),
        (Bounds(), True, Opinion(flagged=True), ()),
        (Bounds(), False, Opinion(flagged=False, scores={"violence": 0.99}), None),
        (
            Bounds(),
            False,
            Opinion(flagged=True, categories={"violence": True}, scores={"violence": 0.6}),
            ("violence",),
        ),
        (Bounds(), True, Opinion(flagged=True, categories={"violence": True}, scores={"violence": 0.6}), None),
        (Bounds(), True, Opinion(flagged=True, categories={"violence": True}, scores={"violence": 0.9}), ("violence",)),
        (Bounds(), True, Opinion(flagged=True, categories={"violence": True}), ("violence",)),
        (
            Bounds(thresholds={"violence": 0.2}),
            False,
            Opinion(
                flagged=False, categories={"violence": False, "sexual": False}, scores={"violence": 0.3, "sexual": 0.9}
            ),
            ("violence",),
        ),
        (Bounds(thresholds={"*": 0.5}), False, Opinion(flagged=False, scores={"sexual": 0.6}), ("sexual",)),
        (
            Bounds(thresholds={"violence": 0.8}),
            False,
            Opinion(flagged=True, categories={"violence": True}, scores={"violence": 0.7}),
            None,
        ),
        (
            Bounds(low_thresholds={"sexual": 0.1}),
            True,
            Opinion(flagged=False, categories={"sexual": False}, scores={"sexual": 0.2}),
            ("sexual",),
        ),
    ],
)
def test_scores_are_held_against_the_operator_s_bounds(
    bounds: Bounds, *, is_low: bool, opinion: Opinion, against: tuple[str, ...] | None
) -> None:
    assert bounds.against(opinion, is_low=is_low) == against


async def test_low_moderation_lets_through_what_is_less_than_certain_and_notes_it(house: House, grace: Person) -> None:
    async with moderated(house, violent(0.6)) as (there, _):
        with pytest.raises(Blocked):
            await paint(there, grace, model="gpt-image-1")
        task = (
            await submit(
                there,
                principal=grace.principal,
                ask=Ask(prompt=OTTER, model="gpt-image-1", moderation="low"),
                trace_id="t",
                terms=Terms(is_async=True),
            )
        ).task
        await work(there, task_id=task.id)
        assert (await tell(there, account_id=grace.account.id, task_id=task.id)).task.status == "succeeded"
    assert await verdicts(house) == [("prompt", "let_through", "endpoint"), ("prompt", "blocked", "endpoint")]


TROUBLES = [
    hangs,
    hangs_up,
    stops_halfway,
    never_ends,
    replies(429, b"{}", retry_after="5"),
    replies(500, b"oh"),
    replies(302, b"", location="http://127.0.0.1:1/"),
    replies(200, b"not json"),
    replies(200, b'{"results": []}'),
    replies(200, b'{"results": [{"flagged": "perhaps"}]}'),
]


@pytest.mark.parametrize("turn", TROUBLES)
async def test_without_an_opinion_nothing_is_painted_or_charged(house: House, grace: Person, turn: Turn) -> None:
    async with moderated(house, turn, seconds=0.3) as (there, _):
        with pytest.raises(ModerationUnavailable) as caught:
            await paint(there, grace)
    assert caught.value.retry_after_seconds
    await assert_free(house, grace)


@pytest.mark.parametrize("turn", TROUBLES)
async def test_or_it_is_painted_where_the_operator_wants_that(house: House, grace: Person, turn: Turn) -> None:
    async with moderated(house, turn, seconds=0.3, on_trouble="allow") as (there, _):
        assert await paint(there, grace)


async def test_a_server_in_trouble_is_left_alone_for_half_a_minute(house: House, grace: Person) -> None:
    now = Now()
    turns = [replies(500, b"oh")] * 3 + [fine()]
    async with moderated(house, *turns, on_trouble="allow", now=now) as (there, server):
        for _ in range(5):
            await paint(there, grace)
        assert len(server.asked) == 3
        now.seconds += 31
        await paint(there, grace)
        assert len(server.asked) == 4


# revised prompts ----------------------------------------------------------------------------------------------------------


async def test_what_the_language_model_makes_of_a_prompt_is_looked_at_too(house: House, grace: Person) -> None:
    painter = Telling()
    async with (
        revising(with_painter(house, painter), says("A baby otter in a battle.")) as (rewritten, _),
        moderated(rewritten, fine(), violent()) as (there, server),
    ):
        await paint(there, grace, model="dall-e-3")
    assert [asked["input"] for asked in server.asked] == [OTTER, "A baby otter in a battle."]
    assert painter.prompts == [OTTER]
    assert await verdicts(house) == [("revised", "blocked", "endpoint")]


async def test_and_held_against_the_account_s_rules(ruled: House, grace: Person) -> None:
    painter = Telling()
    await moderation_rules.add_rule(ruled, CLERK, kind="word", text="battle", account_id=grace.account.id)
    async with revising(with_painter(ruled, painter), says("A baby otter in a battle.")) as (there, _):
        await paint(there, grace, model="dall-e-3")
    assert painter.prompts == [OTTER]
    assert await verdicts(ruled) == [("revised", "blocked", "rule")]


# pictures -----------------------------------------------------------------------------------------------------------------


async def keys_of(house: House) -> list[str]:
    return [key async for key in house.storage.keys("")]


async def test_pictures_go_to_the_endpoint_before_they_are_stored(house: House, grace: Person) -> None:
    async with moderated(house, pictures="endpoint", prompts=False) as (there, server):
        assert await paint(there, grace)
    urls = [
        one["image_url"]["url"] for asked in server.asked if isinstance(asked["input"], list) for one in asked["input"]
    ]
    assert len(urls) == 1
    assert urls[0].startswith("data:image/png;base64,iVBOR")


async def test_of_two_pictures_one_is_refused_and_the_other_is_paid_for(house: House, grace: Person) -> None:
    async with moderated(house, fine(), fine(), violent(), fine(), pictures="endpoint") as (there, _):
        delivery = await paint(there, grace, n=2)
    assert len(delivery.result.images) == 1
    assert delivery.charged * 2 == (await paint(house, grace, n=2)).charged
    assert delivery.result.outcome is not None
    assert delivery.result.outcome.warnings == (
        "picture 2 is missing, and not charged for: it was refused by this server's rules",
    )
    (verdict,) = await moderation_rules.verdicts(house)
    assert (verdict.stage, verdict.picture) == ("picture", 1)
    await assert_nothing_under_way(house, grace)


@pytest.mark.parametrize("as_async", [False, True])
async def test_where_all_are_refused_nothing_is_stored_or_charged(
    house: House, grace: Person, *, as_async: bool
) -> None:
    async with moderated(house, fine(), violent(), pictures="endpoint") as (there, _):
        if as_async:
            task = await put_in_line(there, grace, n=2)
            await work(there, task_id=task.id)
            assert (await tell(there, account_id=grace.account.id, task_id=task.id)).task.error_code == "refused"
        else:
            with pytest.raises(Refused):
                await paint(there, grace, n=2)
    assert await keys_of(house) == []
    await assert_free(house, grace)


async def test_a_task_that_is_begun_again_is_looked_at_again(house: House, grace: Person) -> None:
    async with moderated(house, fine(), hangs, fine(), violent(), pictures="endpoint") as (there, server):
        task = await put_in_line(there, grace)
        first = asyncio.create_task(work(there, task_id=task.id))
        await until(lambda: len(server.asked) == 2)
        assert await keys_of(house) == []
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await work(there, task_id=task.id)
        ended = await tell(there, account_id=grace.account.id, task_id=task.id)
    assert ended.task.error_code == "refused"
    assert len(server.asked) == 4
    assert await keys_of(house) == []
    await assert_free(house, grace)


async def test_the_operator_s_own_function_looks_at_pictures_in_a_thread(house: House, grace: Person) -> None:
    seen: list[tuple[bytes, str, bool]] = []

    def hook(data: bytes, media_type: str) -> dict[str, Any]:
        seen.append((data[:4], media_type, threading.current_thread() is threading.main_thread()))
        return {"flagged": len(seen) == 2, "category_scores": {"gore": 0.5}, "categories": {"gore": len(seen) == 2}}

    async with moderated(house, pictures=hook, prompts=False) as (there, _):
        delivery = await paint(there, grace, n=3)
    assert seen == [(b"\x89PNG", "image/png", False)] * 3
    assert len(delivery.result.images) == 2
    assert await verdicts(house) == [("picture", "blocked", "hook")]


async def test_a_function_that_hangs_or_breaks_is_no_opinion(house: House, grace: Person) -> None:
    free = threading.Event()

    def hangs_on(_data: bytes, _media_type: str) -> bool:
        free.wait(20)
        return False

    def breaks(_data: bytes, _media_type: str) -> bool:
        raise RuntimeError("no device")

    def mumbles(_data: bytes, _media_type: str) -> str:
        return "perhaps"

    try:
        for hook in (hangs_on, breaks, mumbles):
            async with moderated(house, pictures=hook, prompts=False, picture_seconds=0.2) as (there, _):
                with pytest.raises(ModerationUnavailable):
                    await paint(there, grace)
    finally:
        free.set()
    await assert_free(house, grace)
    assert await keys_of(house) == []


# engines that refuse ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "problem"), [("dall-e-2", Refused), ("gpt-image-1", Blocked)])
async def test_an_upstream_s_own_refusal_is_told_in_the_same_words(
    house: House, grace: Person, model: str, problem: type[Refused]
) -> None:
    there = with_painter(house, Breaking(EngineRefused("the upstream will not paint this", said="sexual")))
    with pytest.raises(Refused) as caught:
        await paint(there, grace, model=model)
    assert type(caught.value) is problem
    assert await verdicts(house) == [("prompt", "blocked", "engine")]
    await assert_free(house, grace)


# settings -----------------------------------------------------------------------------------------------------------------


def test_settings_name_a_function_or_say_what_is_wrong_with_it() -> None:
    def settings(pictures: str) -> config.Settings:
        return config.Settings(moderation=config.Moderation(pictures=pictures))

    assert make_moderator(settings("limner.kit.moderations:opinion_of")).checks_pictures
    for wrong in ("limner.nowhere:look", "limner.kit.moderations:nothing", "limner.kit.moderations:ANSWER_BYTES_MAX"):
        with pytest.raises(SettingsError, match=r"moderation\.pictures"):
            make_moderator(settings(wrong))
    with pytest.raises(ValidationError, match="needs url"):
        config.Moderation(pictures="endpoint")
