"""Prompt to `Wish`: English and Chinese, also mixed, by greedy longest match over the lexicon.

A colour, count or size waits for the next noun; a joint ("and", "on") after an unknown word drops what waits, so that a
"red bokeh and a cat" gives no red cat. Linear in the prompt's length; never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from limner.engines.illustrator.scene import SUBJECTS_MAX, Wanted, Wish
from limner.engines.illustrator.vocabulary.folding import folded
from limner.engines.illustrator.vocabulary.places import PLACE_WORDS_WITH_TIME, SKY_TIME
from limner.engines.illustrator.words import Lexicon, Meaning, Sort

LETTERS_MAX = 32_000
COUNT_MAX = 9
UNKNOWN_MAX = 8
UNKNOWN_LETTERS_MAX = 24

_PIECE = re.compile(r"(?P<word>[a-z0-9]+(?:['\u2019-][a-z0-9]+)*)|(?P<han>[\u3400-\u9fff]+)|(?P<other>\S)")
_MEASURES = frozenset("只个条头匹辆朵棵座间架艘位名本张片株颗枝杯碗盘块支把幢栋尾群束串根台部件顶双对口轮粒盏叶枚")
# These are weak: said beside another place they are only part of it.
_WEAK_PLACES = ("sky", "sea", "lake", "snow", "table", "mountain")
_STRONGER = {"sea": ("beach", "underwater"), "room": ("table",)}


@dataclass(slots=True)
class _Reader:
    """What has been gathered so far, and what waits for its noun."""

    wanted: list[Wanted] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    weathers: list[str] = field(default_factory=list)
    sky: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    count: int | None = None
    colours: list[str] = field(default_factory=list)
    size: str | None = None
    negated: bool = False
    predicate: bool = False
    stranger: bool = False
    last_was_subject: bool = False

    def rest(self) -> None:
        """Forget what waits."""
        self.count, self.size, self.negated, self.predicate, self.stranger = None, None, False, False, False
        self.colours = []


def parse(prompt: str, *, lexicon: Lexicon) -> Wish:
    """What `prompt` wishes for."""
    text = folded(prompt[:LETTERS_MAX])
    reader = _Reader()
    for word, meaning in _terms(text, lexicon):
        if meaning is None:
            _take_unknown(reader, word)
        else:
            _take(reader, word, meaning)
        reader.last_was_subject = meaning is not None and meaning.sort is Sort.SUBJECT
    _lone_fruit(reader)
    language = "zh" if _is_mainly_chinese(text) else "en"
    return _wish(reader, language)


def _terms(text: str, lexicon: Lexicon) -> Iterator[tuple[str, Meaning | None]]:
    """The prompt's terms in order, each with its meaning; punctuation comes as a joint."""
    words: list[str] = []
    for piece in _PIECE.finditer(text):
        word = piece["word"]
        if word is not None:
            words.append(word.replace("\u2019", "'"))
            continue
        yield from _english(words, lexicon)
        words = []
        if piece["han"] is not None:
            yield from _chinese(piece["han"], lexicon)
        elif piece["other"] in lexicon.emoji:
            yield piece["other"], Meaning(Sort.SUBJECT, lexicon.emoji[piece["other"]])
        elif piece["other"] in ",.;:!?，。；：！？、\n":
            yield piece["other"], Meaning(Sort.JOINT, "stop")
    yield from _english(words, lexicon)


def _english(words: list[str], lexicon: Lexicon) -> Iterator[tuple[str, Meaning | None]]:
    at = 0
    words = [part for word in words for part in _halves(word, lexicon)]
    while at < len(words):
        for length in range(min(lexicon.longest["en"], len(words) - at), 0, -1):
            term = " ".join(words[at : at + length])
            meaning = lexicon.find_english(term)
            if meaning is not None:
                break
        else:
            length, term, meaning = 1, words[at], None
        yield term, meaning
        at += length


def _halves(word: str, lexicon: Lexicon) -> list[str]:
    """A hyphenated word that nobody knows is read as its parts."""
    if "-" not in word or lexicon.find_english(word) is not None:
        return [word]
    return word.split("-")


def _chinese(run: str, lexicon: Lexicon) -> Iterator[tuple[str, Meaning | None]]:
    at, strangers = 0, ""
    counted = False
    while at < len(run):
        if counted and run[at] in _MEASURES:
            counted = False
            at += 1
            continue
        for length in range(min(lexicon.longest["zh"], len(run) - at), 0, -1):
            meaning = lexicon.find(run[at : at + length])
            if meaning is not None:
                break
        else:
            strangers += run[at]
            at += 1
            continue
        if strangers:
            yield strangers, None
            strangers = ""
        yield run[at : at + length], meaning
        counted = meaning.sort is Sort.COUNT
        at += length
    if strangers:
        yield strangers, None


def _take(reader: _Reader, word: str, meaning: Meaning) -> None:  # noqa: C901, PLR0912 - one branch per sort of word
    match meaning.sort:
        case Sort.SUBJECT:
            _take_subject(reader, word, meaning.value)
        case Sort.PLACE | Sort.TIME | Sort.WEATHER | Sort.SKY:
            _take_setting(reader, word, meaning)
        case Sort.COLOUR:
            if reader.predicate and reader.wanted:
                last = reader.wanted[-1]
                reader.wanted[-1] = replace(last, colours=(*last.colours, meaning.value))
                reader.predicate = False
            else:
                reader.colours.append(meaning.value)
        case Sort.COUNT:
            if reader.stranger:
                reader.rest()
            reader.count = int(meaning.value)
            reader.predicate = False
        case Sort.SIZE:
            reader.size = reader.size or meaning.value
        case Sort.NEGATION:
            reader.rest()
            reader.negated = True
        case Sort.PREDICATE:
            reader.predicate = True
        case Sort.ARTICLE:
            if reader.stranger:
                reader.rest()
            reader.predicate = False
        case Sort.JOINT:
            if word not in {"and", "or", "和"}:
                _lone_fruit(reader)
            if reader.stranger or meaning.value == "stop":
                kept = reader.colours if meaning.value == "stop" and reader.colours and not reader.stranger else []
                reader.rest()
                reader.colours = kept
        case _:
            pass


