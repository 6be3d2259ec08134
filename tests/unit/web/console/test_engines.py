"""Engines and chains on the console's pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from limner.catalog.models import Fallback
from limner.domain.spec import Cause
from limner.engines import EngineTimeout
from limner.flow import offer
from limner.flow.house import EngineStand, House
from support.asks import paint
from support.painters import Breaking, Painter, with_painter
from support.people import Person
from support.visits import Browser, visiting
from support.wire import ask
from unit.flow.test_chain import with_chain
from unit.flow.test_machinery import Upstreams
from unit.web.console.test_operate import PRICES

HERE = "/operate/models/dall-e-2"
NASTY = "<script>alert(1)</script> said the upstream, key sk-upstream"


def chained(house: House) -> House:
    return with_chain(house, {"openai": Breaking(EngineTimeout("slow", said=NASTY)), "relay": Upstreams()})


# the page of engines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["resting", "for 13 s more"]), ("zh", ["暂停使用", "上游已收费但没有交付"])]
)
async def test_ada_sees_how_upstreams_are(
    house: House, ada: Person, grace: Person, language: str, words: list[str]
) -> None:
    house = chained(house)
    await paint(house, grace)
    async with visiting(house, ada, language=language) as browser:
        text = (await browser.get("/operate/engines")).text

    assert all(word in text for word in words), text
    assert "HTTP 503: &lt;overloaded&gt;" in text
    assert "https://upstream.example/v1" in text
    assert "1 / 4" in text
    assert 'href="/operate/models/dall-e-2"' in text


async def test_ada_sees_what_came_to_nothing_in_the_upstream_s_words(house: House, ada: Person, grace: Person) -> None:
    house = chained(house)
    await paint(house, grace, n=2)
    async with visiting(house, ada) as browser:
        text = (await browser.get("/operate/engines")).text
        only = (await browser.get("/operate/engines?engine=relay")).text
        nothing = (await browser.get("/operate/engines?engine=%3Cb%3E")).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt; said the upstream" in text
    assert "<script>alert" not in text
    assert "took too long" in text
    assert "2 pictures lost" in text
    assert "2 pictures within 30 days" in text
    assert "said the upstream" not in only
    assert "2 pictures lost" in only
    assert "Nothing yet" in nothing
    assert "Only &lt;b&gt;." in nothing


# the task's page ---------------------------------------------------------------------------------------------------------


async def test_grace_sees_who_painted_it_and_not_what_upstreams_said(house: House, grace: Person) -> None:
    house = chained(house)
    delivery = await paint(house, grace)
    async with visiting(house, grace) as browser:
        text = (await browser.get(f"/tasks/{delivery.result.task_id}")).text

    assert re.search(r"Painted by</dt><dd>relay", text)
    assert "openai: took too long" in text
    assert "relay / main: broke" in text
    assert "said the upstream" not in text


async def test_ada_sees_that_too_of_her_own_tasks(house: House, ada: Person) -> None:
    house = chained(house)
    delivery = await paint(house, ada)
    async with visiting(house, ada) as browser:
        text = (await browser.get(f"/tasks/{delivery.result.task_id}")).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt; said the upstream" in text


async def test_where_nothing_happened_the_engine_is_named(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)
    async with visiting(house, grace, language="zh") as browser:
        text = (await browser.get(f"/tasks/{delivery.result.task_id}")).text

    assert re.search(r"由谁生成</dt><dd>fake<", text)
    assert "之前尝试过" not in text


# the chain of a model ----------------------------------------------------------------------------------------------------


@pytest.fixture
def equipped(house: House) -> House:
    """The house with two more engines."""
    more = {name: EngineStand(Painter()) for name in ("gpu", "upstream")}
    return replace(house, engines={**house.engines, **more}, performs=house.performs | more.keys())


async def save(browser: Browser, form: dict[str, str]) -> int:
    shown = await browser.send(HERE, {**form, "act": "preview"}, at=HERE)
    mark = re.search(r'name="previewed" value="([0-9a-f]+)"', shown.text)
    assert mark is not None
    return (await browser.send(HERE, {**form, "act": "save", "previewed": mark[1]}, at=HERE)).status_code


def form(fallbacks: str, *, engine: str = "fake", seen: int = 0) -> dict[str, str]:
    return {
        "seen": str(seen),
        "engine": engine,
        "description": "Ours.",
        "is_offered": "yes",
        "fallbacks": fallbacks,
        **PRICES,
    }


async def test_a_chain_is_looked_at_then_changed(equipped: House, ada: Person, grace: Person) -> None:
    async with visiting(equipped, ada) as browser:
        shown = await browser.send(HERE, {**form("gpu\r\nupstream: busy, timeout"), "act": "preview"}, at=HERE)
        before = equipped.catalog.model("dall-e-2").fallbacks
        saved = await save(browser, form("gpu\r\nupstream: busy, timeout"))
        page = await browser.get(HERE)
        models = await browser.get("/operate/models")
        audit = await browser.get("/operate/audit")

    assert before == ()
    assert "gpu → upstream: busy timeout" in shown.text
    assert saved == 303
    assert equipped.catalog.model("dall-e-2").fallbacks == (
        Fallback(engine="gpu"),
        Fallback(engine="upstream", on=frozenset({Cause.BUSY, Cause.TIMEOUT})),
    )
    assert ">gpu\nupstream: busy timeout</textarea>" in page.text
    assert "fallbacks – ⇒ gpu → upstream: busy timeout" in page.text
    assert "→ upstream" in models.text
    assert "<dd>– → gpu, upstream: busy timeout</dd>" in audit.text
    assert (await ask(equipped, grace)).headers["x-limner-engine"] == "fake"


async def test_a_chain_is_used_at_once_and_taken_away_again(equipped: House, ada: Person, grace: Person) -> None:
    equipped = with_painter(equipped, Breaking(EngineTimeout("slow")))
    assert (await ask(equipped, grace)).status_code == 504
    async with visiting(equipped, ada) as browser:
        await save(browser, form("gpu"))
        assert (await ask(equipped, grace)).headers["x-limner-engine"] == "gpu"
        await save(browser, form("", seen=1))

    assert (await ask(equipped, grace)).status_code == 504
    history = await offer.history_of(equipped, name="dall-e-2")
    assert [len(one.definition.fallbacks) for one in history if one.definition] == [0, 1]


@pytest.mark.parametrize("fallbacks", ["nobody", "fake", "gpu\ngpu", "gpu: slow", "gpu:", "<b>", "gpu, upstream"])
@pytest.mark.parametrize(("language", "says"), [("en", "One engine a line"), ("zh", "每行一个引擎")])
async def test_a_chain_that_cannot_be_is_said_and_stays_as_typed(
    equipped: House, ada: Person, fallbacks: str, language: str, says: str
) -> None:
    async with visiting(equipped, ada, language=language) as browser:
        answer = await browser.send(HERE, {**form(fallbacks), "act": "save"}, at=HERE)

    assert answer.status_code == 400
    assert 'id="fallbacks-help" role="alert"' in answer.text
    assert says in answer.text
    assert f">{fallbacks.replace('<b>', '&lt;b&gt;')}</textarea>" in answer.text
    assert equipped.catalog.model("dall-e-2").fallbacks == ()


async def test_a_new_model_has_a_chain_too(equipped: House, ada: Person) -> None:
    new = {**form("gpu"), "profile": "dall-e-2", "name": "mine"}
    async with visiting(equipped, ada) as browser:
        shown = await browser.send("/operate/models", {**new, "act": "preview"}, at="/operate/models")
        mark = re.search(r'name="previewed" value="([0-9a-f]+)"', shown.text)
        assert mark is not None
        saved = await browser.send(
            "/operate/models", {**new, "act": "save", "previewed": mark[1]}, at="/operate/models"
        )

    assert saved.status_code == 303
    assert equipped.catalog.model("mine").fallbacks == (Fallback(engine="gpu"),)


async def test_a_chain_that_nobody_has_looked_at_is_shown_first(equipped: House, ada: Person) -> None:
    async with visiting(equipped, ada) as browser:
        shown = await browser.send(HERE, {**form(""), "act": "preview"}, at=HERE)
        mark = re.search(r'name="previewed" value="([0-9a-f]+)"', shown.text)
        assert mark is not None
        answer = await browser.send(HERE, {**form("gpu"), "act": "save", "previewed": mark[1]}, at=HERE)

    assert answer.status_code == 200
    assert equipped.catalog.model("dall-e-2").fallbacks == ()
