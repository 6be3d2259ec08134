"""What was drawn, in words: the `revised_prompt`. True of the scene, in the prompt's language, and says what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from limner.engines.illustrator.scene import Scene, Wish
from limner.engines.illustrator.vocabulary.little import COLOUR_NAMES_ZH

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
_MEASURES_ZH = (
    ("animal", "只"), ("plant-flower", "朵"), ("plant-other", "棵"), ("transport-ground", "辆"), ("transport-water", "艘"),
    ("transport-air", "架"), ("place-building", "座"), ("place-religious", "座"), ("place-geographic", "座"), ("person", "个"),
)  # fmt: skip
_NO_HOUR = ("room", "table", "studio", "space", "moon", "underwater")
_NO_SKY = ("room", "table", "studio", "space", "moon", "underwater")


def describe(scene: Scene, wish: Wish, *, names: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]) -> str:
    """One or two sentences."""
    groups = Counter(
        (thing.slug, thing.colour) for thing in sorted(scene.placed, key=lambda thing: _rank(thing.slug, wish))
    )
    missing = [*wish.unknown, *(_unseen(scene, wish))]
    if wish.language == "zh":
        return _chinese(scene, groups, names=names, kinds=kinds, missing=missing)
    return _english(scene, groups, names=names, missing=missing)


def _rank(slug: str, wish: Wish) -> int:
    return next((index for index, wanted in enumerate(wish.wanted) if wanted.slug == slug), len(wish.wanted))


def _unseen(scene: Scene, wish: Wish) -> list[str]:
    """Settings that were understood, and yet are not to be seen in this picture."""
    zh = wish.language == "zh"
    unseen: list[str] = []
    if scene.transparent:
        return unseen
    if wish.weather and scene.weather is None:
        unseen.append((_WEATHERS_ZH if zh else _WEATHERS_EN)[wish.weather])
    if scene.place in _NO_SKY:
        unseen += [(_SKY_ZH if zh else _SKY_EN)[item] for item in wish.sky]
    return unseen


def _english(
    scene: Scene,
    groups: Mapping[tuple[str, str | None], int],
    *,
    names: Mapping[str, Mapping[str, str]],
    missing: Sequence[str],
) -> str:
    manner = "vivid" if scene.vivid else "soft, natural"
    article = "A"
    subjects = [_noun_en(names[slug]["en"], count=count, colour=colour) for (slug, colour), count in groups.items()]
    opening = f"{article} {manner} illustration of "
    if scene.transparent:
        text = opening + _listed(subjects, " and ") + " on a transparent background"
    else:
        doing = _doing_en(scene)
        where = f"{_listed(subjects, ' and ')} {doing}{_PLACES_EN[scene.place]}" if subjects else _ALONE_EN[scene.place]
        text = opening + where + _circumstances_en(scene)
    return _with_missing_en(text + ".", missing)


def _doing_en(scene: Scene) -> str:
    stances = {thing.stance for thing in scene.placed}
    if stances == {"float"}:
        return "floating "
    return "flying " if stances == {"fly"} and scene.place != "studio" else ""


def _circumstances_en(scene: Scene) -> str:
    parts = (
        []
        if scene.place in _NO_HOUR and not (scene.place == "room" and scene.time == "night")
        else [_TIMES_EN[scene.time]]
    )
    if scene.weather:
        parts.append(_WEATHERS_EN[scene.weather])
    text = "".join(f" {part}" for part in parts)
    seen = [_SKY_EN[item] for item in scene.sky] if scene.place not in _NO_SKY else []
    return text + (f", with {_listed(seen, ' and ')} in the sky" if seen else "")


def _noun_en(name: str, *, count: int, colour: str | None) -> str:
    noun = _PLAIN_EN.get(name, name)
    full = f"{colour} {noun}" if colour else noun
    if count > 1:
        return f"{_NUMBERS_EN[count] if count < len(_NUMBERS_EN) else count} {_plural_en(full)}"
    if noun.endswith("s") and noun in _ALWAYS_PLURAL:
        return full
    return f"{'an' if full[0] in 'aeiou' and not full.startswith(('uni', 'ewe', 'one')) else 'a'} {full}"


# What people say, where the emoji's name is stiff.
_PLAIN_EN = {
    "automobile": "car", "evergreen tree": "fir tree", "deciduous tree": "tree", "hot beverage": "hot drink", "ewe": "sheep", "lady beetle": "ladybird",
    "honeybee": "bee", "person standing": "person", "man standing": "man", "woman standing": "woman", "woman and man holding hands": "couple",
    "people holding hands": "pair of friends", "teacup without handle": "cup of tea", "sport utility vehicle": "off-road car",
    "couch and lamp": "couch with a lamp", "globe showing asia-australia": "globe", "umbrella on ground": "parasol", "spiral shell": "seashell",
    "person in lotus position": "person in lotus position", "t-rex": "T-Rex", "santa claus": "Santa Claus", "steaming bowl": "steaming bowl of noodles",
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


def _with_missing_en(text: str, missing: Sequence[str]) -> str:
    if not missing:
        return text
    quoted = _listed([f"\u201c{word}\u201d" for word in missing], " and ")
    return f"{text} Not drawn: {quoted}."


def _listed(parts: Sequence[str], last: str) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + last + parts[-1] if parts else ""


def _chinese(
    scene: Scene,
    groups: Mapping[tuple[str, str | None], int],
    *,
    names: Mapping[str, Mapping[str, str]],
    kinds: Mapping[str, str],
    missing: Sequence[str],
) -> str:
    subjects = [
        _noun_zh(names[slug].get("zh", slug), kind=kinds.get(slug, ""), count=count, colour=colour)
        for (slug, colour), count in groups.items()
    ]
    manner = "色彩鲜明" if scene.vivid else "色调自然柔和"
    if scene.transparent:
        text = f"一幅{manner}的插画：透明背景上的{_listed_zh(subjects)}"
    else:
        hour = (
            ""
            if scene.place in _NO_HOUR and not (scene.place == "room" and scene.time == "night")
            else _TIMES_ZH[scene.time]
        )
        weather = f"，{_WEATHERS_ZH[scene.weather]}" if scene.weather else ""
        seen = [_SKY_ZH[item] for item in scene.sky] if scene.place not in _NO_SKY else []
        sky = f"，天上有{_listed_zh(seen)}" if seen else ""
        place = _PLACES_ZH[scene.place]
        where = f"{hour}，{place}" if hour else place
        text = f"一幅{manner}的插画：{where}" + (f"，画中有{_listed_zh(subjects)}" if subjects else "") + weather + sky
    return text + "。" + (f"未画出：{'、'.join(f'“{word}”' for word in missing)}。" if missing else "")


def _noun_zh(name: str, *, kind: str, count: int, colour: str | None) -> str:
    measure = next((word for start, word in _MEASURES_ZH if kind.startswith(start)), "个")
    number = _NUMBERS_ZH[count] if count < len(_NUMBERS_ZH) else str(count)
    return f"{number}{measure}{COLOUR_NAMES_ZH[colour] + '的' if colour else ''}{name}"


def _listed_zh(parts: Sequence[str]) -> str:
    return "和".join(("、".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)
