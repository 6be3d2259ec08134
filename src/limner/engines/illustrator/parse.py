"""Prompt to `Wish`: English and Chinese, also mixed, by greedy longest match over the lexicon.

A colour, count or size waits for the next noun; a joint ("and", "on") after an unknown word drops what waits, so that a
"red bokeh and a cat" gives no red cat. What may not come out as it was said is kept with it, in the caller's own letters.
Linear in the prompt's length; never fails.
"""

from __future__ import annotations

import re
from dataclasses import replace

from limner.engines.illustrator.plurals import is_drawn_as_a_pair, is_plural
from limner.engines.illustrator.reader import SAID_LETTERS_MAX, SAID_MAX, Reader
from limner.engines.illustrator.scene import SUBJECTS_MAX, Doubt, Wanted, Wish
from limner.engines.illustrator.terms import Term, terms
from limner.engines.illustrator.vocabulary.called import LOOSE, YOUNG
from limner.engines.illustrator.vocabulary.folding import folded
from limner.engines.illustrator.vocabulary.little import SIZES_SAID
from limner.engines.illustrator.vocabulary.places import PLACE_WORDS_WITH_TIME, SKY_TIME
from limner.engines.illustrator.words import Lexicon, Meaning, Sort

LETTERS_MAX = 32_000
COUNT_MAX = 9
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


def parse(prompt: str, *, lexicon: Lexicon) -> Wish:
    """What `prompt` wishes for."""
    prompt = prompt[:LETTERS_MAX]
    text = folded(prompt)
    reader = Reader(prompt, lexicon)
    for term in terms(text, lexicon):
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


def _take(reader: Reader, term: Term, meaning: Meaning) -> None:  # noqa: C901, PLR0912 - one branch per sort of word
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


def _take_crowd(reader: Reader, term: Term) -> None:
    """\u4eec after a noun makes it several."""
    if term.word == "们" and reader.noun is not None and reader.noun[1] == term.start:
        last = reader.wanted[reader.noun[2]]
        if last.count == 1:
            reader.wanted[reader.noun[2]] = replace(last, count=3)


def _take_action(reader: Reader, term: Term) -> None:
    if reader.negation is not None:
        return
    noun, relation = reader.noun, reader.relation
    reader.settle()
    reader.action, reader.noun = term, noun
    if relation is not None and relation.word == "在":
        reader.relation = relation


def _take_relation(reader: Reader, term: Term, meaning: Meaning) -> None:
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


def _take_joint(reader: Reader, term: Term, meaning: Meaning) -> None:
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


def _close_modifiers(reader: Reader) -> None:
    if reader.stranger:
        reader.rest()


def _take_subject(reader: Reader, term: Term, meaning: Meaning) -> None:
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


def _add_wanted(reader: Reader, term: Term, meaning: Meaning, *, noun: str, size: str | None) -> int:
    """The noun with all that waited for it; its place among the wanted."""
    count = reader.count if reader.count is not None else (3 if is_plural(term.word) else 1)
    if reader.count is not None and is_drawn_as_a_pair(meaning.value, count_word=reader.count_word):
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


def _relate(reader: Reader, term: Term, *, to: int) -> None:
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


def _take_setting(reader: Reader, term: Term, meaning: Meaning) -> None:
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


def _take_unknown(reader: Reader, term: Term) -> None:
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


def _name_start(reader: Reader, before: Term, term: Term) -> int:
    """Two unknown words with capitals are one name."""
    if reader.prompt[before.start].isupper() and reader.prompt[term.start].isupper() and reader.said:
        start, said = reader.said[-1]
        if said.doubt is Doubt.NEVER and start <= before.start:
            reader.said.pop()
            return start
    return term.start


def _lone_fruit(reader: Reader) -> None:
    """An orange with no noun after it is the fruit, and a baby is a child."""
    if reader.size == "baby" and not reader.stranger and reader.negation is None:
        _add_lone(reader, "baby", size=None)
    fruit = [colour.meaning.value for colour in reader.colours if colour.meaning is not None] == ["orange"]
    if fruit and reader.count is not None and not reader.predicate:
        _add_lone(reader, "tangerine", size=reader.size)


def _add_lone(reader: Reader, slug: str, *, size: str | None) -> None:
    reader.wanted.append(Wanted(slug=slug, count=min(reader.count or 1, COUNT_MAX), size=size))
    at = reader.before.end if reader.before is not None else 0
    reader.spans.append((at, at))
    reader.rest()


def _is_mainly_chinese(text: str) -> bool:
    han = sum(1 for letter in text if "\u3400" <= letter <= "\u9fff")
    words = len(re.findall(r"[a-z]+", text))
    return han > words


def _wish(reader: Reader, language: str) -> Wish:
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
