from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

import click
import pytest

from limner.cli.parts.names import shorter
from limner.cli.parts.table import cut, plain, table, width
from limner.domain.ask import Ask
from limner.engines import EngineTimeout
from limner.flow.admit import Callback, Terms
from limner.flow.deliver import Delivery
from limner.flow.house import House
from limner.flow.submit import submit
from limner.kit.ids import uuid7
from limner.tasks.models import Task
from support.asks import paint
from support.console import PUBLIC_URL, Console
from support.painters import Breaking, Painter
from support.people import Person, join
from support.workers import at_work, ended
from unit.flow.test_chain import with_chain

NASTY = "two otters\x1b[2J in the rain\nand a third"


@dataclass
class Scene:
    """Grace has a task that is done and one that waits; ada has one that waits and tells somebody."""

    ada: Person
    grace: Person
    done: Task
    waiting: Task
    telling: Task


async def _asked(house: House, person: Person, prompt: str, *, terms: Terms | None = None, n: int = 1) -> Task:
    ask = Ask(prompt=prompt, model="dall-e-2", n=n)
    terms = terms or Terms(is_async=True, prefix="/openai")
    return (await submit(house, principal=person.principal, ask=ask, trace_id=str(uuid7()), terms=terms)).task


async def _played(house: House) -> Scene:
    ada, grace = await join(house, "ada", role="owner"), await join(house, "grace")
    done = await _asked(house, grace, "An otter", n=2)
    async with at_work(house):
        done = await ended(house, done)
    callback = Callback(url="http://127.0.0.1:9/done?token=1", secret="hush")
    return Scene(
        ada=ada,
        grace=grace,
        done=done,
        waiting=await _asked(house, grace, "Another otter"),
        telling=await _asked(house, ada, NASTY, terms=Terms(is_async=True, callback=callback)),
    )


@pytest.fixture
def scene(console: Console) -> Scene:
    return console.inside(_played)


def test_nothing_is_said_to_be_nothing(console: Console) -> None:
    assert console.limner("tasks", "list").out == "There are no tasks yet.\n"
    assert console.limner("tasks", "list", "--status", "failed").out == "No task is like that.\n"
    assert console.limner("tasks", "list", "--json").json() == []


def test_the_list_shows_the_newest_first_and_fits(console: Console, scene: Scene) -> None:
    said = console.limner("tasks", "list")
    assert said.code == 0
    heading, *rows = said.lines
    assert heading.split() == ["TASK", "STATUS", "MODEL", "ENGINE", "ACCOUNT", "AGE", "SECONDS"]
    assert [row.split()[1] for row in rows] == ["queued", "queued", "succeeded"]
    assert [row.split()[4] for row in rows] == ["ada", "grace", "grace"]
    assert str(scene.done.id).startswith(rows[2].split()[0])
    assert max(map(len, said.lines)) <= 100


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--status", "succeeded"), ["done"]),
        (("--status", "succeeded", "--status", "queued", "--account", "grace"), ["waiting", "done"]),
        (("--engine", "illustrator"), []),
        (("--model", "dall-e-2", "--limit", "1"), ["telling"]),
        (("--since", "5m"), ["telling", "waiting", "done"]),
        (("--since", "2099-01-01"), None),
    ],
)
def test_the_list_can_be_narrowed(
    console: Console, scene: Scene, options: tuple[str, ...], names: list[str] | None
) -> None:
    said = console.limner("tasks", "list", "--json", *options)
    if names is None:
        assert (said.code, said.out) == (2, "")
        assert "2099-01-01 is in the future" in said.err
    else:
        assert [one["id"] for one in said.json()] == [str(getattr(scene, name).id) for name in names]


def test_an_unknown_account_is_refused(console: Console, scene: Scene) -> None:
    assert scene.ada
    said = console.limner("tasks", "list", "--account", "eve")
    assert (said.code, said.out, said.err) == (1, "", "limner: there is no account called 'eve'\n")


