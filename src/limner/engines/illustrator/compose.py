"""`Wish` to `Scene`: chooses place and hour where the prompt did not, and puts every subject somewhere sensible.

Things stand in rows of depth on the ground, swim at a water line, or hover; among many thrown arrangements the one with
the fewest hidden things and the best balance wins. The same wish, frame and seed give the same scene.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from limner.engines.illustrator import traits
from limner.engines.illustrator.art import BOX, Extent
from limner.engines.illustrator.backdrops.catalogue import BACKDROPS
from limner.engines.illustrator.scene import Placed, Scene, Wanted, Wish

TRIES = 60
_ROW_DEPTHS = {1: (0.0,), 2: (-0.3, 0.16), 3: (-0.42, -0.1, 0.2)}
SHORT_SIDE = 1000.0
LONG_SIDE_MAX = 3000.0
SMALLEST = 84.0

_HOVERING = ("space", "sky", "underwater")
_WATER = ("sea", "lake")
_INDOORS = ("room", "table", "studio")
_SIZE_WORDS = {"baby": 0.78, "small": 0.7, "large": 1.35}
_MOODS = ("meadow", "sea", "mountain", "forest", "lake", "desert", "snow", "savanna")
# These look to the left as they are drawn, and may be turned; letters and clocks may not.
_TURNABLE = ("animal", "person", "transport", "plant", "place")
# A landscape that nobody was wished into has one small thing for the eye to rest on.
_COMPANY = {
    "sea": ("sailboat", "sailboat", "dolphin"),
    "lake": ("swan", "canoe"),
    "meadow": ("deciduous-tree", "windmill", "house"),
    "mountain": ("hut", "evergreen-tree", "goat"),
    "forest": ("deer", "mushroom"),
    "desert": ("cactus", "camel"),
    "snow": ("house", "evergreen-tree"),
    "savanna": ("giraffe", "elephant"),
    "beach": ("palm-tree", "umbrella-on-ground"),
    "underwater": ("tropical-fish", "turtle"),
    "sky": ("hot-air-balloon", "dove"),
    "space": ("rocket", "satellite"),
    "moon": ("rocket",),
    "room": ("couch-and-lamp",),
    "table": ("hot-beverage", "potted-plant"),
    "city": ("bicycle", "bus"),
}
_FAR_THINGS = ("place-geographic",)
_BACK_THINGS = ("place-building", "place-religious", "place-other", "plant-other")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One thing to place; `size` is how tall it is beside a person of 1, squeezed."""

    slug: str
    kind: str
    colour: str | None
    size: float
    stance: str
    sink: float
    extent: Extent
    main: bool
    grants: int

    @property
    def wide(self) -> float:
        """Its width when its longer side is 1."""
        return self.extent.width / max(self.extent.width, self.extent.height)

    @property
    def tall(self) -> float:
        """Its height when its longer side is 1."""
        return self.extent.height / max(self.extent.width, self.extent.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Where an item might go: the middle of its lower edge, and its longer side."""

    item: _Item
    x: float
    y: float
    long: float
    depth: float

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        half = self.item.wide * self.long / 2
        return self.x - half, self.y - self.item.tall * self.long, self.x + half, self.y


def compose(
    wish: Wish,
    *,
    width: int,
    height: int,
    detail: int,
    vivid: bool,
    transparent: bool,
    seed: int,
    kind_of: Callable[[str], str],
    extent_of: Callable[[str], Extent],
    mood: int,
) -> Scene:
    """The scene for `wish` in a frame of `width` x `height` pixels. `mood` chooses the place of a prompt without any."""
    rng = random.Random(f"{seed} compose")  # noqa: S311 - a picture, not a secret
    unit = min(SHORT_SIDE / min(width, height), LONG_SIDE_MAX / max(width, height))
    wanted = wish.wanted
    if transparent and not wanted:
        wanted = (Wanted(slug="sparkles"),)
    place = _place(wish, wanted, kind_of=kind_of, mood=mood)
    low, high = BACKDROPS[place].horizon
    scene = Scene(
        width=width * unit,
        height=height * unit,
        place=place,
        time=wish.time or _time(rng, place=place, vivid=vivid),
        weather=wish.weather if place not in (*_INDOORS, "space", "moon", "underwater") else None,
        sky=wish.sky,
        placed=(),
        horizon=height * unit * rng.uniform(low, high),
        vivid=vivid,
        detail=detail,
        transparent=transparent,
        seed=seed,
    )
    lonely = not wanted and not wish.left_out and place in _COMPANY
    if lonely:
        wanted = (Wanted(slug=_COMPANY[place][mood // 8 % len(_COMPANY[place])]),)
    asked = wanted is wish.wanted
    items = _items(wanted, asked=asked, place=place, transparent=transparent, kind_of=kind_of, extent_of=extent_of)
    if not items:
        return scene
    spots = _arranged(items, scene=scene, rng=rng)
    if transparent:
        spots = _fitted(spots, scene=scene)
    if lonely:
        spots = [_smaller(spot, share=0.5) for spot in spots]
    elif not transparent and all(item.size == "small" for item in wanted):
        # Nothing beside it shows that it is small, so the room around it does.
        spots = [_smaller(spot, share=_SIZE_WORDS["small"]) for spot in spots]
    return replace(scene, placed=tuple(_placed(spot, scene=scene, rng=rng) for spot in spots))


def _place(wish: Wish, wanted: Sequence[Wanted], *, kind_of: Callable[[str], str], mood: int) -> str:
    said = wish.place
    if not wanted:
        return said or ("sky" if wish.sky and wish.time is None else _MOODS[mood % len(_MOODS)])
    homes = [traits.home_of(item.slug, kind_of(item.slug)) for item in wanted]
    afloat = [traits.sink_of(item.slug) is not None or traits.flies(item.slug) for item in wanted]
    if said == "sea" and all(traits.dives(item.slug) and traits.sink_of(item.slug) is None for item in wanted):
        return "underwater"
    if said == "sea" and not all(afloat):
        return "beach"
    if said is None:
        outdoors = [home for home in homes if home not in (*_INDOORS, "sky")]
        said = homes[0] if homes[0] not in ("sky", "studio", "table", "room") or not outdoors else outdoors[0]
        if said == "sea" and not all(afloat):
            said = "beach"
        if said == "underwater" and not all(traits.dives(item.slug) for item in wanted):
            said = "sea" if all(afloat) else "beach"
        if said in {"sky", "table", "room", "studio"} and (wish.time or wish.weather or wish.sky) and said != "sky":
            said = "meadow"
        if said == "sky" and not all(traits.flies(item.slug) for item in wanted):
            said = "meadow"
    return said


def _time(rng: random.Random, *, place: str, vivid: bool) -> str:
    if place in (*_INDOORS, "underwater", "space", "moon"):
        return "day"
    dice = rng.random()
    if dice < (0.68 if vivid else 0.84):
        return "day"
    return "dawn" if dice < (0.82 if vivid else 0.94) else "sunset"


def _items(
    wanted: Sequence[Wanted],
    *,
    asked: bool,
    place: str,
    transparent: bool,
    kind_of: Callable[[str], str],
    extent_of: Callable[[str], Extent],
) -> list[_Item]:
    items = []
    alone = sum(item.count for item in wanted) == 1
    for order, thing in enumerate(wanted):
        kind = kind_of(thing.slug)
        stance, sink = ("stand", 0.0) if transparent else _stance(thing.slug, place=place)
        size = traits.size_of(thing.slug, kind) ** 0.76 * (1.0 if alone else _SIZE_WORDS.get(thing.size or "", 1.0))
        for index in range(thing.count):
            colour = thing.colours[index % len(thing.colours)] if thing.colours else None
            items.append(
                _Item(
                    slug=thing.slug,
                    kind=kind,
                    colour=colour,
                    size=size,
                    stance=stance,
                    sink=sink,
                    extent=extent_of(thing.slug),
                    main=order == 0,
                    grants=order if asked else -1,
                )
            )
    return items


def _stance(slug: str, *, place: str) -> tuple[str, float]:
    if place == "underwater":
        return ("stand" if traits.creeps(slug) else "hover"), 0.0
    if place in {"space", "sky"}:
        return "hover", 0.0
    if traits.flies(slug):
        return "fly", 0.0
    sink = traits.sink_of(slug)
    if place in _WATER:
        return "float", sink if sink is not None else 0.14
    if place == "beach" and sink is not None and slug not in {"turtle", "seal", "crocodile", "otter", "duck", "goose"}:
        return "offshore", sink
    return "stand", 0.0


def _arranged(items: list[_Item], *, scene: Scene, rng: random.Random) -> list[_Spot]:
    """The best of many arrangements."""
    best: list[_Spot] = []
    best_cost = float("inf")
    for _ in range(TRIES):
        spots = _thrown(items, scene=scene, rng=rng)
        cost = _cost(spots, scene=scene)
        if cost < best_cost:
            best, best_cost = spots, cost
    return sorted(best, key=lambda spot: spot.depth)


def _thrown(items: list[_Item], *, scene: Scene, rng: random.Random) -> list[_Spot]:
    hovering = [item for item in items if item.stance == "hover"]
    flying = [item for item in items if item.stance == "fly"]
    grounded = [item for item in items if item.stance not in {"hover", "fly"}]
    spots = _on_ground(grounded, scene=scene, rng=rng)
    unit = spots[0].long / spots[0].item.size if spots else None
    top, bottom = (0.05, 0.95) if scene.place != "underwater" else (0.07, 0.86)
    spots += _in_air(hovering, scene=scene, rng=rng, top=scene.height * top, bottom=scene.height * bottom, unit=None)
    ceiling = scene.horizon * (0.72 if grounded else 0.98)
    return spots + _in_air(flying, scene=scene, rng=rng, top=scene.height * 0.05, bottom=ceiling, unit=unit)


def _in_air(
    items: list[_Item], *, scene: Scene, rng: random.Random, top: float, bottom: float, unit: float | None
) -> list[_Spot]:
    if not items:
        return []
    count = len(items)
    room = (scene.width * 0.92 * (bottom - top) / count) ** 0.5
    typical = sorted(item.size for item in items)[count // 2]
    spots: list[_Spot] = []
    for item in items:
        relative = max(0.6, min(1.5, (item.size / typical) ** 0.6))
        long = min(room * (0.72 if count == 1 else 0.66) * relative, scene.width * 0.8, (bottom - top) * 0.82, 660.0)
        if unit is not None:
            long = min(long, max(SMALLEST, unit * item.size * 0.85), scene.horizon * 0.42)
        wide, tall = item.wide * long, item.tall * long
        left, right = wide / 2 + scene.width * 0.03, scene.width * 0.97 - wide / 2
        high, low = top + tall, max(top + tall + 1, bottom)
        x, y = rng.uniform(left, max(left + 1, right)), rng.uniform(high, low)
        if count == 1 and unit is None:
            x = scene.width * rng.uniform(0.46, 0.54)
            y = (top + bottom) / 2 + tall / 2 + rng.uniform(-0.03, 0.03) * scene.height
        spots.append(
            _Spot(
                item=item,
                x=x,
                y=y,
                long=long,
                depth=-0.2 + 0.01 * len(spots) if unit is not None else 0.3 + long / 4000,
            )
        )
    return spots


def _on_ground(items: list[_Item], *, scene: Scene, rng: random.Random) -> list[_Spot]:
    if not items:
        return []
    rows = _rows(items, scene=scene)
    unit = min(_largest_unit(row, depth=depth, rows=len(rows), scene=scene) for depth, row in rows)
    spots = []
    for depth, row in rows:
        y = _ground_y(depth, scene=scene)
        longs = [max(SMALLEST, unit * item.size * _near(depth)) for item in row]
        for item, long, x in _side_by_side(row, longs, scene=scene, rng=rng):
            lift = rng.uniform(-0.02, 0.02) * (scene.height - scene.horizon) if len(row) > 1 else 0.0
            spots.append(
                _Spot(
                    item=item,
                    x=x,
                    y=_offshore_y(item, scene=scene) or y + lift + item.sink * item.tall * long,
                    long=long,
                    depth=depth + lift / 2000,
                )
            )
    return spots


def _rows(items: list[_Item], *, scene: Scene) -> list[tuple[float, list[_Item]]]:
    """The rows, far to near, each with its depth 0-1."""
    far = [item for item in items if item.kind in _FAR_THINGS or item.stance == "offshore"]
    back = [item for item in items if item not in far and (item.kind in _BACK_THINGS and item.size > 1.3)]  # noqa: PLR2004
    front = [item for item in items if item not in far and item not in back]
    if not front and not far and back:
        front, back = back, []
    rows: list[tuple[float, list[_Item]]] = []
    if far:
        rows.append((-0.06, far))
    rows += _split(back, scene=scene, depth=0.2 if front else 0.4)
    if front:
        shallow = scene.place in _INDOORS
        rows += _split(front, scene=scene, depth=0.74 if back else 0.56 if shallow else 0.68)
    return rows


def _split(items: list[_Item], *, scene: Scene, depth: float) -> list[tuple[float, list[_Item]]]:
    """One row, or two or three staggered ones when there are many: large things behind small ones."""
    if not items:
        return []
    ordered = sorted(items, key=lambda item: -item.size)
    per_row = max(3, round(2.8 * scene.width / scene.height)) if scene.width > scene.height else 3
    count = min(3, -(-len(items) // per_row))
    if count == 1 and len(items) > 1 and ordered[0].size > 1.8 * ordered[-1].size:
        cut = next(i for i, item in enumerate(ordered) if item.size * 1.5 < ordered[0].size)
        return [(depth - 0.2, ordered[:cut]), (min(0.88, depth + 0.14), ordered[cut:])]
    spread = [depth + apart for apart in _ROW_DEPTHS[count]]
    size = -(-len(items) // count)
    return [
        (max(0.02, spread[i]), ordered[i * size : (i + 1) * size])
        for i in range(count)
        if ordered[i * size : (i + 1) * size]
    ]


def _near(depth: float) -> float:
    """How large nearness makes a thing."""
    return 0.58 + 0.42 * max(0.0, depth)


def _ground_y(depth: float, *, scene: Scene) -> float:
    return scene.horizon + (scene.height - scene.horizon) * (0.1 + 0.82 * depth)


def _offshore_y(item: _Item, *, scene: Scene) -> float | None:
    return scene.horizon - 62.0 if item.stance == "offshore" else None


def _largest_unit(row: list[_Item], *, depth: float, rows: int, scene: Scene) -> float:
    """How large a thing of size 1 may be so that this row fits the frame."""
    y = _ground_y(depth, scene=scene)
    near = _near(depth)
    alone = rows == 1 and len(row) == 1
    tallest = max(item.size * item.tall for item in row)
    tall_max = min(y - scene.height * 0.07, scene.height * (0.6 if rows == 1 or depth < 0.5 else 0.42))  # noqa: PLR2004
    if row[0].stance == "offshore":
        tall_max = min(tall_max, scene.height * 0.2)
    longest = max(row, key=lambda item: item.size)
    long_max = min(scene.width * 0.78 / longest.wide, max(640.0 if alone else 600.0, scene.height * 0.45))
    across = sum(item.size * item.wide for item in row) * (1.0 + (0.22 if len(row) > 1 else 0.0))
    fits = min(tall_max / tallest, long_max / longest.size, scene.width * 0.88 / across) / near
    # Three rows stand close: smaller, so that one does not cover the next.
    return fits * (0.74 if rows > 2 else 1.0)  # noqa: PLR2004


def _side_by_side(
    row: list[_Item], longs: list[float], *, scene: Scene, rng: random.Random
) -> list[tuple[_Item, float, float]]:
    order = list(range(len(row)))
    rng.shuffle(order)
    margin = scene.width * 0.05
    widths = [row[i].wide * longs[i] for i in order]
    free = max(0.0, scene.width - 2 * margin - sum(widths))
    if len(row) == 1:
        half = widths[0] / 2
        x = scene.width * rng.choice((0.36, 0.44, 0.5, 0.56, 0.64)) + rng.uniform(-20, 20)
        return [(row[0], longs[0], min(max(x, margin + half), scene.width - margin - half))]
    shares = [rng.uniform(0.5, 1.0) for _ in range(len(row) + 1)]
    shares[0] *= rng.uniform(0.2, 1.2)
    shares[-1] *= rng.uniform(0.2, 1.2)
    total, x, out = sum(shares), margin, []
    for position, i in enumerate(order):
        x += free * shares[position] / total
        out.append((row[i], longs[i], x + widths[position] / 2))
        x += widths[position]
    return out


def _cost(spots: list[_Spot], *, scene: Scene) -> float:
    """What is wrong with an arrangement: hidden things, crowding in the air, a picture that tips over."""
    cost, weight, lever = 0.0, 0.0, 0.0
    boxes = [spot.box() for spot in spots]
    for index, (spot, box) in enumerate(zip(spots, boxes, strict=True)):
        area = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
        weight += area
        lever += area * (spot.x - scene.width / 2)
        cost += sum(max(0.0, out) for out in (-box[0], box[2] - scene.width, 20 - box[1], box[3] - scene.height)) / 40
        for other, other_box in zip(spots[index + 1 :], boxes[index + 1 :], strict=True):
            over = max(0.0, min(box[2], other_box[2]) - max(box[0], other_box[0]))
            down = max(0.0, min(box[3], other_box[3]) - max(box[1], other_box[1]))
            smaller = min(area, max(1.0, (other_box[2] - other_box[0]) * (other_box[3] - other_box[1])))
            in_air = spot.item.stance in {"hover", "fly"} or other.item.stance in {"hover", "fly"}
            cost += (over * down / smaller) * (9.0 if in_air else 4.0)
    tip = abs(lever / weight) / scene.width
    lone = len(spots) == 1
    main = next(spot for spot in spots if spot.item.main)
    off = abs(main.x - scene.width / 2) / scene.width
    return cost + tip * (0.2 if lone else 2.2) + (0.6 * off if not lone else max(0.0, off - 0.12) * 4)


def _smaller(spot: _Spot, *, share: float) -> _Spot:
    """The same thing in the same place, but less of it; a swimmer's water line stays where it is."""
    under = spot.item.sink * spot.item.tall * spot.long
    return replace(spot, long=spot.long * share, y=spot.y - under * (1 - share))


def _fitted(spots: list[_Spot], *, scene: Scene) -> list[_Spot]:
    """The same group, as large as the frame allows, in its middle."""
    boxes = [spot.box() for spot in spots]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    scale = min(scene.width * 0.88 / (right - left), scene.height * 0.88 / (bottom - top))
    cx, cy = (left + right) / 2, (top + bottom) / 2
    return [
        replace(
            spot,
            x=scene.width / 2 + (spot.x - cx) * scale,
            y=scene.height / 2 + (spot.y - cy) * scale,
            long=spot.long * scale,
        )
        for spot in spots
    ]


def _placed(spot: _Spot, *, scene: Scene, rng: random.Random) -> Placed:
    item = spot.item
    turnable = item.kind.startswith(_TURNABLE) and not traits.is_lettered(item.slug)
    inwards = spot.x < scene.width / 2
    flip = turnable and (inwards if rng.random() < 0.75 else not inwards)  # noqa: PLR2004
    tilt = 0.0
    if scene.place == "space" and item.kind.startswith(("animal", "person", "food", "household")):
        tilt = rng.uniform(-18, 18)
    elif item.stance in {"hover", "fly"} and item.kind.startswith("animal"):
        tilt = rng.uniform(-7, 7)
    return Placed(
        slug=item.slug,
        x=spot.x,
        y=spot.y,
        span=spot.long * BOX / max(item.extent.width, item.extent.height),
        depth=spot.depth,
        flip=flip,
        tilt=tilt,
        colour=item.colour,
        stance=item.stance,
        sink=item.sink * item.tall * spot.long,
        grants=item.grants,
    )
