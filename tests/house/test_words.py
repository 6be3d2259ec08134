"""The console's words: every sentence is there in Chinese, once, with the same blanks; and none that no page says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
ELSEWHERE = {"docs.po", "management.po", "operate.po", "login.po"}
"""Some of whose sentences pages only pass on: of the API's descriptions, the settings, what is wrong with a form."""
BLANK = re.compile(r"%\((\w+)\)[sd]")


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words", ROOT / "tools/words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


WORDS = tool()
SAID = WORDS.said_in_pages()
CHINESE = WORDS.translated("zh")


def test_pages_say_something() -> None:
    assert len(SAID) > 100


def test_every_sentence_is_there_in_chinese() -> None:
    missing = [
        f"{places[0]}: {sentence[1]}"
        for sentence, places in SAID.items()
        if not any(CHINESE.get(sentence, [("", ())])[0][1])
    ]
    assert missing == []


def test_no_sentence_is_said_in_two_ways() -> None:
    for sentence, found in CHINESE.items():
        ways = {said for _, said in found}
        assert len(ways) == 1, f"{sentence[1]}: {', '.join(file for file, _ in found)}"


def test_no_sentence_is_left_that_no_page_says() -> None:
    # Problems are said by their code, which no page names.
    unsaid = {one for one in CHINESE if one[0] != "problem" and CHINESE[one][0][0] not in ELSEWHERE} - set(SAID)
    assert sorted(f"{CHINESE[one][0][0]}: {one[1]}" for one in unsaid) == []


def test_a_sentence_has_the_same_blanks_in_both_languages() -> None:
    for (context, sentence), found in CHINESE.items():
        wanted = set(BLANK.findall(sentence if isinstance(sentence, str) else sentence[-1]))
        if context == "problem":
            assert all(set(BLANK.findall(one)) <= {"message"} for _, said in found for one in said)
            continue
        for file, said in found:
            for one in said:
                assert set(BLANK.findall(one)) <= wanted, f"{file}: {one}"
                if isinstance(sentence, str):
                    assert set(BLANK.findall(one)) == wanted, f"{file}: {one}"


@pytest.mark.parametrize("mark", ["!", "！", "您"])
def test_nobody_is_shouted_at(mark: str) -> None:
    assert [said for found in CHINESE.values() for _, ways in found for said in ways if mark in said] == []


def test_every_problem_that_people_meet_has_a_chinese_sentence() -> None:
    """But for those that only programs can cause."""
    from limner.web.dialects.images.differences import WORDS as CODES

    programs = {code for code in CODES if code.startswith(("metrics_", "idempotency_"))}
    missing = {code for code in CODES if ("problem", code) not in CHINESE} - programs
    assert sorted(missing) == []