def test_a_task_that_is_done_is_shown_with_links_that_are_signed_now(console: Console, scene: Scene) -> None:
    short = console.limner("tasks", "list", "--status", "succeeded").lines[1].split()[0]
    said = console.limner("tasks", "show", short)
    assert said.code == 0
    assert str(scene.done.id) in said.lines[0]
    assert len(re.findall(rf"{PUBLIC_URL}/files/\S+sig=", said.out)) == 2
    assert "grace, by the key sk-limner-" in said.out
    assert "0.040000 credits" in said.out
    record = console.limner("tasks", "show", short, "--json").json()
    assert record["request"] == {"prompt": "An otter", "model": "dall-e-2", "n": 2}
    assert [picture["width"] for picture in record["pictures"]] == [1024, 1024]


async def _in_vain(house: House) -> Delivery:
    trouble = EngineTimeout("slow", said="gateway \x1b[2Jtime-out", part="main", lost_pictures=2)
    house = with_chain(house, {"openai": Breaking(trouble), "gpu": Painter()})
    return await paint(house, await join(house, "grace"))


def test_a_task_says_who_painted_it_and_who_was_tried_before_in_its_own_words(console: Console) -> None:
    task_id = str(console.inside(_in_vain).result.task_id)

    said = console.limner("tasks", "show", task_id).out

    assert re.search(r"Painted by +gpu\n", said)
    words = " ".join(said.split())
    assert re.search(r"openai/main: timeout after \S+ s, 2 pictures charged and lost: gateway �\[2Jtime-out", words)
    assert "painted by the engine gpu in place of openai (timeout)" in words
    record = console.limner("tasks", "show", task_id, "--json").json()
    assert record["performed_by"] == {"engine": "gpu", "part": None}
    (tried,) = record["tried"]
    assert (tried["cause"], tried["lost_pictures"], tried["part"]) == ("timeout", 2, "main")


def test_a_task_that_waits_is_shown_with_its_place_and_its_callback(console: Console, scene: Scene) -> None:
    said = console.limner("tasks", "show", str(scene.telling.id))
    assert "1 ahead of it in the queue" in said.out
    assert "http://127.0.0.1:9/done?token=1" in said.out
    assert "sent when the task has ended" in said.out
    assert "hush" not in said.out
    record = console.limner("tasks", "show", str(scene.telling.id), "--json").json()
    assert record["place"]["ahead"] == 1
    assert record["callback"]["status"] == "held"


def test_what_a_prompt_would_do_to_the_terminal_is_not_done(console: Console, scene: Scene) -> None:
    console.capsys.readouterr()
    shown = console.limner("tasks", "show", str(scene.telling.id)).out
    assert "two otters�[2J in the rain" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("otter", "'otter' is not a task's id, nor the beginning of one"),
        ("01", "'01' is not a task's id, nor the beginning of one"),
        ("ffffffff", "there is no task whose id begins with 'ffffffff'"),
        ("0", "'0' is not a task's id"),
    ],
)
def test_a_name_for_no_task_is_one_line(console: Console, name: str, words: str) -> None:
    said = console.limner("tasks", "show", name)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("limner: ")
    assert said.err.count("\n") == 1
    assert words in said.err


def test_a_name_for_several_tasks_is_refused(console: Console, scene: Scene) -> None:
    prefix = str(scene.done.id)[:4]
    said = console.limner("tasks", "show", prefix)
    assert (said.code, said.err) == (
        1,
        f"limner: several tasks' ids begin with '{prefix}': give more of the one you mean\n",
    )


def test_several_are_cancelled_and_each_that_cannot_be_is_named(console: Console, scene: Scene) -> None:
    said = console.limner("tasks", "cancel", str(scene.waiting.id), str(scene.done.id), str(scene.telling.id))
    assert said.code == 1
    assert said.lines == [
        f"{scene.waiting.id} is cancelled; nothing was charged.",
        f"{scene.telling.id} is cancelled; nothing was charged.",
    ]
    assert said.err == (f"limner: {scene.done.id}: the task has succeeded already: there is nothing left to cancel\n")
    statuses = [one["status"] for one in console.limner("tasks", "list", "--json").json()]
    assert statuses == ["cancelled", "cancelled", "succeeded"]
    again = console.limner("tasks", "cancel", str(scene.waiting.id))
    assert again.err.endswith("the task was cancelled already: there is nothing left to cancel\n")


