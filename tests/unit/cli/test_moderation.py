from __future__ import annotations

import pytest

from limner.audit.models import Filter as AuditFilter
from limner.flow import moderate, operators
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.moderation.models import Finding
from support.console import Console
from support.people import join
from support.wire import ask

NASTY = "an otter\x1b[2J"


async def _people(house: House) -> None:
    await join(house, "ada", role="owner")
    await join(house, "grace")


@pytest.fixture
def scene(console: Console) -> Console:
    """Ada's server, with grace."""
    console.inside(_people)
    return console


def test_nothing_is_said_to_be_nothing(scene: Console) -> None:
    assert (
        scene.limner("moderation", "rules").out == "There are no rules yet: `limner moderation add TEXT` makes one.\n"
    )
    assert scene.limner("moderation", "rules", "--json").json() == []
    assert scene.limner("moderation", "verdicts").out == "Nothing has been refused or noted yet.\n"
    assert scene.limner("moderation", "verdicts", "--account", "grace").out == "Nothing is like that.\n"
    assert scene.limner("moderation", "verdicts", "--json").json() == []
    assert scene.limner("moderation", "test", "an otter").out == "The rules let it through.\n"


def test_a_rule_counts_until_it_is_removed(scene: Console) -> None:
    added = scene.limner("moderation", "add", "zeppelin")
    assert added.code == 0
    assert added.lines[0] == "Prompts that have it are refused from now on."
    heading, row = scene.limner("moderation", "rules").lines
    assert heading.split() == ["RULE", "TEXT", "KIND", "DOES", "COUNTED", "AGE"]
    short, text, kind, does, counted, _ = row.split()
    assert (text, kind, does, counted) == ("zeppelin", "word", "refuses", "0")

    assert scene.limner("moderation", "test", "A ZEPPELIN over fields").lines[0] == "It would be refused."
    assert scene.limner("moderation", "test", "zeppelins over fields").lines == ["The rules let it through."]

    assert scene.limner("moderation", "remove", short).out == "The rule for 'zeppelin' is removed.\n"
    assert scene.limner("moderation", "test", "a zeppelin").lines == ["The rules let it through."]


def test_a_rule_is_for_whom_it_names(scene: Console) -> None:
    added = scene.limner(
        "moderation",
        "add",
        "--pattern",
        r"ca(st|t)les?",
        "--flag",
        "--account",
        "grace",
        "--model",
        "dall-e-3",
        "--json",
    ).json()
    assert {name: added[name] for name in ("kind", "text", "action", "account", "model", "made_by")} == {
        "kind": "pattern",
        "text": "ca(st|t)les?",
        "action": "flag",
        "account": "grace",
        "model": "dall-e-3",
        "made_by": None,
    }
    hers = scene.limner("moderation", "test", "two castles", "--account", "grace", "--model", "dall-e-3")
    assert hers.lines[0] == "The rules let it through."
    assert hers.lines[3].split() == [added["id"], "ca(st|t)les?", "notes", "grace", "dall-e-3"]
    for others in ((), ("--account", "ada", "--model", "dall-e-3"), ("--account", "grace", "--model", "dall-e-2")):
        assert scene.limner("moderation", "test", "two castles", "--json", *others).json() == {
            "blocked": False,
            "rules": [],
        }
    (row,) = scene.limner("moderation", "rules", "--json").json()
    assert (row["id"], row["account"], row["blocked"], row["let_through"]) == (added["id"], "grace", 0, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "  "), "a rule needs a word"),
        (("add", "--pattern", "("), "the pattern cannot be understood"),
        (("add", "--pattern", "a*"), "fits everything"),
        (("add", "otter", "--account", "eve"), "there is no account called 'eve'"),
        (("add", "otter", "--model", "dall-e-9"), "dall-e-9"),
        (("remove", "abc"), "no rule begins with 'abc'"),
        (("remove", ""), "no rule begins with ''"),
        (("test", "otter", "--model", "dall-e-9"), "dall-e-9"),
        (("verdicts", "--task", "abc"), "abc"),
    ],
)
def test_what_is_wrong_is_said(scene: Console, arguments: tuple[str, ...], told: str) -> None:
    said = scene.limner("moderation", *arguments)
    assert (said.code, said.out) == (1, "")
    assert told in said.err


