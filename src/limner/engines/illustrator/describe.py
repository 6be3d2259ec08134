"""What was drawn, in words: the `revised_prompt`. True of the scene, in the prompt's language, and says what is missing.

Called by `studio` after the scene is made, so that nothing said here can change the drawing; `missing` finds the gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.engines.illustrator.missing import NO_HOUR, forbidden_yet_drawn, not_drawn, seen_in_the_sky
from limner.engines.illustrator.scene import Called, Placed, Scene, Wanted, Wish
from limner.engines.illustrator.vocabulary.little import COLOUR_NAMES_ZH
from limner.engines.illustrator.vocabulary.measures import measure_of

_PLACES_EN = {
    "sea": "on the open sea", "lake": "on a lake below mountains", "beach": "on a sandy beach by the sea", "underwater": "under water above a sandy sea floor",
    "meadow": "in a green meadow with flowers", "savanna": "on the savanna", "forest": "in a forest clearing", "mountain": "in a meadow below snow-capped mountains",
    "desert": "among desert dunes", "snow": "in a snowy landscape with fir trees", "city": "on a city street", "room": "in a cosy room with a window",
    "table": "on a wooden table", "studio": "before a plain coloured backdrop", "space": "in outer space among stars and planets", "moon": "on the grey ground of a moon",
    "sky": "high in the sky among clouds",
}  # fmt: skip
_ALONE_EN = {
    "sea": "the open sea", "lake": "a lake below mountains", "beach": "a sandy beach by the sea", "underwater": "the world under water",
    "meadow": "a green meadow with flowers", "savanna": "the savanna", "forest": "a forest clearing", "mountain": "snow-capped mountains over a meadow",
    "desert": "desert dunes", "snow": "a snowy landscape with fir trees", "city": "a city street", "room": "a cosy room with a window", "table": "a wooden table",
    "studio": "a plain coloured backdrop", "space": "outer space with stars and planets", "moon": "the grey ground of a moon under the stars", "sky": "a sky full of clouds",
}  # fmt: skip
_TIMES_EN = {"day": "by day", "dawn": "at dawn", "sunset": "at sunset", "night": "at night"}
_WEATHERS_EN = {"rain": "in the rain", "snow": "in falling snow", "fog": "in fog"}
_SKY_EN = {
    "sun": "the sun",
    "moon": "the moon",
    "clouds": "many clouds",
    "rainbow": "a rainbow",
    "aurora": "northern lights",
}
_NUMBERS_EN = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_PLACES_ZH = {
    "sea": "大海", "lake": "群山下的湖面", "beach": "海边的沙滩", "underwater": "海底", "meadow": "开着花的绿色草地", "savanna": "稀树草原",
    "forest": "森林空地", "mountain": "雪山下的草地", "desert": "沙丘之间的沙漠", "snow": "有杉树的雪地", "city": "城市街道", "room": "有窗户的温馨房间",
    "table": "木桌", "studio": "纯色背景", "space": "有星星和行星的太空", "moon": "月球表面", "sky": "云朵间的天空",
}  # fmt: skip
_TIMES_ZH = {"day": "白天", "dawn": "黎明", "sunset": "日落时分", "night": "夜晚"}
_WEATHERS_ZH = {"rain": "下着雨", "snow": "飘着雪", "fog": "有雾"}
_SKY_ZH = {"sun": "太阳", "moon": "月亮", "clouds": "许多云", "rainbow": "彩虹", "aurora": "极光"}
_NUMBERS_ZH = "零一两三四五六七八九"


@dataclass(frozen=True, slots=True)
class _Group:
    """Things of one look that are told as one: "two small blue cats"."""

    slug: str
    colour: str | None
    count: int
    wanted: Wanted | None


def describe(scene: Scene, wish: Wish, *, names: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]) -> str:
    """One to three sentences."""
    groups = _groups(scene.placed, wish)
    missing, kept = not_drawn(scene, wish), forbidden_yet_drawn(scene, wish)
    if wish.language == "zh":
        return _chinese(scene, groups, names=names, kinds=kinds) + _with_missing_zh(missing, kept)
    return _english(scene, groups, names=names, kinds=kinds) + _with_missing_en(missing, kept)


def subjects_told(scene: Scene, wish: Wish, *, names: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]) -> str:
    """The subjects alone, in the wish's language: "a red fox and two cats"."""
    groups = _groups(scene.placed, wish)
    if wish.language == "zh":
        return _listed_zh(
            [_subject_zh(one, names[one.slug].get("zh", one.slug), kinds.get(one.slug, "")) for one in groups]
        )
    alone = len(groups) == 1
    return _listed(
        [_subject_en(one, names[one.slug]["en"], kinds.get(one.slug, ""), alone=alone) for one in groups], " and "
    )