def test_a_cancelled_task_is_asked_for_again(console: Console, scene: Scene) -> None:
    console.limner("tasks", "cancel", str(scene.telling.id))
    said = console.limner("tasks", "retry", str(scene.telling.id))
    assert said.code == 0
    new = console.limner("tasks", "show", str(UUID(said.out.strip())), "--json").json()
    assert (new["status"], new["account"], new["trace_id"]) == ("queued", "ada", scene.telling.trace_id)
    assert new["request"]["prompt"] == NASTY
    assert new["callback"]["url"] == "http://127.0.0.1:9/done?token=1"


def test_a_task_is_not_asked_for_again_with_a_key_that_is_off(console: Console, scene: Scene) -> None:
    console.limner("tasks", "cancel", str(scene.waiting.id))
    prefix = scene.grace.key.prefix
    console.limner("keys", "disable", prefix)
    said = console.limner("tasks", "retry", str(scene.waiting.id))
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"limner: the key that asked for it, {prefix}... (grace's key), is switched off: "
        f"`limner keys enable {prefix}` first\n"
    )


def test_a_task_is_not_asked_for_again_without_credits(console: Console, scene: Scene) -> None:
    console.limner("tasks", "cancel", str(scene.waiting.id))
    console.limner("credits", "grant", "grace", "-9.96")
    said = console.limner("tasks", "retry", str(scene.waiting.id))
    assert (said.code, said.out) == (1, "")
    assert "credits" in said.err


def test_a_task_that_is_not_over_or_went_well_is_not_asked_for_again(console: Console, scene: Scene) -> None:
    assert "has succeeded: only one" in console.limner("tasks", "retry", str(scene.done.id)).err
    assert "is queued: it can be" in console.limner("tasks", "retry", str(scene.waiting.id)).err


def test_looking_where_nothing_is_makes_nothing(console: Console) -> None:
    folder = console.config.parent / "elsewhere"
    console.config.write_text(f'data_dir = "{folder}"\n', encoding="utf-8")
    for words in (("list",), ("show", "0123abcd"), ("cancel", "0123abcd"), ("retry", "0123abcd")):
        said = console.limner("tasks", *words)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("limner: nothing is kept in ")
    assert not folder.exists()


# the pieces -------------------------------------------------------------------------------------------------------------


def test_short_names_are_as_long_as_they_must_be() -> None:
    first = UUID("01a204cd-aef3-73e5-87f8-e8921ff7b305")
    assert [*shorter([first]).values()] == ["01a204cd-aef3"]
    same_millisecond = UUID("01a204cd-aef3-7cd5-b163-9abb49cbda11")
    assert [*shorter([first, same_millisecond]).values()] == ["01a204cd-aef3-73e5", "01a204cd-aef3-7cd5"]
    assert shorter([]) == {}


def test_a_wide_table_is_cut_where_it_may_be() -> None:
    row = {"name": "n" * 60, "account": "小明" * 30, "note": "as it is"}
    lines = [click.unstyle(line) for line in table([row], narrow={"name", "account"}, columns_max=80)]
    assert max(map(width, lines)) <= 80
    assert lines[1].count("…") == 2
    assert lines[1].endswith("as it is")
    assert [click.unstyle(line) for line in table([row], columns_max=80)][1].count("…") == 0


def test_a_text_is_cut_by_columns_not_by_letters() -> None:
    assert cut("otters", 6) == "otters"
    assert cut("otters", 5) == "otte…"
    assert cut("小明小明", 6) == "小明…"
    assert width(click.style("otters", fg="red")) == 6


def test_plain_text_moves_no_cursor() -> None:
    assert plain("a\x1b[31mb\r\n\u202ec") == "a�[31mb�\n�c"
