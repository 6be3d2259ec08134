"""What a word means to the illustrator: the tables in `vocabulary/` laid over CLDR's names and keywords.

`Lexicon.find` looks one term up. Where several sources know a term the hand-written tables win, then exact names, then
keywords. Made once per painting process.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from limner.engines.illustrator.art import FOLDER
from limner.engines.illustrator.figures import EXTRA_KINDS, EXTRA_NAMES
from limner.engines.illustrator.scene import Called
from limner.engines.illustrator.vocabulary import called, keywords, little, places, subjects
from limner.engines.illustrator.vocabulary.folding import folded

LANGUAGES = ("en", "zh")
# A single Chinese character is a word of its own for these kinds of glyph; elsewhere it is mostly part of another word.
_KINDS_OF_ONE_CHARACTER = ("animal", "plant", "food", "drink")


class Sort(Enum):
    """What a term contributes to a picture."""

    SUBJECT = "subject"
    PLACE = "place"
    TIME = "time"
    WEATHER = "weather"
    SKY = "sky"
    COLOUR = "colour"
    COUNT = "count"
    MEASURE = "measure"
    SIZE = "size"
    NEGATION = "negation"
    PREDICATE = "predicate"
    JOINT = "joint"
    ARTICLE = "article"
    RELATION = "relation"
    ACTION = "action"
    QUALITY = "quality"
    MANNER = "manner"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One term's meaning: its sort, and which one of the sort; for a subject also what it may be called."""

    sort: Sort
    value: str
    called: Called = Called.NAME


class Lexicon:
    """All words, by language; `names` and `kinds` say what the glyphs are called and what sort of thing they show."""

    def __init__(self, folder: Path = FOLDER) -> None:
        compiled: dict[str, Any] = json.loads(gzip.decompress((folder / "words.json.gz").read_bytes()))
        self.kinds: dict[str, str] = {slug: entry["kind"] for slug, entry in compiled["glyphs"].items()} | EXTRA_KINDS
        self.names: dict[str, dict[str, str]] = {
            slug: entry["names"] for slug, entry in compiled["glyphs"].items()
        } | EXTRA_NAMES
        self.emoji: dict[str, str] = {entry["emoji"]: slug for slug, entry in compiled["glyphs"].items()}
        self._terms: dict[str, Meaning] = {}
        for language in LANGUAGES:
            self._learn_compiled(compiled, language)
        self._learn_tables()
        self.longest = {"en": 5, "zh": 9}

    def find(self, term: str) -> Meaning | None:
        """What `term` (folded, lower case) means, exactly as written."""
        return self._terms.get(term)

    def find_english(self, term: str) -> Meaning | None:
        """The same, and if it is unknown, the same for its singular."""
        found = self._terms.get(term)
        if found is not None:
            return found
        for candidate in singulars(term):
            found = self._terms.get(candidate)
            if found is not None and found.sort is Sort.SUBJECT:
                return found
        return None

    def singular(self, term: str) -> str:
        """The form of `term` that names one: itself, unless it is a known plural."""
        meaning = self.find_english(term)
        likely = [
            one
            for one in singulars(term)
            if one in self._terms and self._terms[one].value == getattr(meaning, "value", None)
        ]
        return likely[0] if likely else term

    def _learn_compiled(self, compiled: Mapping[str, Any], language: str) -> None:
        for word, slugs in compiled["keywords"][language].items():
            name = self.names[slugs[0]].get(language, "")
            if keywords.is_useful(word, language=language, kinds=[self.kinds[slug] for slug in slugs], name=name):
                self._learn(word, Meaning(Sort.SUBJECT, slugs[0], self._keyword_called(word, slugs[0], language)))
        for word, slug in compiled["labels"][language].items():
            short = language == "zh" and len(word) == 1 and not self.kinds[slug].startswith(_KINDS_OF_ONE_CHARACTER)
            if not short:
                self._learn(word, Meaning(Sort.SUBJECT, slug))

    def _learn_tables(self) -> None:
        for sort, table in (
            (Sort.SUBJECT, subjects.SUBJECTS),
            (Sort.QUALITY, {"": little.QUALITIES}),
            (Sort.MANNER, {"vivid": little.VIVID, "muted": little.MUTED}),
            (Sort.UNSAID, {"": little.UNSAID}),
            (Sort.ACTION, little.ACTIONS),
            (Sort.RELATION, little.RELATIONS),
            (Sort.JOINT, {"": little.JOINTS}),
            (Sort.ARTICLE, {"": little.ARTICLES}),
            (Sort.NEGATION, {"": little.NEGATIONS}),
            (Sort.PREDICATE, {"": little.PREDICATES}),
            (Sort.SIZE, little.SIZES),
            (Sort.COUNT, {str(count): words for count, words in little.COUNTS.items()}),
            (Sort.COLOUR, {name: words for name, (_, words) in little.COLOURS.items()}),
            (Sort.WEATHER, places.WEATHERS),
            (Sort.PLACE, places.PLACES),
            (Sort.TIME, places.TIMES),
            (Sort.SKY, places.SKY),
        ):
            for value, words in table.items():
                for word in words.split("|"):
                    self._learn(word, Meaning(sort, value, _called(word) if sort is Sort.SUBJECT else Called.NAME))

    def _keyword_called(self, word: str, slug: str, language: str) -> Called:
        if language == "zh":
            return Called.NAME if set(word) & set(self.names[slug].get("zh", "")) else Called.STAND_IN
        name = self.names[slug]["en"]
        return Called.OWN if word in called.SYNONYMS else Called.NAME if word in name.split() else Called.STAND_IN

    def _learn(self, word: str, meaning: Meaning) -> None:
        self._terms[folded(word)] = meaning


def _called(word: str) -> Called:
    """For a word of the hand-written table."""
    if word in called.STAND_INS:
        return Called.STAND_IN
    return Called.NAME if word in called.NAMED else Called.OWN


def singulars(term: str) -> Iterable[str]:
    """Words that `term` may be the plural of, likeliest first."""
    irregular = _IRREGULAR.get(term.rsplit(" ", 1)[-1])
    if irregular:
        yield term[: len(term) - len(term.rsplit(" ", 1)[-1])] + irregular
    if term.endswith("ies"):
        yield term[:-3] + "y"
    if term.endswith("ves"):
        yield term[:-3] + "f"
        yield term[:-3] + "fe"
    if term.endswith("s") and not term.endswith("ss"):
        yield term[:-1]
    if term.endswith("es"):
        yield term[:-2]
    if term.endswith("'s"):
        yield term[:-2]


_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse", "geese": "goose",
    "feet": "foot", "teeth": "tooth", "oxen": "ox", "sheep": "ewe", "fishes": "fish", "cacti": "cactus", "knives": "knife",
    "leaves": "leaf", "loaves": "loaf", "octopi": "octopus", "wolves": "wolf", "bunnies": "bunny",
}  # fmt: skip