def _take_subject(reader: _Reader, word: str, slug: str) -> None:
    if reader.negated:
        reader.left_out.append(word)
    elif word == "family" and reader.last_was_subject:
        # "A penguin family" is penguins, not a penguin and people.
        reader.wanted[-1] = replace(reader.wanted[-1], count=max(3, reader.wanted[-1].count))
    else:
        known = next((i for i, wanted in enumerate(reader.wanted) if wanted.slug == slug), None)
        plain = reader.count is None and not reader.colours and reader.size is None
        if known is None or not plain:
            count = reader.count if reader.count is not None else (3 if _is_plural(word) else 1)
            reader.wanted.append(
                Wanted(slug=slug, count=min(count, COUNT_MAX), colours=tuple(reader.colours), size=reader.size)
            )
    reader.rest()


def _take_setting(reader: _Reader, word: str, meaning: Meaning) -> None:
    if reader.negated:
        reader.left_out.append(word)
        reader.rest()
        return
    places_and_such = {
        Sort.PLACE: reader.places,
        Sort.TIME: reader.times,
        Sort.WEATHER: reader.weathers,
        Sort.SKY: reader.sky,
    }
    places_and_such[meaning.sort].append(meaning.value)
    if word in PLACE_WORDS_WITH_TIME:
        reader.times.append(PLACE_WORDS_WITH_TIME[word])
    if meaning.sort in {Sort.PLACE, Sort.SKY}:
        # "A blue sky": the colour was the sky's, and must not reach the next noun.
        reader.rest()


def _take_unknown(reader: _Reader, word: str) -> None:
    reader.stranger = True
    shown = "".join(letter for letter in word if letter.isprintable())[:UNKNOWN_LETTERS_MAX]
    if shown and shown not in reader.unknown and len(reader.unknown) < UNKNOWN_MAX and not shown.isdigit():
        reader.unknown.append(shown)


def _lone_fruit(reader: _Reader) -> None:
    """An orange with no noun after it is the fruit, and a baby is a child."""
    if reader.size == "baby" and not reader.stranger and not reader.negated:
        reader.wanted.append(Wanted(slug="baby", count=min(reader.count or 1, COUNT_MAX)))
        reader.rest()
    if reader.colours == ["orange"] and reader.count is not None and not reader.predicate:
        reader.wanted.append(Wanted(slug="tangerine", count=min(reader.count, COUNT_MAX), size=reader.size))
        reader.rest()


def _is_plural(word: str) -> bool:
    return (
        word.isascii() and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in _SINGULAR_IN_S
    )


# Ends in s, and one drawing shows it all.
_SINGULAR_IN_S = frozenset(
    [
        "sunglasses",
        "glasses",
        "books",
        "houses",
        "jeans",
        "shorts",
        "scissors",
        "sparkles",
        "fireworks",
        "stack of books",
        "bunch of grapes",
        "grapes",
        "headphones",
        "pancakes",
        "chopsticks",
        "french fries",
        "fries",
        "skis",
        "noodles",
        "clothes",
        "lovers",
        "friends",
        "trousers",
        "pants",
        "peanuts",
        "beans",
        "cherries",
        "dumplings",
        "bubbles",
        "footprints",
        "musical notes",
        "socks",
        "gloves",
        "goggles",
        "chips",
        "noodles",
        "binoculars",
        "stairs",
        "tickets",
    ]
)


def _is_mainly_chinese(text: str) -> bool:
    han = sum(1 for letter in text if "\u3400" <= letter <= "\u9fff")
    words = len(re.findall(r"[a-z]+", text))
    return han > words


def _wish(reader: _Reader, language: str) -> Wish:
    weather = reader.weathers[0] if reader.weathers else None
    place = _place(reader.places)
    if "snow" in reader.places and place != "snow":
        weather = weather or "snow"
    time = reader.times[-1] if reader.times else next((SKY_TIME[item] for item in reader.sky if item in SKY_TIME), None)
    wanted, room = [], SUBJECTS_MAX
    for item in reader.wanted:
        if room > 0:
            wanted.append(replace(item, count=min(item.count, room)))
            room -= item.count
    return Wish(
        language=language,
        wanted=tuple(wanted),
        place=place,
        time=time,
        weather=weather,
        sky=tuple(dict.fromkeys(reader.sky)),
        left_out=tuple(dict.fromkeys(reader.left_out))[:UNKNOWN_MAX],
        unknown=tuple(reader.unknown),
    )


def _place(places: list[str]) -> str | None:
    """The first place that was said, unless it is only part of another one."""
    said = list(dict.fromkeys(places))
    if not said:
        return None
    for place in said:
        stronger = next((other for other in _STRONGER.get(place, ()) if other in said), None)
        if stronger:
            return stronger
    if "snow" in said and ({"mountain", "forest", "meadow"} & set(said)):
        return "snow"
    return next((place for place in said if place not in _WEAK_PLACES), None) or next(
        (place for place in said if place != "sky"), said[0]
    )