def gaps_told(missing: Sequence[str], kept: Sequence[str], *, language: str) -> str:
    """A sentence about what was not drawn, and about what was against the wish; nothing where there is none."""
    return (_with_missing_zh if language == "zh" else _with_missing_en)(missing, kept)


def _groups(placed: Sequence[Placed], wish: Wish) -> list[_Group]:
    """In the order of the prompt."""
    counts: dict[tuple[int, str, str | None], int] = {}
    for thing in sorted(placed, key=lambda thing: thing.grants):
        key = (thing.grants, thing.slug, thing.colour)
        counts[key] = counts.get(key, 0) + 1
    return [
        _Group(slug, colour, count, wish.wanted[grants] if 0 <= grants < len(wish.wanted) else None)
        for (grants, slug, colour), count in counts.items()
    ]


def _english(
    scene: Scene, groups: Sequence[_Group], *, names: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]
) -> str:
    manner = "vivid" if scene.vivid else "soft, natural"
    alone = len(groups) == 1
    subjects = [_subject_en(group, names[group.slug]["en"], kinds.get(group.slug, ""), alone=alone) for group in groups]
    opening = f"A {manner} illustration of "
    if scene.transparent:
        return opening + _listed(subjects, " and ") + " on a transparent background."
    where = f"{_listed(subjects, ' and ')} {_doing_en(scene)}{_PLACES_EN[scene.place]}"
    return opening + (where if subjects else _ALONE_EN[scene.place]) + _circumstances_en(scene) + "."


def _subject_en(group: _Group, name: str, kind: str, *, alone: bool) -> str:
    wanted = group.wanted
    own = wanted is not None and wanted.called is Called.OWN and wanted.noun.isascii() and wanted.noun
    noun = _noun_en(
        wanted.noun if wanted is not None and own else name,
        count=group.count,
        colour=group.colour,
        size=_size_en(wanted, kind),
    )
    if wanted is None or wanted.called is not Called.STAND_IN or not wanted.noun:
        return noun
    whom = f"standing in for the {wanted.noun if group.count == 1 else _plural_en(wanted.noun)}"
    return f"{noun}, {whom}," if alone else f"{noun} ({whom})"


def _size_en(wanted: Wanted | None, kind: str) -> str:
    """The size as it was said; nothing where the noun says it ("puppy")."""
    if wanted is None or wanted.size is None or wanted.size_word == wanted.noun != "":
        return ""
    if kind.startswith("person"):
        own = wanted.size_word
        return own or {"baby": "young", "large": "tall"}.get(wanted.size, wanted.size)
    if wanted.size_word in {"little", "big", "young", "tiny", "tall"}:
        return wanted.size_word
    return wanted.size


def _doing_en(scene: Scene) -> str:
    stances = {thing.stance for thing in scene.placed}
    if stances == {"float"}:
        return "floating "
    return "flying " if stances == {"fly"} and scene.place != "studio" else ""


