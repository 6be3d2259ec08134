"""Words and patterns, and what does not get past them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from limner.domain.problem import InvalidValue, MissingParameter
from limner.moderation import rules as matching
from limner.moderation.models import Action, Kind, Rule
from limner.moderation.rules import PATTERNS_MAX, RuleSet, checked, plain

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GRACE, EVE = uuid4(), uuid4()


def rule(
    text: str,
    *,
    kind: Kind = "word",
    action: Action = "block",
    account_id: UUID | None = None,
    model: str | None = None,
) -> Rule:
    return Rule(
        id=uuid4(),
        kind=kind,
        text=text,
        action=action,
        account_id=account_id,
        model=model,
        made_by=None,
        created_at=NOON,
    )


def hits(prompt: str, *rules: Rule, account_id: UUID = GRACE, models: tuple[str, ...] = ("dall-e-2",)) -> list[str]:
    return [hit.text for hit in RuleSet(rules=rules).hits(prompt, account_id=account_id, models=models)]


@pytest.mark.parametrize(
    "prompt",
    [
        "a zeppelin",
        "ZEPPELIN",
        "a zeppelin.",
        "“zeppelin”",
        "ｚｅｐｐｅｌｉｎ over the sea",
        "zep\u200bpelin",
        "z\u00ade\u2060ppelin\ufeff",
        "𝐳𝐞𝐩𝐩𝐞𝐥𝐢𝐧",
        "画zeppelin画",
        "a_zeppelin_",
        "zep\u034fpelin",
    ],
)
def test_a_word_is_found_however_it_is_dressed(prompt: str) -> None:
    assert hits(prompt, rule("Zeppelin")) == ["Zeppelin"]


@pytest.mark.parametrize("prompt", ["zeppelins", "a dezeppelin", "zeppelin2", "", "zep pelin", "zeppeliné"])
def test_other_words_are_other_words(prompt: str) -> None:
    assert hits(prompt, rule("zeppelin")) == []


@pytest.mark.parametrize(
    "prompt", ["forbidden fruit", "Forbidden  \n Fruit!", "the forbidden\u3000fruit", "forbidden\u200b fruit"]
)
def test_a_phrase_is_found_across_any_space(prompt: str) -> None:
    assert hits(prompt, rule("forbidden fruit")) == ["forbidden fruit"]


@pytest.mark.parametrize(
    "prompt", ["a zeppelin", "画zeppelin画", "the forbidden\u3000fruit", "血\u200b腥", "learn c++now", "zeppelins"]
)
def test_a_long_list_finds_what_a_short_one_does(prompt: str) -> None:
    words = [rule(text) for text in ("zeppelin", "forbidden fruit", "血腥", "c++", "#tag")]
    many = [rule(f"w{number}x") for number in range(100)]
    assert hits(prompt, *words, *many) == hits(prompt, *words)


def test_chinese_has_no_edges() -> None:
    assert hits("画一条血腥的龙", rule("血腥")) == ["血腥"]
    assert hits("画一条血的龙", rule("血腥")) == []
    assert hits("血\u200b腥", rule("血腥")) == ["血腥"]


def test_a_word_that_ends_in_signs_has_no_edge_there() -> None:
    assert hits("learn c++now", rule("c++")) == ["c++"]
    assert hits("abc++", rule("c++")) == []
    assert hits("a #tag", rule("#tag")) == ["#tag"]


def test_the_second_occurrence_counts_where_the_first_runs_on() -> None:
    assert hits("wars and war", rule("war")) == ["war"]


def test_a_rule_is_for_its_account_its_model_or_both() -> None:
    mine, theirs = rule("otter", account_id=GRACE), rule("sea", model="dall-e-3")
    both = rule("baby", account_id=GRACE, model="dall-e-3")
    prompt = "a baby sea otter"

    assert hits(prompt, mine, theirs, both) == ["otter"]
    assert hits(prompt, mine, theirs, both, account_id=EVE) == []
    assert hits(prompt, mine, theirs, both, account_id=EVE, models=("dall-e-3",)) == ["sea"]
    assert set(hits(prompt, mine, theirs, both, models=("alias", "dall-e-3"))) == {"otter", "sea", "baby"}


def test_what_blocks_comes_before_what_flags() -> None:
    rules = RuleSet(words=["sea"], rules=[rule("otter", action="flag"), rule("baby")])
    found = rules.hits("a baby sea otter", account_id=GRACE, models=())

    assert [hit.is_blocked for hit in found] == [True, True, False]
    assert found[2].text == "otter"


def test_patterns_see_the_same_plain_text() -> None:
    assert hits("BLOOD on\nthe ｆｌｏｏｒ", rule(r"blood .{0,10}floor", kind="pattern")) == [r"blood .{0,10}floor"]
    assert hits("龙的鲜血", rule("龙.{0,5}血", kind="pattern")) == ["龙.{0,5}血"]
    assert hits("blood", rule("^gore$", kind="pattern")) == []


@pytest.mark.parametrize(
    ("pattern", "prompt"),
    [
        (r"(a+)+$", "a" * 31_000 + "!"),
        (r"(x+x+)+y", "x" * 32_000),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 32_000),
        (r"(.*)*q", "x" * 32_000),
        (r"(a|aa)+$", "a" * 31_000 + "!"),
    ],
)
def test_patterns_that_hang_others_are_harmless(pattern: str, prompt: str) -> None:
    # Python's own engine would take longer than the sun shines for any of them.
    compiled = matching.compiled(pattern)
    began = time.perf_counter()
    assert compiled.search(plain(prompt)) is None or pattern.startswith("^")
    assert time.perf_counter() - began < 1


def test_long_lists_are_searched_quickly() -> None:
    rules = RuleSet(rules=[rule(f"w{number}x") for number in range(10_000)])
    prompt = "a cute baby sea otter " * 1400
    began = time.perf_counter()
    assert not rules.hits(prompt, account_id=GRACE, models=())
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"\1", "a{2000}", "(a{90}){90}", ".*", "a?", "x" * 201])
def test_patterns_that_cannot_be_used_are_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        checked("pattern", pattern)
    assert caught.value.param == "text"


def test_words_that_cannot_be_used_are_refused_with_a_reason() -> None:
    with pytest.raises(MissingParameter):
        checked("word", "  ")
    for text in ("...", "a\nb", "\u200b", "a\0b"):
        with pytest.raises(InvalidValue):
            checked("word", text)
    assert checked("word", "  Forbidden fruit ") == "Forbidden fruit"


def test_nothing_configured_is_nothing_to_search() -> None:
    assert RuleSet().is_empty
    assert RuleSet(words=["", "  "]).is_empty
    assert not RuleSet(rules=[rule("otter")]).is_empty
    assert matching.compiled.cache_info().maxsize >= PATTERNS_MAX
