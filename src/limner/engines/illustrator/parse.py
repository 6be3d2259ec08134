"""Prompt to `Wish`: English and Chinese, also mixed, by greedy longest match over the lexicon.

A colour, count or size waits for the next noun; a joint ("and", "on") after an unknown word drops what waits, so that a
"red bokeh and a cat" gives no red cat. What may not come out as it was said is kept with it, in the caller's own letters.
Linear in the prompt's length; never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from limner.engines.illustrator.scene import SUBJECTS_MAX, Doubt, Said, Wanted, Wish
from limner.engines.illustrator.vocabulary.called import LOOSE, YOUNG
from limner.engines.illustrator.vocabulary.folding import folded
from limner.engines.illustrator.vocabulary.little import MEASURES, SIZES_SAID
from limner.engines.illustrator.vocabulary.places import PLACE_WORDS_WITH_TIME, SKY_TIME
from limner.engines.illustrator.words import Lexicon, Meaning, Sort

LETTERS_MAX = 32_000
COUNT_MAX = 9
SAID_MAX = 64
SAID_LETTERS_MAX = 40

_PIECE = re.compile(
    r"(?P<word>[a-z0-9\u00df-\u024f]+(?:['\u2019-][a-z0-9\u00df-\u024f]+)*)|(?P<han>[\u3400-\u9fff]+)"
    r"|(?P<foreign>[^\W\d_a-z\u3400-\u9fff]+)|(?P<other>\S)"
)
_MEASURES = frozenset(MEASURES.replace("|", ""))
_NUMERAL = re.compile(r"[一二两三四五六七八九十百千万]{2,}")
_DIGITS = {digit: value for value, digit in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_TENS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
# These are weak: said beside another place they are only part of it.
_WEAK_PLACES = ("sky", "sea", "lake", "snow", "table", "mountain")
_STRONGER = {"sea": ("beach", "underwater"), "room": ("table",)}
# The colours that a setting has anyway; any other colour said of it is not drawn.
_NATURAL = {
    "sea": "blue|light blue|dark blue|teal|cyan", "lake": "blue|light blue|dark blue|teal|cyan", "underwater": "blue|dark blue|teal|cyan",
    "sky": "blue|light blue|cyan|dark blue", "meadow": "green", "forest": "green|dark green", "snow": "white",
    "beach": "gold|yellow|white|beige", "desert": "gold|yellow|orange|beige", "moon": "white|silver|gold|yellow|grey", "sun": "yellow|gold|orange|red",
    "clouds": "white|grey|pink", "mountain": "white|blue|grey", "savanna": "gold|yellow", "space": "black|dark blue|purple",
}  # fmt: skip
_GLOW = ("orange", "red", "pink", "gold", "purple", "yellow")


@dataclass(frozen=True, slots=True)
class _Term:
    """A word or phrase as it was looked up, where it stands in the prompt, and what it means."""

    word: str
    start: int
    end: int
    meaning: Meaning | None


@dataclass(slots=True)
class _Reader:
    """What has been gathered so far, and what waits for its noun."""

    prompt: str
    lexicon: Lexicon
    wanted: list[Wanted] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    weathers: list[str] = field(default_factory=list)
    sky: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    said: list[tuple[int, Said]] = field(default_factory=list)
    count: int | None = None
    count_word: str = ""
    count_start: int = 0
    colours: list[_Term] = field(default_factory=list)
    size: str | None = None
    size_word: str = ""
    negation: int | None = None
    predicate: bool = False
    stranger: bool = False
    action: _Term | None = None
    relation: _Term | None = None
    before: _Term | None = None
    noun: tuple[int, int, int] | None = None
    is_object: bool = False
    related: tuple[int, int] | None = None

    def rest(self) -> None:
        """Forget what waits."""
        self.count, self.size, self.negation, self.predicate, self.stranger = None, None, None, False, False
        self.colours = []

    def doubt(
        self, start: int, end: int, doubt: Doubt = Doubt.NEVER, value: str = "", *, of: int = -1, to: int = -1
    ) -> None:
        """Keep what stands there, since it may not be drawn."""
        if len(self.said) >= SAID_MAX:
            return
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in self.prompt[start:end]).split())
        if len(text) > SAID_LETTERS_MAX:
            text = text[: SAID_LETTERS_MAX - 1].rstrip() + "\u2026"
        if text:
            self.said.append((start, Said(text=text, doubt=doubt, value=value, of=of, to=to)))

    def settle(self) -> None:
        """A clause is over: an action without an object is said for itself, a relation without one is dropped."""
        if self.action is not None and self.action.meaning is not None:
            self.doubt(self.action.start, self.action.end, Doubt.ACTION, self.action.meaning.value)
        self.action = self.relation = self.noun = None


def parse(prompt: str, *, lexicon: Lexicon) -> Wish:
    """What `prompt` wishes for."""
    prompt = prompt[:LETTERS_MAX]
    text = folded(prompt)
    reader = _Reader(prompt, lexicon)
    for term in _terms(text, lexicon):
        if term.meaning is None:
            _take_unknown(reader, term)
        else:
            _take(reader, term, term.meaning)
        reader.before = term
    _lone_fruit(reader)
    reader.settle()
    if not reader.stranger:
        for colour in reader.colours:
            reader.doubt(colour.start, colour.end)
    return _wish(reader, "zh" if _is_mainly_chinese(text) else "en")


def _terms(text: str, lexicon: Lexicon) -> Iterator[_Term]:
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
            yield _Term(piece["foreign"], piece.start(), piece.end(), None)
        elif piece["other"] in lexicon.emoji:
            meaning = Meaning(Sort.SUBJECT, lexicon.emoji[piece["other"]])
            yield _Term(piece["other"], piece.start(), piece.end(), meaning)
        elif piece["other"] in ",.;:!?，。；：！？、\n":
            yield _Term(piece["other"], piece.start(), piece.end(), Meaning(Sort.JOINT, "stop"))
    yield from _english(words, lexicon)


def _english(words: list[tuple[str, int]], lexicon: Lexicon) -> Iterator[_Term]:
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
        yield _Term(term, words[at][1], start + len(last), meaning)
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


def _chinese(run: str, start: int, lexicon: Lexicon, *, counted: bool) -> Iterator[_Term]:
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
            yield _Term(run[strange:at], start + strange, start + at, None)
        yield _Term(run[at : at + length], start + at, start + at + length, meaning)
        counted = meaning.sort is Sort.COUNT
        at += length
        strange = at
    if strange < at:
        yield _Term(run[strange:at], start + strange, start + at, None)


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


def _take(reader: _Reader, term: _Term, meaning: Meaning) -> None:  # noqa: C901, PLR0912 - one branch per sort of word
    match meaning.sort:
        case Sort.SUBJECT:
            _take_subject(reader, term, meaning)
        case Sort.PLACE | Sort.TIME | Sort.WEATHER | Sort.SKY:
            _take_setting(reader, term, meaning)
        case Sort.COLOUR:
            if reader.predicate and reader.wanted:
                last = reader.wanted[-1]
                reader.wanted[-1] = replace(last, colours=(*last.colours, meaning.value))
                reader.predicate = False
            else:
                reader.colours.append(term)
        case Sort.COUNT:
            if reader.stranger:
                reader.rest()
            reader.count, reader.count_start, reader.count_word = int(meaning.value), term.start, term.word
            reader.predicate = False
        case Sort.SIZE:
            if reader.predicate and reader.wanted:
                reader.wanted[-1] = replace(reader.wanted[-1], size=meaning.value, size_word="")
                reader.predicate = False
            else:
                reader.size_word = reader.size_word if reader.size else term.word
                reader.size = reader.size or meaning.value
        case Sort.NEGATION:
            reader.settle()
            reader.rest()
            reader.negation = term.start
        case Sort.PREDICATE:
            reader.predicate = True
        case Sort.ARTICLE:
            if reader.stranger:
                reader.rest()
            reader.predicate = False
        case Sort.ACTION:
            _take_action(reader, term)
        case Sort.RELATION:
            _take_relation(reader, term, meaning)
        case Sort.QUALITY | Sort.MANNER:
            if reader.negation is None:
                doubt = Doubt.MANNER if meaning.sort is Sort.MANNER else Doubt.NEVER
                reader.doubt(term.start, term.end - (3 if term.word.endswith(" of") else 0), doubt, meaning.value)
            reader.predicate = False
        case Sort.JOINT:
            _take_joint(reader, term, meaning)
        case _:
            _take_crowd(reader, term)


def _take_crowd(reader: _Reader, term: _Term) -> None:
    """\u4eec after a noun makes it several."""
    if term.word == "们" and reader.noun is not None and reader.noun[1] == term.start:
        last = reader.wanted[reader.noun[2]]
        if last.count == 1:
            reader.wanted[reader.noun[2]] = replace(last, count=3)


def _take_action(reader: _Reader, term: _Term) -> None:
    if reader.negation is not None:
        return
    noun, relation = reader.noun, reader.relation
    reader.settle()
    reader.action, reader.noun = term, noun
    if relation is not None and relation.word == "在":
        reader.relation = relation


def _take_relation(reader: _Reader, term: _Term, meaning: Meaning) -> None:
    if meaning.value == "after":
        # In Chinese it follows its noun: the sofa, on. After a place it only says the place again.
        held = reader.noun
        if held is not None and held[1] == term.start:
            lead = reader.relation or reader.action
            start = lead.start if lead is not None else held[0]
            if reader.related is not None and reader.related[1] == held[1] and reader.said:
                # Its verb has said it already, up to here.
                start = reader.related[0]
                reader.said.pop()
            reader.doubt(start, term.end, Doubt.RELATION, "at", of=held[2], to=held[2])
            reader.action = reader.relation = None
        return
    _close_modifiers(reader)
    _lone_fruit(reader)
    reader.relation = term


def _take_joint(reader: _Reader, term: _Term, meaning: Meaning) -> None:
    if term.word not in {"and", "or", "和"}:
        _lone_fruit(reader)
    if term.word not in {"of", "with", "to", "at", "through", "next to", "by", "near", "有"} or meaning.value == "stop":
        reader.settle()
    else:
        reader.relation = term
    if term.word in {"or", "nor", "或"} and reader.negation is not None:
        return
    if reader.stranger or meaning.value == "stop":
        stop = meaning.value == "stop"
        kept = reader.colours if stop and reader.colours and not reader.stranger else []
        reader.rest()
        reader.colours = kept


def _close_modifiers(reader: _Reader) -> None:
    if reader.stranger:
        reader.rest()


def _take_subject(reader: _Reader, term: _Term, meaning: Meaning) -> None:
    slug = meaning.value
    if reader.negation is not None:
        reader.left_out.append(term.word)
        reader.doubt(reader.negation, term.end, Doubt.FORBIDDEN, slug)
        reader.rest()
        return
    if term.word == "family" and reader.noun is not None:
        # "A penguin family" is penguins, not a penguin and people.
        last = reader.wanted[reader.noun[2]]
        reader.wanted[reader.noun[2]] = replace(last, count=max(3, last.count))
        reader.rest()
        return
    noun = term.word if not term.word.isascii() else reader.lexicon.singular(term.word)
    if " " in noun and reader.prompt[term.start : term.end].istitle():
        noun = noun.title()
    if term.word in _DOINGS and reader.noun is not None and term.start - reader.noun[1] <= 1:
        # Somebody else is drawn doing it.
        reader.doubt(reader.noun[0], term.end)
    size = reader.size or ("baby" if noun.lower() in YOUNG else None)
    known = next((i for i, wanted in enumerate(reader.wanted) if wanted.slug == slug and wanted.noun == noun), None)
    plain = reader.count is None and not reader.colours and reader.size is None
    if len(reader.wanted) >= SUBJECTS_MAX and (known is None or not plain):
        reader.doubt(term.start, term.end)
        reader.settle()
        reader.rest()
        return
    if known is None or not plain:
        known = _add_wanted(reader, term, meaning, noun=noun, size=size)
    is_object = reader.action is not None
    _relate(reader, term, to=known)
    reader.is_object = is_object
    reader.noun = (term.start, term.end, known)
    reader.rest()


def _add_wanted(reader: _Reader, term: _Term, meaning: Meaning, *, noun: str, size: str | None) -> int:
    """The noun with all that waited for it; its place among the wanted."""
    count = reader.count if reader.count is not None else (3 if _is_plural(term.word) else 1)
    if meaning.value in _PAIRS and reader.count is not None and reader.count_word in _PAIR_WORDS:
        count = 1
    if count > COUNT_MAX:
        reader.doubt(reader.count_start, term.end, Doubt.COUNT, of=len(reader.wanted))
    count = min(count, COUNT_MAX)
    for colour in reader.colours[count:]:
        reader.doubt(colour.start, colour.end)
    if reader.size is None:
        size_word = noun if size else ""
    else:
        size_word = reader.size_word if reader.size_word in SIZES_SAID else ""
    reader.wanted.append(
        Wanted(
            slug=meaning.value,
            count=count,
            colours=tuple(colour.meaning.value for colour in reader.colours if colour.meaning is not None),
            size=size,
            noun=noun,
            called=meaning.called,
            size_word=size_word,
        )
    )
    reader.spans.append((reader.count_start if reader.count is not None else term.start, term.end))
    return len(reader.wanted) - 1


_DOINGS = frozenset(("cycling", "rowing", "surfing", "skiing", "骑自行车", "划船", "冲浪", "滑雪"))


def _relate(reader: _Reader, term: _Term, *, to: int) -> None:
    """What the noun before does to this one, or how it is to it."""
    lead = reader.action or reader.relation
    if lead is not None and lead.meaning is not None and (lead.meaning.sort is not Sort.JOINT):
        of = reader.noun[2] if reader.noun is not None else -1
        if lead.word == "在":
            return
        start = reader.noun[0] if reader.noun is not None else lead.start
        value = reader.relation.meaning.value if reader.relation and reader.relation.meaning else "at"
        value = "at" if reader.action is not None and reader.action.meaning.value == "none" else value  # type: ignore[union-attr]
        between = reader.prompt[reader.noun[1] : lead.start].strip() if reader.noun is not None else ""
        if reader.is_object or between or term.end - start > SAID_LETTERS_MAX:
            # "Riding a bicycle wearing a hat": it is not the bicycle that wears it.
            start = lead.start
        reader.doubt(start, term.end, Doubt.RELATION, value, of=of, to=to)
        reader.related = (start, term.end)
    reader.action = reader.relation = None


# A verb whose object is the setting itself; "walking" only takes place there.
_LOOKS = frozenset(("watching", "looking at", "看", "看着"))


def _take_setting(reader: _Reader, term: _Term, meaning: Meaning) -> None:
    doubts = {Sort.PLACE: Doubt.PLACE, Sort.TIME: Doubt.TIME, Sort.WEATHER: Doubt.WEATHER, Sort.SKY: Doubt.SKY}
    if reader.negation is not None:
        reader.left_out.append(term.word)
        reader.doubt(reader.negation, term.end, Doubt.FORBIDDEN, meaning.value)
        reader.rest()
        return
    places_and_such = {
        Sort.PLACE: reader.places,
        Sort.TIME: reader.times,
        Sort.WEATHER: reader.weathers,
        Sort.SKY: reader.sky,
    }
    places_and_such[meaning.sort].append(meaning.value)
    if term.word in PLACE_WORDS_WITH_TIME:
        reader.times.append(PLACE_WORDS_WITH_TIME[term.word])
    start = reader.relation.start if reader.relation is not None and reader.relation.word.isascii() else term.start
    action = reader.action
    if action is not None and action.word in _LOOKS and reader.relation is None:
        reader.doubt(action.start, term.end)
        reader.action = None
    reader.settle()
    if term.word in LOOSE:
        reader.doubt(term.start, term.end)
    else:
        reader.doubt(start, term.end, doubts[meaning.sort], meaning.value)
    if meaning.sort in {Sort.PLACE, Sort.SKY}:
        glow = _GLOW if {"sunset", "dawn"} & set(reader.times) else ()
        natural = [*_NATURAL.get(meaning.value, "").split("|"), *glow]
        for colour in reader.colours:
            if colour.meaning is not None and colour.meaning.value not in natural:
                reader.doubt(colour.start, term.end)
        # "A blue sky": the colour was the sky's, and must not reach the next noun.
        reader.rest()


def _take_unknown(reader: _Reader, term: _Term) -> None:
    reader.stranger = True
    if reader.negation is not None:
        # "No watermark": there is none.
        return
    start = term.start
    before = reader.before
    if before is not None and before.meaning is not None and before.meaning.sort is Sort.QUALITY and reader.said:
        # "Long beard" is one thing.
        if term.start - before.end <= 1 and reader.said[-1][0] == before.start:
            reader.said.pop()
            start = before.start
    elif reader.action is not None:
        start, reader.action, reader.relation = reader.action.start, None, None
    elif before is not None and before.meaning is None and start - before.end == 1:
        start = _name_start(reader, before, term)
    reader.doubt(start, term.end)


def _name_start(reader: _Reader, before: _Term, term: _Term) -> int:
    """Two unknown words with capitals are one name."""
    if reader.prompt[before.start].isupper() and reader.prompt[term.start].isupper() and reader.said:
        start, said = reader.said[-1]
        if said.doubt is Doubt.NEVER and start <= before.start:
            reader.said.pop()
            return start
    return term.start


def _lone_fruit(reader: _Reader) -> None:
    """An orange with no noun after it is the fruit, and a baby is a child."""
    if reader.size == "baby" and not reader.stranger and reader.negation is None:
        _add_lone(reader, "baby", size=None)
    fruit = [colour.meaning.value for colour in reader.colours if colour.meaning is not None] == ["orange"]
    if fruit and reader.count is not None and not reader.predicate:
        _add_lone(reader, "tangerine", size=reader.size)


def _add_lone(reader: _Reader, slug: str, *, size: str | None) -> None:
    reader.wanted.append(Wanted(slug=slug, count=min(reader.count or 1, COUNT_MAX), size=size))
    at = reader.before.end if reader.before is not None else 0
    reader.spans.append((at, at))
    reader.rest()


def _is_plural(word: str) -> bool:
    if word in _PLURAL_WITHOUT_S:
        return True
    return (
        word.isascii() and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in _SINGULAR_IN_S
    )


# One drawing of these shows the pair.
_PAIRS = frozenset(
    (
        "woman-and-man-holding-hands",
        "people-holding-hands",
        "socks",
        "gloves",
        "jeans",
        "glasses",
        "sunglasses",
        "chopsticks",
    )
)
_PAIR_WORDS = frozenset(("一对", "一双", "a pair of", "pair of"))
_PLURAL_WITHOUT_S = frozenset(("people", "men", "women", "children", "mice", "geese", "oxen", "cacti"))


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
    for index, item in enumerate(reader.wanted):
        if item.count > room:
            reader.doubt(*reader.spans[index], Doubt.COUNT if room > 0 else Doubt.NEVER, of=index)
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
        left_out=tuple(dict.fromkeys(reader.left_out))[:SAID_MAX],
        said=tuple(dict.fromkeys(said for _, said in sorted(reader.said, key=lambda pair: pair[0]))),
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