def test_the_same_rule_is_added_once(scene: Console) -> None:
    assert scene.limner("moderation", "add", "zeppelin").code == 0
    again = scene.limner("moderation", "add", "zeppelin")
    assert (again.code, again.out) == (1, "")
    assert "there is that very rule already" in again.err
    assert scene.limner("moderation", "add", "zeppelin", "--account", "grace").code == 0


async def _audited(house: House) -> list[tuple[str, object]]:
    found = await operators.audit_entries(house, which=AuditFilter(), count=10)
    return [(entry.verb, entry.actor.account_id) for entry in found if entry.verb.startswith("moderation.")]


def test_changes_are_written_down(scene: Console) -> None:
    scene.limner("moderation", "add", "zeppelin")
    short = scene.limner("moderation", "rules").lines[1].split()[0]
    scene.limner("moderation", "remove", short)
    assert scene.inside(_audited) == [("moderation.rule_removed", None), ("moderation.rule_added", None)]


async def _refused(house: House) -> None:
    grace = await join(house, "zoe")
    answer = await ask(house, grace, prompt="a zeppelin", model="dall-e-2")
    assert answer.status_code == 400
    await house.database.together(
        moderate.note(
            house,
            [
                Finding(
                    stage="picture",
                    decision="let_through",
                    said_by="endpoint",
                    by=NASTY,
                    categories=("violence",),
                    scores={"violence": 0.615, "hate": 0.01},
                    picture=1,
                )
            ],
            task_id=uuid7(),
            account_id=grace.account.id,
            model="dall-e-3",
        ),
        order=(),
    )


def test_verdicts_say_who_said_so_and_why(scene: Console) -> None:
    rule = scene.limner("moderation", "add", "zeppelin", "--json").json()["id"]
    scene.inside(_refused)

    heading, picture, prompt = scene.limner("moderation", "verdicts").lines
    assert heading.split() == ["AGE", "ABOUT", "WAS", "BY", "FOR", "ACCOUNT", "MODEL", "TASK"]
    assert "picture 2" in picture
    assert "let through" in picture
    assert "\x1b" not in picture
    assert "zoe" in prompt
    assert "refused" in prompt
    one, other = scene.limner("moderation", "verdicts", "--json").json()
    assert (one["categories"], one["scores"], one["picture"]) == (["violence"], {"violence": 0.615, "hate": 0.01}, 1)
    assert (other["rule"], other["task"], other["said_by"], other["decision"]) == (rule, None, "rule", "blocked")
    assert "zeppelin" not in str(other)

    assert [row["id"] for row in scene.limner("moderation", "verdicts", "--json", "--blocked").json()] == [other["id"]]
    assert [row["id"] for row in scene.limner("moderation", "verdicts", "--json", "--let-through").json()] == [
        one["id"]
    ]
    assert [row["id"] for row in scene.limner("moderation", "verdicts", "--json", "--stage", "picture").json()] == [
        one["id"]
    ]
    assert scene.limner("moderation", "verdicts", "--account", "ada").out == "Nothing is like that.\n"
    assert len(scene.limner("moderation", "verdicts", "--limit", "1", "--json").json()) == 1
    (kept,) = scene.limner("moderation", "rules", "--json").json()
    assert (kept["blocked"], kept["let_through"]) == (1, 0)

    scene.limner("moderation", "remove", rule)
    assert "a rule that w" in scene.limner("moderation", "verdicts", "--blocked").out


def test_words_of_the_settings_are_named(scene: Console) -> None:
    with scene.config.open("a", encoding="utf-8") as config:
        config.write('[moderation]\nblocked_words = ["zeppelin"]\n')
    said = scene.limner("moderation", "rules")
    assert "moderation.blocked_words refuses 1 more: zeppelin" in said.err
    tried = scene.limner("moderation", "test", "a zeppelin", "--json").json()
    assert tried == {
        "blocked": True,
        "rules": [{"id": None, "kind": "word", "text": "zeppelin", "action": "block", "account": None, "model": None}],
    }
