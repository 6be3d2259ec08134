"""The operator's pages of moderation, and how a task looks that was refused."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

import pytest

from limner.audit.models import Filter as AuditFilter
from limner.domain.setting import SettingShown
from limner.engines import EngineRefused
from limner.flow import moderate, moderation_rules, operators
from limner.flow.house import House
from limner.flow.moderator import Bounds, Moderator
from limner.kit.ids import uuid7
from limner.kit.moderations import Moderations, ModerationServer
from limner.moderation.models import Finding, Rule
from limner.tasks.models import Task
from support.painters import Breaking, with_painter
from support.people import Person, balance_of
from support.visits import visiting
from support.wire import ask
from support.workers import at_work, ended, submitted
from unit.flow.test_operators import by

HERE = "/operate/moderation"


async def rule_for(house: House, person: Person, text: str, **more: object) -> Rule:
    return await moderation_rules.add_rule(house, by(person), **{"kind": "word", "text": text, **more})  # type: ignore[arg-type]


async def note(house: House, person: Person, *findings: Finding, task_id: UUID | None = None) -> None:
    step = moderate.note(house, findings, task_id=task_id, account_id=person.account.id, model="dall-e-2")
    await house.database.together(step, order=())


def refusing(data: bytes, media_type: str) -> bool:
    return bool(data) and media_type.startswith("image/")


async def refused_task(house: House, person: Person) -> Task:
    async with at_work(house):
        return await ended(house, await submitted(house, person))


# rules -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("place", [HERE, f"{HERE}/try", f"{HERE}/verdicts", f"{HERE}/verdicts?account=nobody"])
async def test_with_nothing_in_them_the_pages_say_what_will_be_here(
    house: House, ada: Person, place: str, language: str
) -> None:
    async with visiting(house, ada, language=language) as browser:
        page = await browser.get(place)

    assert page.status_code == 200
    assert 'class="empty card"' in page.text
    assert 'href="/operate/moderation" aria-current="page"' in page.text


async def test_ada_adds_a_rule_for_grace_and_one_model_and_removes_it(house: House, ada: Person, grace: Person) -> None:
    form = {"kind": "pattern", "text": r"dirigibles?\b", "action": "block", "account": "grace", "model": "dall-e-2"}
    async with visiting(house, ada) as browser:
        added = await browser.send(HERE, form, at=HERE)
        listed = (await browser.get(added.headers["location"])).text
        assert (await ask(house, grace, prompt="two Dirigibles")).status_code == 400
        assert (await ask(house, ada, prompt="two Dirigibles")).status_code == 200
        (rule,) = await moderation_rules.rules(house)
        removed = await browser.send(f"{HERE}/rules/{rule.id}/remove", at=HERE)
        after = (await browser.get(removed.headers["location"])).text
        log = (await browser.get("/operate/audit?verb=moderation.")).text

    assert (added.status_code, removed.status_code) == (303, 303)
    assert "The rule is in force." in listed
    assert r"dirigibles?\b" in listed
    assert f'href="/operate/accounts/{grace.account.id}">grace</a> · dall-e-2' in listed
    assert f"/rules/{rule.id}/remove" in listed
    assert "data-confirm" in listed
    assert "The rule is removed." in after
    assert "No rules yet" in after
    assert (await ask(house, grace, prompt="two Dirigibles")).status_code == 200
    entries = await operators.audit_entries(house, which=AuditFilter(verb="moderation."), count=10)
    assert [(one.verb, one.actor.account_id) for one in entries] == [
        ("moderation.rule_removed", ada.account.id),
        ("moderation.rule_added", ada.account.id),
    ]
    assert "added the moderation rule" in log
    assert "removed the moderation rule" in log


@pytest.mark.parametrize(
    ("form", "status", "field"),
    [
        ({"text": " "}, 400, "text"),
        ({"text": "..."}, 400, "text"),
        ({"text": "a" * 201}, 400, "text"),
        ({"text": "(", "kind": "pattern"}, 400, "text"),
        ({"text": "a*", "kind": "pattern"}, 400, "text"),
        ({"text": "there"}, 409, "text"),
        ({"text": "otter", "account": "eve"}, 404, "account"),
        ({"text": "otter", "model": "dall-e-9"}, 404, "model"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(
    house: House, ada: Person, form: dict[str, str], status: int, field: str
) -> None:
    await rule_for(house, ada, "there")
    async with visiting(house, ada) as browser:
        page = await browser.send(HERE, form, at=HERE)
    async with visiting(house, ada, language="zh") as browser:
        chinese = await browser.send(HERE, form, at=HERE)

    assert (page.status_code, chinese.status_code) == (status, status)
    told = re.compile(rf'id="{field}-help"[^>]*>([^<]+)')
    in_english, in_chinese = told.search(page.text), told.search(chinese.text)
    assert in_english is not None
    assert in_chinese is not None
    assert in_english[1] != in_chinese[1]
    if field != "model":
        assert re.search(rf'<input id="{field}"[^>]* aria-invalid="true"', page.text)
        assert f'value="{form[field]}"' in page.text
    assert len(await moderation_rules.rules(house)) == 1


async def test_ada_tries_a_prompt_and_nothing_is_written(house: House, ada: Person, grace: Person) -> None:
    await rule_for(house, ada, "dirigible", account_id=grace.account.id)
    await rule_for(house, ada, "castle", action="flag")
    here = f"{HERE}/try"
    async with visiting(house, ada) as browser:
        hers = await browser.send(here, {"prompt": "<b>a dirigible</b>", "for_account": "grace"}, at=HERE)
        mine = await browser.send(here, {"prompt": "a dirigible", "for_account": "ada"}, at=HERE)
        noted = await browser.send(here, {"prompt": "a castle", "for_model": "dall-e-3"}, at=HERE)
        silent = await browser.send(here, {"prompt": " "}, at=HERE)
        strange = await browser.send(here, {"prompt": "a", "for_account": "eve"}, at=HERE)

    assert "It would be refused before it is a task." in hers.text
    assert '<code class="ruled">dirigible</code> ' in hers.text
    assert "&lt;b&gt;a dirigible&lt;/b&gt;" in hers.text
    assert "No rule says anything to it." in mine.text
    assert "It would be painted, and noted." in noted.text
    assert (silent.status_code, strange.status_code) == (400, 404)
    assert 'id="prompt-help" role="alert"' in silent.text
    assert 'id="for_account-help" role="alert"' in strange.text
    assert await moderation_rules.verdicts(house) == []


async def test_rules_come_in_parts(house: House, ada: Person) -> None:
    for number in range(55):
        await rule_for(house, ada, f"word{number:02}")
    async with visiting(house, ada) as browser:
        first = (await browser.get(HERE)).text
        older = re.search(r'hx-get="([^"]+)"', first)
        assert older is not None
        second = (await browser.part(older[1])).text

    assert len(re.findall(r"word\d\d<", first)) == 50
    assert re.findall(r"word\d\d", second) == [f"word{number:02}" for number in (4, 3, 2, 1, 0)]
    assert "<html" not in second


async def test_the_page_says_what_the_settings_have_in_force(house: House, ada: Person) -> None:
    def said(name: str, value: str) -> SettingShown:
        return SettingShown(name=f"moderation.{name}", value=value, default="", origin="limner.toml", sentence="")

    line = Moderations(ModerationServer(url="http://127.0.0.1:9/v1", model="omni", key="sk-hush"))
    moderator = Moderator(
        words=("dirigible",),
        line=line,
        pictures=refusing,
        bounds=Bounds(thresholds={"violence": 0.4, "*": 0.8}, low_thresholds={"violence": 0.7}),
        on_trouble="allow",
    )
    shown = [said("url", "http://127.0.0.1:9/v1"), said("blocked_words", "dirigible")]
    house = replace(house, moderator=moderator, settings_shown=shown)
    async with visiting(house, ada) as browser:
        text = re.sub(r"\s+", " ", (await browser.get(HERE)).text)

    assert "<code>http://127.0.0.1:9/v1</code> omni" in text
    assert "test_moderation:refusing" in text
    assert "violence 0.4, all others 0.8" in text
    assert "violence 0.7, all others 0.9" in text
    assert "painted and shown all the same" in text
    assert "<code>dirigible</code>" in text
    assert "sk-hush" not in text


# verdicts ----------------------------------------------------------------------------------------------------------------


async def test_verdicts_say_who_said_so_and_why(house: House, ada: Person, grace: Person) -> None:
    rule = await rule_for(house, ada, "dirigible")
    assert (await ask(house, grace, prompt="a dirigible")).status_code == 400
    hers, mine = uuid7(), uuid7()
    scores = {"violence": 0.6155, "hate": 0.01}
    await note(
        house,
        grace,
        Finding(
            stage="picture",
            decision="blocked",
            said_by="endpoint",
            by="<omni>",
            categories=("violence",),
            scores=scores,
            picture=1,
        ),
        task_id=hers,
    )
    await note(house, ada, Finding(stage="revised", decision="let_through", said_by="hook"), task_id=mine)
    place = f"{HERE}/verdicts"
    async with visiting(house, ada) as browser:
        everything = (await browser.get(place)).text
        of_grace = (await browser.get(f"{place}?account=grace")).text
        of_task = (await browser.get(f"{place}?task={hers}")).text
        of_rule = (await browser.get(f"{place}?rule={rule.id}")).text
        passed = (await browser.get(f"{place}?decision=let_through")).text
        pictures = (await browser.get(f"{place}?stage=picture")).text
        later = (await browser.get(f"{place}?since=2999-01-01")).text
        nonsense = (await browser.get(f"{place}?task=x&stage=y&since=z")).text
        summed = re.sub(r"\s+", " ", (await browser.get(HERE)).text)

    def rows(text: str) -> int:
        return text.count('href="/operate/accounts/')

    assert [rows(text) for text in (everything, of_grace, of_task, of_rule, passed, pictures)] == [3, 2, 1, 1, 1, 1]
    assert [rows(text) for text in (later, nonsense)] == [0, 0]
    assert "Nothing is like that" in later
    assert "rule <code>dirigible</code>" in of_rule
    assert "&lt;omni&gt;" in of_task
    assert "<b>violence</b>" in of_task
    assert "0.616" in of_task
    assert "picture 2" in of_task
    assert f'data-copy="{hers}"' in of_task
    assert f'href="/tasks/{mine}"' in passed
    assert '<td>rules</td><td class="num">1</td><td class="num">0</td>' in summed
    assert f'href="/operate/moderation/verdicts?rule={rule.id}">1</a>' in summed


async def test_a_verdict_outlives_its_rule(house: House, ada: Person, grace: Person) -> None:
    rule = await rule_for(house, ada, "dirigible")
    await ask(house, grace, prompt="a dirigible")
    await moderation_rules.remove_rule(house, by(ada), rule_id=rule.id)
    async with visiting(house, ada) as browser:
        assert "a rule that was removed" in (await browser.get(f"{HERE}/verdicts")).text


async def test_verdicts_come_in_parts(house: House, ada: Person) -> None:
    for number in range(53):
        finding = Finding(stage="prompt", decision="blocked", said_by="engine", by=f"engine{number:02}")
        await note(house, ada, finding, task_id=uuid7())
    async with visiting(house, ada) as browser:
        first = (await browser.get(f"{HERE}/verdicts?account=ada")).text
        older = re.search(r'hx-get="([^"]+)"', first)
        assert older is not None
        second = (await browser.part(older[1].replace("&amp;", "&"))).text

    assert len(re.findall(r"engine\d\d", first)) == 50
    assert re.findall(r"engine\d\d", second) == ["engine02", "engine01", "engine00"]
    assert "<html" not in second


@pytest.mark.parametrize("path", ["none", "01a205a7-0000-7000-8000-000000000000"])
async def test_a_rule_that_is_not_there_is_not_found(house: House, ada: Person, path: str) -> None:
    async with visiting(house, ada) as browser:
        assert (await browser.send(f"{HERE}/rules/{path}/remove", at=HERE)).status_code == 404


# a task ------------------------------------------------------------------------------------------------------------------


async def test_a_task_that_was_refused_says_so_and_cost_nothing(house: House, grace: Person) -> None:
    before = await balance_of(house, grace)
    house = with_painter(house, Breaking(EngineRefused("no", said="upstream policy 7")))
    task = await refused_task(house, grace)
    async with visiting(house, grace) as browser:
        hers = (await browser.get(f"/tasks/{task.id}")).text
    async with visiting(house, grace, language="zh") as browser:
        chinese = (await browser.get(f"/tasks/{task.id}")).text

    assert "Moderation refused this prompt. It cost nothing." in hers
    assert "这个提示词没有通过审核，没有扣费。" in chinese
    assert "/operate/" not in hers
    assert (await balance_of(house, grace)) == before


async def test_the_owner_sees_who_refused_a_task_of_hers(house: House, ada: Person) -> None:
    house = with_painter(house, Breaking(EngineRefused("no")))
    task = await refused_task(house, ada)
    async with visiting(house, ada) as browser:
        text = (await browser.get(f"/tasks/{task.id}")).text

    assert f'href="/operate/moderation/verdicts?task={task.id}"' in text
    assert re.search(r'engine <span class="quiet">\w+</span>', text)


async def test_a_task_whose_picture_was_refused_says_that(house: House, grace: Person) -> None:
    moderator = Moderator(pictures=refusing)
    await moderator.open()
    try:
        house = replace(house, moderator=moderator)
        task = await refused_task(house, grace)
        async with visiting(house, grace) as browser:
            text = (await browser.get(f"/tasks/{task.id}")).text
    finally:
        await moderator.close()

    assert task.status == "failed"
    assert task.charged in (0, None)
    assert "Moderation refused what was painted. It cost nothing, and the picture is not kept." in text
    assert "refusing" not in text