def _circumstances_en(scene: Scene) -> str:
    parts = [_TIMES_EN[scene.time]] if _has_hour(scene) else []
    if scene.weather:
        parts.append(_WEATHERS_EN[scene.weather])
    text = "".join(f" {part}" for part in parts)
    seen = [_SKY_EN[item] for item in seen_in_the_sky(scene)]
    return text + (f", with {_listed(seen, ' and ')} in the sky" if seen else "")


def _has_hour(scene: Scene) -> bool:
    return scene.place not in NO_HOUR or (scene.place == "room" and scene.time == "night")


def _noun_en(name: str, *, count: int, colour: str | None, size: str) -> str:
    noun = _PLAIN_EN.get(name, name)
    order = (colour, size, noun) if size in {"baby", "young"} else (size, colour, noun)
    full = " ".join(part for part in order if part)
    if count > 1:
        return f"{_NUMBERS_EN[count] if count < len(_NUMBERS_EN) else count} {_plural_en(full)}"
    if noun.endswith("s") and noun in _ALWAYS_PLURAL:
        return full
    return f"{'an' if full[0] in 'aeiou' and not full.startswith(('uni', 'ewe', 'one', 'eu')) else 'a'} {full}"


# What people say, where the emoji's name is stiff.
_PLAIN_EN = {
    "automobile": "car", "evergreen tree": "fir tree", "deciduous tree": "tree", "hot beverage": "hot drink", "ewe": "sheep", "lady beetle": "ladybird",
    "honeybee": "bee", "person standing": "person", "man standing": "man", "woman standing": "woman", "woman and man holding hands": "couple",
    "people holding hands": "pair of friends", "teacup without handle": "cup of tea", "sport utility vehicle": "off-road car", "person in lotus position": "person in lotus position", "coffee": "cup of coffee", "espresso": "cup of espresso",
    "latte": "cup of latte", "cappuccino": "cup of cappuccino", "tea": "cup of tea", "green tea": "cup of green tea", "milk": "glass of milk", "beer": "mug of beer",
    "wine": "glass of wine", "whiskey": "glass of whiskey", "whisky": "glass of whisky", "bread": "loaf of bread", "cheese": "piece of cheese", "noodles": "bowl of noodles",
    "ramen": "bowl of ramen", "noodle soup": "bowl of noodle soup", "ice cream": "ice cream cone", "toast": "slice of toast", "soccer": "soccer ball", "people": "person",
    "soft ice cream": "ice cream cone", "baby angel": "little angel", "maize": "ear of maize", "cheese wedge": "piece of cheese", "beer mug": "mug of beer",
    "couch and lamp": "couch with a lamp", "globe showing asia-australia": "globe", "umbrella on ground": "parasol", "spiral shell": "seashell",
    "tokyo tower": "Tokyo Tower", "t-rex": "T-Rex", "santa claus": "Santa Claus", "steaming bowl": "steaming bowl of noodles",
    "t-shirt": "T-shirt",
}  # fmt: skip
_ALWAYS_PLURAL = frozenset(("books", "houses", "jeans", "glasses", "sunglasses", "sparkles", "shorts", "scissors", "grapes", "chopsticks", "french fries", "pancakes", "skis", "fireworks", "socks", "gloves", "beans", "peanuts", "cherries", "people", "bubbles"))  # fmt: skip


