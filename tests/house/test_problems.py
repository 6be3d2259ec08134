"""Every `Problem` has its words, and no words are without a `Problem`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import limner
from limner.domain.problem import Problem
from limner.web.dialects.images.differences import WORDS


def problems(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("limner."):
            # What several kinds have in common has no code of its own.
            if hasattr(child, "code"):
                yield child
            yield from problems(child)


def import_everything() -> None:
    # What runs when it is imported, or needs libraries that only its own process loads, has no Problem of its own.
    left_out = ("__main__", ".painter", ".migrations", ".raster", ".encode")
    for module in pkgutil.walk_packages(limner.__path__, "limner."):
        if not any(part in module.name for part in left_out):
            importlib.import_module(module.name)


def test_every_problem_has_its_words_and_no_words_are_idle() -> None:
    import_everything()

    codes = {problem.code for problem in problems()}

    assert codes == set(WORDS)


def test_a_problem_s_own_status_is_one_of_those_it_is_told_with() -> None:
    import_everything()

    for problem in problems():
        words = WORDS[problem.code]
        assert problem.status in {words.vendor.status, words.openai.status}, problem


def test_every_problem_says_what_to_do() -> None:
    assert [code for code, words in WORDS.items() if not words.hint.endswith((".", "`"))] == []
