"""A prompt as a row of terms: words and phrases as they are looked up, by greedy longest match, each with its place.

English by words, with simple inflections; Chinese by signs, with its numerals; linear in the prompt's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from limner.engines.illustrator.vocabulary.little import MEASURES
from limner.engines.illustrator.words import Lexicon, Meaning, Sort

_PIECE = re.compile(
    r"(?P<word>[a-z0-9\u00df-\u024f]+(?:['\u2019-][a-z0-9\u00df-\u024f]+)*)|(?P<han>[\u3400-\u9fff]+)"
    r"|(?P<foreign>[^\W\d_a-z\u3400-\u9fff]+)|(?P<other>\S)"
)
_MEASURES = frozenset(MEASURES.replace("|", ""))
_NUMERAL = re.compile(r"[一二两三四五六七八九十百千万]{2,}")
_DIGITS = {digit: value for value, digit in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_TENS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase as it was looked up, where it stands in the prompt, and what it means."""

    word: str
    start: int
    end: int
    meaning: Meaning | None


def terms(text: str, lexicon: Lexicon) -> Iterator[Term]:
    """The prompt's terms in order, each with its meaning; punctuation comes as a joint."""
    words: list[tuple[str, int]] = []
    counted = False
    for piece in _PIECE.finditer(text):
        if piece["word"] is not None:
            words.append((piece["word"].replace("\u2019", "'"), piece.start()))
            continue
        counted = bool(words) and words[-1][0].isdigit()
        yield from _english(words, lexicon)
        words = []
        if piece["han"] is not None:
            yield from _chinese(piece["han"], piece.start(), lexicon, counted=counted)
        elif piece["foreign"] is not None:
            yield Term(piece["foreign"], piece.start(), piece.end(), None)
        elif piece["other"] in lexicon.emoji:
            meaning = Meaning(Sort.SUBJECT, lexicon.emoji[piece["other"]])
            yield Term(piece["other"], piece.start(), piece.end(), meaning)
        elif piece["other"] in ",.;:!?，。；：！？、\n":
            yield Term(piece["other"], piece.start(), piece.end(), Meaning(Sort.JOINT, "stop"))
    yield from _english(words, lexicon)


def _english(words: list[tuple[str, int]], lexicon: Lexicon) -> Iterator[Term]:
    at = 0
    words = [part for word, start in words for part in _halves(word, start, lexicon)]
    while at < len(words):
        for length in range(min(lexicon.longest["en"], len(words) - at), 0, -1):
            term = " ".join(word for word, _ in words[at : at + length])
            meaning = lexicon.find_english(term)
            if meaning is not None:
                break
        else:
            length, term, meaning = 1, words[at][0], _number(words[at][0])
        last, start = words[at + length - 1]
        yield Term(term, words[at][1], start + len(last), meaning)
        at += length


def _number(word: str) -> Meaning | None:
    if not word.isdecimal() or len(word) > 7:  # noqa: PLR2004 - nobody means ten million cats
        return None
    return Meaning(Sort.COUNT, str(int(word))) if int(word) else None


def _halves(word: str, start: int, lexicon: Lexicon) -> list[tuple[str, int]]:
    """A hyphenated word that nobody knows is read as its parts."""
    if "-" not in word or lexicon.find_english(word) is not None:
        return [(word, start)]
    parts = []
    for part in word.split("-"):
        parts.append((part, start))
        start += len(part) + 1
    return parts


def _chinese(run: str, start: int, lexicon: Lexicon, *, counted: bool) -> Iterator[Term]:
    at, strange = 0, 0
    while at < len(run):
        if counted and run[at] in _MEASURES:
            counted = False
            at += 1
            strange = at
            continue
        length, meaning = _longest(run, at, lexicon)
        if meaning is None:
            at += 1
            counted = False
            continue
        if strange < at:
            yield Term(run[strange:at], start + strange, start + at, None)
        yield Term(run[at : at + length], start + at, start + at + length, meaning)
        counted = meaning.sort is Sort.COUNT
        at += length
        strange = at
    if strange < at:
        yield Term(run[strange:at], start + strange, start + at, None)


def _longest(run: str, at: int, lexicon: Lexicon) -> tuple[int, Meaning | None]:
    """The longest known term that begins there, or a numeral before a measure word."""
    numeral = _NUMERAL.match(run, at)
    if numeral and run[numeral.end() : numeral.end() + 1] in _MEASURES and numeral.end() < len(run):
        return numeral.end() - at, Meaning(Sort.COUNT, str(_value_of(numeral[0])))
    for length in range(min(lexicon.longest["zh"], len(run) - at), 0, -1):
        meaning = lexicon.find(run[at : at + length])
        if meaning is not None:
            return length, meaning
    return 1, None


def _value_of(numeral: str) -> int:
    total, digit = 0, 0
    for sign in numeral[:12]:
        if sign in _TENS:
            total += max(1, digit) * _TENS[sign]
            digit = 0
        else:
            digit = _DIGITS[sign]
    return total + digit
