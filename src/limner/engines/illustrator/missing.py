"""What was said and is not to be seen: every `Said` of the wish, held against the finished scene.

True rather than complete in the other direction: what cannot be settled from the scene counts as not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from limner.engines.illustrator.figures import COATS
from limner.engines.illustrator.scene import Doubt, Placed, Said, Scene, Wish

ITEMS_MAX = 8
NO_HOUR = ("room", "table", "studio", "space", "moon", "underwater")
_NO_SKY = ("room", "table", "studio", "space", "moon", "underwater")
# What else a place shows besides itself.
_ALSO = {
    "beach": ("sea", "sky"), "sea": ("sky",), "lake": ("mountain", "sky"), "underwater": ("sea",), "meadow": ("sky",), "savanna": ("sky",),
    "forest": ("sky",), "mountain": ("meadow", "sky"), "desert": ("sky",), "snow": ("forest", "mountain", "sky"), "city": ("sky",),
    "moon": ("space", "sky"), "space": ("sky",),
}  # fmt: skip
# What a place shows that a prompt may have forbidden.
_FURNISHED = {
    "deciduous-tree": ("forest", "meadow", "lake", "savanna", "snow"), "evergreen-tree": ("forest", "snow"), "blossom": ("meadow", "mountain"),
    "office-building": ("city",), "house": ("city",), "ringed-planet": ("space",), "window": ("room", "city"), "star": ("space", "moon"),
    "couch-and-lamp": (), "snow-capped-mountain": ("mountain", "lake", "snow"),
}  # fmt: skip


def not_drawn(scene: Scene, wish: Wish) -> list[str]:
    """The caller's words for it, in their order, each once; after a line break a remark."""
    zh = wish.language == "zh"
    items: list[str] = []
    for said in wish.said:
        if said.doubt is Doubt.FORBIDDEN or _is_seen(said, scene=scene):
            continue
        items.append(said.text + (_remark(said, scene=scene, zh=zh) if said.doubt is Doubt.COUNT else ""))
    items = _without_repeats(items)
    if len(items) > ITEMS_MAX:
        items[ITEMS_MAX - 1 :] = [items[ITEMS_MAX - 1] + ("\n等" if zh else "\n(and more)")]
    return items


def forbidden_yet_drawn(scene: Scene, wish: Wish) -> list[str]:
    """What the prompt asked to leave out, and is there."""
    texts = [said.text for said in wish.said if said.doubt is Doubt.FORBIDDEN and _is_there(said.value, scene=scene)]
    return _without_repeats(texts)[:ITEMS_MAX]


def seen_in_the_sky(scene: Scene) -> list[str]:
    """Of what the sky was to hold, what it does."""
    return [item for item in scene.sky if _sky_shows(item, scene=scene)]


def _without_repeats(items: Sequence[str]) -> list[str]:
    kept: dict[str, str] = {}
    for item in items:
        kept.setdefault(item.casefold(), item)
    return list(kept.values())


def _remark(said: Said, *, scene: Scene, zh: bool) -> str:
    drawn = sum(thing.grants == said.of for thing in scene.placed)
    return f"\n（只画了{drawn}个）" if zh else f"\n(only {drawn} drawn)"


def _is_seen(said: Said, *, scene: Scene) -> bool:  # noqa: PLR0911 - one return per kind of doubt
    match said.doubt:
        case Doubt.ACTION:
            return _does(said.value, scene=scene)
        case Doubt.RELATION:
            return _stands(said, scene=scene)
        case Doubt.MANNER:
            return (said.value == "vivid") is scene.vivid
        case Doubt.PLACE:
            return not scene.transparent and (
                said.value == scene.place
                or said.value in _ALSO.get(scene.place, ())
                or (said.value == "snow" and scene.weather == "snow")
            )
        case Doubt.TIME:
            return not scene.transparent and said.value == scene.time and _shows_hour(scene)
        case Doubt.WEATHER:
            return not scene.transparent and said.value == (scene.weather or scene.place)
        case Doubt.SKY:
            return _sky_shows(said.value, scene=scene)
        case _:
            return False


def _shows_hour(scene: Scene) -> bool:
    return scene.place not in NO_HOUR or (scene.time == "night" and scene.place in {"room", "space", "moon"})


def _sky_shows(item: str, *, scene: Scene) -> bool:
    if scene.transparent or scene.place in _NO_SKY:
        return False
    if item == "sun":
        return scene.time != "night"
    if item == "moon":
        return scene.time == "night"
    return item != "clouds" or "aurora" not in scene.sky


def _does(value: str, *, scene: Scene) -> bool:
    stances = {thing.stance for thing in scene.placed}
    if value == "float":
        return "float" in stances or (scene.place == "underwater" and "hover" in stances)
    if value == "fly":
        return "fly" in stances or (scene.place in {"sky", "space"} and "hover" in stances)
    return value == "sit" and all(thing.slug in COATS for thing in scene.placed)


def _stands(said: Said, *, scene: Scene) -> bool:
    """Whether the one is to the other as was said."""
    ones = [thing for thing in scene.placed if thing.grants == said.of]
    others = [thing for thing in scene.placed if thing.grants == said.to]
    if not ones or not others or said.of == said.to:
        return False
    if said.value == "over":
        return all(_is_above(one, other) for one in ones for other in others)
    if said.value == "under":
        return all(_is_above(other, one) for one in ones for other in others)
    if said.value == "behind":
        return max(one.depth for one in ones) < min(other.depth for other in others) - 0.1
    if said.value == "before":
        return min(one.depth for one in ones) > max(other.depth for other in others) + 0.1
    return False


def _is_above(one: Placed, other: Placed) -> bool:
    return one.stance in {"fly", "hover"} and one.y < other.y - other.span * 0.6


def _is_there(value: str, *, scene: Scene) -> bool:
    if scene.transparent or any(thing.slug == value for thing in scene.placed):
        return any(thing.slug == value for thing in scene.placed)
    outdoors = scene.place not in _NO_SKY
    if value == "clouds":
        return outdoors and "aurora" not in scene.sky
    if value == "sun":
        return outdoors and scene.time != "night" and scene.weather != "rain"
    if value == "moon":
        return scene.place == "moon" or (outdoors and scene.time == "night")
    shown = value in {scene.weather, scene.place} or value in _ALSO.get(scene.place, ())
    return shown or (value == scene.time and _shows_hour(scene)) or scene.place in _FURNISHED.get(value, ())
