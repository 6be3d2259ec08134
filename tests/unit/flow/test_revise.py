"""The prompt that an engine is given, and what the answer says of it: by real calls to a language model that is scripted."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr, ValidationError

from limner import config
from limner.bootstrap import make_reviser, opened_house
from limner.catalog.models import Fallback
from limner.catalog.service import Catalog
from limner.domain.ask import Ask
from limner.domain.spec import Picture, Shown, Source, Spec
from limner.engines import EngineFailed
from limner.flow import wording
from limner.flow.admit import Callback, Terms
from limner.flow.gallery import picture
from limner.flow.history import tell
from limner.flow.house import EngineStand, House
from limner.flow.revise import revised
from limner.flow.reviser import Reviser
from limner.flow.submit import submit
from limner.flow.wording import Templates
from limner.flow.work import work
from limner.kit.chat import Chat
from limner.kit.chat import ChatServer as Where
from limner.tasks.models import Task
from limner.web.dialects.images.render import callback_body
from support.asks import OTTER, paint
from support.chat import ChatServer, Turn, chat_server, hangs, hangs_up, never_ends, replies, says, stops_halfway
from support.painters import Breaking, Painter, with_painter
from support.people import Person

RICH = "A baby sea otter floats on its back in calm green water, wet fur, low golden light."


class Telling(Painter):
    """Writes down what it was given, and says of its pictures what it is told to say."""

    def __init__(self, says: str | None = None) -> None:
        super().__init__()
        self.given: list[Spec] = []
        self._says = says

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        self.given.append(spec)
        async with aclosing(super().paint(spec)) as pictures:
            async for one in pictures:
                assert isinstance(one, Picture)
                yield one if self._says is None else replace(one, revised_prompt=self._says)

    @property
    def prompts(self) -> list[str]:
        return [spec.prompt for spec in self.given]


class Now:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def revising(
    house: House, *turns: Turn, templates: Templates | None = None, seconds: float = 5.0, now: Now | None = None
) -> AsyncIterator[tuple[House, ChatServer]]:
    """The same house with a language model before its engines."""
    async with chat_server(*turns) as server:
        chat = Chat(Where(url=server.url, model="small-1", key="sk-theirs", seconds=seconds))
        reviser = Reviser(mode="chat", chat=chat, templates=templates, monotonic=now or Now())
        await reviser.open()
        try:
            yield replace(house, reviser=reviser), server
        finally:
            await reviser.close()


async def accepted(
    house: House, person: Person, *, model: str, prompt: str = OTTER, terms: Terms | None = None
) -> Task:
    ask, terms = Ask(prompt=prompt, model=model), terms or Terms(is_async=True)
    return (await submit(house, principal=person.principal, ask=ask, trace_id="trace-1", terms=terms)).task


async def test_the_engine_is_given_what_the_language_model_made_of_it(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(with_painter(house, painter), says(RICH)) as (there, chat):
        delivery = await paint(there, grace, model="dall-e-3")

    assert painter.prompts == [RICH]
    assert [image.revised_prompt for image in delivery.result.images] == [RICH]
    (asked,) = chat.asked
    assert asked["messages"][1] == {"role": "user", "content": OTTER}
    assert "Lean towards the vivid" in asked["messages"][0]["content"]
    assert chat.headers[0]["authorization"] == "Bearer sk-theirs"


async def test_task_gallery_and_callback_tell_the_same(house: House, grace: Person) -> None:
    async with revising(house, says(RICH)) as (there, _):
        terms = Terms(is_async=True, callback=Callback(url="https://example.org/hook", secret=None))
        task = await accepted(there, grace, model="dall-e-3", terms=terms)
        await work(there, task_id=task.id)

        told = await tell(there, account_id=grace.account.id, task_id=task.id)
        hung = await picture(there, account_id=grace.account.id, task_id=task.id, index=0)

    assert told.result is not None
    assert [image.revised_prompt for image in told.result.images] == [RICH]
    assert (hung.image.revised_prompt, hung.image.origin.prompt) == (RICH, task.request["prompt"])
    body = orjson.loads(callback_body(task=told.task, result=told.result))
    assert [one["revised_prompt"] for one in body["data"]["data"]] == [RICH]


async def test_several_pictures_have_one_revision(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(with_painter(house, painter), says(RICH), replies(500, b"")) as (there, chat):
        delivery = await paint(there, grace, model="gpt-image-1", n=3)

    assert [image.revised_prompt for image in delivery.result.images] == [RICH] * 3
    assert len(chat.asked) == 1


async def test_a_chain_of_engines_has_one_revision(house: House, grace: Person) -> None:
    second = Telling()
    model = replace(house.catalog.model("dall-e-3"), engine="first", fallbacks=(Fallback(engine="second"),))
    chained = replace(
        house,
        catalog=Catalog({model.name: model}),
        engines={"first": EngineStand(Breaking(EngineFailed("broke"))), "second": EngineStand(second)},
        performs=frozenset({"first", "second"}),
    )
    async with revising(chained, says(RICH)) as (there, chat):
        delivery = await paint(there, grace, model="dall-e-3")

    assert second.prompts == [RICH]
    assert delivery.result.images[0].revised_prompt == RICH
    assert len(chat.asked) == 1


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (hangs, "timeout"),
        (hangs_up, "unreachable"),
        (stops_halfway, "unreachable"),
        (never_ends, "too_large"),
        (replies(500, b"oops"), "status_500"),
        (replies(200, b"oops"), "not_understood"),
        (says(""), "empty"),
        (says("```\n```"), "empty"),
        (says("I'm sorry, but I can't help with that."), "refused"),
        (says(None, refusal="No."), "refused"),
        (says("一只可爱的小海獭漂浮在海面上。"), "other_language"),
        (says("otter " * 1000), "too_long"),
        (says("A baby otter eats forbidden fruit."), "blocked"),
    ],
)
async def test_whatever_goes_wrong_the_prompt_stays(
    house: House, grace: Person, turn: Turn, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    painter = Telling()
    caplog.set_level(logging.DEBUG, logger="limner")
    async with revising(with_painter(house, painter), turn, seconds=0.3) as (there, _):
        delivery = await paint(there, grace, model="dall-e-3")

    assert painter.prompts == [OTTER]
    assert delivery.result.images[0].revised_prompt == OTTER
    (kept,) = [record for record in caplog.records if record.getMessage() == "prompt.kept"]
    fields = kept.__dict__["fields"]
    assert (fields["reason"], fields["model"], kept.levelno) == (reason, "dall-e-3", logging.WARNING)
    logged = "\n".join(f"{record.getMessage()} {record.__dict__.get('fields')}" for record in caplog.records)
    for secret in (OTTER, "海獭", "sorry", "sk-theirs", "fruit"):
        assert secret not in logged


async def test_a_good_revision_leaves_no_words_in_the_log(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="limner")
    async with revising(house, says(RICH)) as (there, _):
        await paint(there, grace, model="dall-e-3")

    assert [record for record in caplog.records if record.getMessage() == "prompt.revised"]
    logged = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("limner"))
    assert "otter" not in logged


async def test_a_chinese_prompt_stays_chinese(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(
        with_painter(house, painter), says("一只小海獭，湿润的皮毛。"), says("A small sea otter with wet fur.")
    ) as (there, _):
        for _ in range(2):
            await paint(there, grace, model="dall-e-3", prompt="一只小海獭")

    assert painter.prompts == ["一只小海獭，湿润的皮毛。", "一只小海獭"]


async def test_what_is_put_around_the_answer_does_not_reach_the_engine(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(with_painter(house, painter), says(f'Sure! Here it is:\n```\n"{RICH}"\n```')) as (there, _):
        await paint(there, grace, model="dall-e-3")

    assert painter.prompts == [RICH]


async def test_a_profile_without_a_template_is_not_rewritten(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(with_painter(house, painter), says(RICH)) as (there, chat):
        await paint(there, grace, model="dall-e-2")

    assert painter.prompts == [OTTER]
    assert chat.asked == []


async def test_templates_are_by_model_and_profile_and_aliases_follow(house: House, grace: Person) -> None:
    theirs = Templates(pictures={"dall-e-2": "Only for squares.", "gpt-image-1.5": "For one point five."}, edits={})
    async with revising(house, says(RICH), templates=theirs) as (there, chat):
        for model in ("dall-e-2", "gpt-image-1.5", "gpt-image-1.5-2025-12-16", "gpt-image-1"):
            await paint(there, grace, model=model)

    told = [asked["messages"][0]["content"].splitlines()[0] for asked in chat.asked]
    assert told[:3] == ["Only for squares.", "For one point five.", "For one point five."]
    assert told[3] not in told[:3]


async def test_the_sentence_of_openai_s_keeps_the_prompt(house: House, grace: Person) -> None:
    painter = Telling()
    async with revising(with_painter(house, painter), says(RICH)) as (there, chat):
        delivery = await paint(there, grace, model="dall-e-3", prompt=f"{wording.OPT_OUT} a pear")

    assert painter.prompts == ["a pear"]
    assert delivery.result.images[0].revised_prompt == "a pear"
    assert chat.asked == []


async def test_an_edit_has_other_instructions(house: House, grace: Person) -> None:
    task = await accepted(house, grace, model="gpt-image-1")
    spec = Spec.of(prompt="make the hat red", choices=task.choices)
    source = Source(data=b"...", media_type="image/png")
    async with revising(house, says("Make the hat red; everything else stays as it is.")) as (there, chat):
        wanted = await revised(there, task=task, spec=replace(spec, images=(source,)))

    assert wanted.prompt == "Make the hat red; everything else stays as it is."
    assert wanted.images == (source,)
    assert "It stays an instruction" in chat.asked[0]["messages"][0]["content"]


async def test_a_task_that_is_begun_again_is_not_rewritten_again_and_nobody_else_gets_its_words(
    house: House, ada: Person, grace: Person
) -> None:
    hers = await accepted(house, grace, model="dall-e-3", prompt=OTTER)
    adas = await accepted(house, ada, model="dall-e-3", prompt=OTTER)
    others = "A baby sea otter in the snow."
    async with revising(house, says(RICH), says(others), replies(500, b"")) as (there, chat):
        prompts = [await _revised(there, task) for task in (hers, hers, adas, adas, hers)]

    assert prompts == [RICH, RICH, others, others, RICH]
    assert len(chat.asked) == 2


async def test_a_server_in_trouble_is_left_alone_for_a_while(house: House, grace: Person) -> None:
    now = Now()
    tasks = [await accepted(house, grace, model="dall-e-3", prompt=f"{OTTER} {number}") for number in range(6)]
    broken = [replies(503, b"")] * 3
    async with revising(house, *broken, says(RICH), now=now) as (there, chat):
        for task in tasks[:4]:
            assert await _revised(there, task) == task.request["prompt"]
        assert len(chat.asked) == 3
        now.seconds += 29
        assert await _revised(there, tasks[4]) == tasks[4].request["prompt"]
        now.seconds += 2
        assert await _revised(there, tasks[4]) == RICH


async def test_answers_that_will_not_do_are_no_trouble_of_the_server(house: House, grace: Person) -> None:
    tasks = [await accepted(house, grace, model="dall-e-3", prompt=f"{OTTER} {number}") for number in range(6)]
    async with revising(house, says("I cannot do that.")) as (there, chat):
        for task in tasks:
            await _revised(there, task)

    assert len(chat.asked) == 6


# without a language model ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reviser", "says", "told"),
    [
        (None, "what I drew", "what I drew"),
        (Reviser(mode="engine"), "what I drew", "what I drew"),
        (Reviser(mode="none"), "what I drew", OTTER),
        (Reviser(mode="engine"), "", OTTER),
        (Reviser(mode="engine"), "with a \x00 and\x1b[31m more", "with a  and[31m more"),
        (Reviser(mode="engine"), "x" * 100_000, "x" * 32_000),
    ],
)
async def test_what_an_engine_says_it_painted_from_is_told_unless_nobody_shall_revise(
    house: House, grace: Person, reviser: Reviser | None, says: str, told: str
) -> None:
    painter = Telling(says)
    there = replace(with_painter(house, painter), reviser=reviser)

    delivery = await paint(there, grace, model="dall-e-3")

    kept = await tell(there, account_id=grace.account.id, task_id=delivery.result.task_id)
    assert painter.prompts == [OTTER]
    assert delivery.result.images[0].revised_prompt == told
    assert kept.result is not None
    assert kept.result.images[0].revised_prompt == told


async def test_a_language_model_before_an_engine_that_rewrites_too(house: House, grace: Person) -> None:
    painter = Telling("what I made of that")
    async with revising(with_painter(house, painter), says(RICH)) as (there, _):
        delivery = await paint(there, grace, model="dall-e-3")

    assert painter.prompts == [RICH]
    assert delivery.result.images[0].revised_prompt == "what I made of that"


# settings ----------------------------------------------------------------------------------------------------------------


def test_a_language_model_needs_an_address_and_a_name() -> None:
    for given in ({}, {"url": "http://127.0.0.1:1/v1"}, {"model": "small-1"}):
        with pytest.raises(ValidationError, match="mode chat needs url"):
            config.Revise.model_validate({"mode": "chat", **given})
    assert make_reviser(config.Settings()).mode == "engine"


def test_its_settings_come_from_the_environment_and_its_key_is_masked() -> None:
    loaded = config.load(
        config_file=None,
        environ={
            "LIMNER_REVISE__MODE": "chat",
            "LIMNER_REVISE__URL": "http://127.0.0.1:11434/v1",
            "LIMNER_REVISE__MODEL": "qwen",
            "LIMNER_REVISE__KEY": "sk-theirs",
            "LIMNER_REVISE__TEMPLATES": '{"illustrator": "Say more."}',
            "LIMNER_REVISE__OPTIONS__TEMPERATURE": "0.5",
        },
        flags={},
    )

    assert loaded.settings.revise.options == {"temperature": 0.5}
    assert make_reviser(loaded.settings).templates.template(["illustrator"], is_edit=False) == "Say more."
    shown = {one.name: one.value for one in config.all_shown(loaded)}
    assert shown["revise.key"] == "***"
    assert "sk-theirs" not in str(shown)


async def test_a_house_is_made_with_it(house: House, tmp_path: Path) -> None:
    async with chat_server(says(RICH)) as chat:
        settings = config.Settings(
            data_dir=tmp_path,
            database=config.Database(url=SecretStr(house.database.url)),
            storage=config.Storage(url="memory://"),
            catalog=config.Catalog(engine="fake"),
            revise=config.Revise(mode="chat", url=chat.url, model="small-1", key=SecretStr("sk-theirs")),
        )
        async with opened_house(settings, public_url="http://limner.test") as made:
            assert made.reviser is not None
            assert await made.reviser.ask("pear", instruction="") == RICH
            assert "sk-theirs" not in repr(made.settings_shown)


async def _revised(house: House, task: Task) -> str:
    spec = Spec.of(prompt=task.request["prompt"], choices=task.choices)
    return (await revised(house, task=task, spec=spec)).prompt