def _plural_en(noun: str) -> str:
    irregular = {"mouse": "mice", "goose": "geese", "child": "children", "wolf": "wolves", "man": "men", "woman": "women", "person": "people", "fish": "fish", "sheep": "sheep", "deer": "deer", "ox": "oxen", "leaf": "leaves", "bison": "bison", "knife": "knives"}  # fmt: skip
    head, _, last = noun.rpartition(" ")
    for link in (" of ", " with ", " in "):
        if link in noun:
            first, rest = noun.split(link, 1)
            return f"{_plural_en(first)}{link}{rest}"
    if noun in _ALWAYS_PLURAL or last in _ALWAYS_PLURAL:
        return noun
    if last in irregular:
        last = irregular[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def _with_missing_en(missing: Sequence[str], kept: Sequence[str]) -> str:
    text = f" Not drawn: {_listed([_quoted(item) for item in missing], ' and ')}." if missing else ""
    return text + (f" Drawn all the same: {_listed([_quoted(item) for item in kept], ' and ')}." if kept else "")


def _quoted(item: str) -> str:
    """In quotation marks, but for a remark in brackets after it."""
    words, mark, remark = item.partition("\n")
    return f"\u201c{words}\u201d{' ' if mark and remark.startswith('(') else ''}{remark}"


def _listed(parts: Sequence[str], last: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return ", ".join(parts[:-1]) + last + parts[-1] if parts else ""


def _chinese(
    scene: Scene, groups: Sequence[_Group], *, names: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]
) -> str:
    subjects = _listed_zh(
        [_subject_zh(group, names[group.slug].get("zh", group.slug), kinds.get(group.slug, "")) for group in groups]
    )
    manner = "色彩鲜明" if scene.vivid else "色调自然柔和"
    if scene.transparent:
        return f"一幅{manner}的插画：透明背景上的{subjects}。"
    place = _PLACES_ZH[scene.place]
    where = f"{_TIMES_ZH[scene.time]}，{place}" if _has_hour(scene) else place
    weather = f"，{_WEATHERS_ZH[scene.weather]}" if scene.weather else ""
    seen = [_SKY_ZH[item] for item in seen_in_the_sky(scene)]
    sky = f"，天上有{_listed_zh(seen)}" if seen else ""
    return f"一幅{manner}的插画：{where}" + (f"，画中有{subjects}" if subjects else "") + weather + sky + "。"


def _subject_zh(group: _Group, name: str, kind: str) -> str:
    wanted = group.wanted
    name = _PLAIN_ZH.get(group.slug, name)
    noun = wanted.noun if wanted and wanted.called is Called.OWN and wanted.noun and not wanted.noun.isascii() else name
    size = "" if wanted is None or wanted.size is None or noun == wanted.size_word else _SIZES_ZH[wanted.size]
    if noun.startswith(size):
        size = ""
    number = _NUMBERS_ZH[group.count] if group.count < len(_NUMBERS_ZH) else str(group.count)
    colour = COLOUR_NAMES_ZH[group.colour] + "的" if group.colour else ""
    text = f"{number}{measure_of(noun, kind)}{colour}{size}{noun}"
    stands_in = wanted is not None and wanted.called is Called.STAND_IN and wanted.noun
    return text + (f"（代替\u201c{wanted.noun}\u201d）" if wanted and stands_in else "")


# What people say, where the emoji's name is stiff.
_PLAIN_ZH = {
    "person-biking": "骑车的人", "person-surfing": "冲浪的人", "person-rowing-boat": "划船的人", "skier": "滑雪的人", "person-running": "跑步的人",
    "couch-and-lamp": "带灯的沙发", "person-standing": "人", "man-standing": "男人", "woman-standing": "女人", "automobile": "汽车",
    "evergreen-tree": "杉树", "deciduous-tree": "树", "blossom": "花", "glass-of-milk": "牛奶", "steaming-bowl": "面条", "books": "书",
    "woman-and-man-holding-hands": "情侣", "people-holding-hands": "朋友", "birthday-cake": "蛋糕", "pot-of-food": "炖菜",
}  # fmt: skip
_SIZES_ZH = {"baby": "小", "small": "小", "large": "大"}


def _with_missing_zh(missing: Sequence[str], kept: Sequence[str]) -> str:
    text = f"未画出：{'、'.join(_quoted(item) for item in missing)}。" if missing else ""
    return text + (f"未能避免：{'、'.join(_quoted(item) for item in kept)}。" if kept else "")


def _listed_zh(parts: Sequence[str]) -> str:
    return "和".join(("、".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)
