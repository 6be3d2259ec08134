"""All backdrops by the name of their place. The transparent background has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from limner.engines.illustrator.backdrops import cosmos, indoors, land, town, water
from limner.engines.illustrator.sheet import Sheet


class Backdrop(NamedTuple):
    """One place. `horizon` is where its ground begins, as a share of the height (a low and a high bound)."""

    behind: Callable[[Sheet], None]
    before: Callable[[Sheet], None]
    horizon: tuple[float, float]


BACKDROPS = {
    "sea": Backdrop(water.sea, water.sea_front, (0.5, 0.6)),
    "lake": Backdrop(water.lake, water.lake_front, (0.46, 0.54)),
    "beach": Backdrop(water.beach, water.nothing, (0.56, 0.64)),
    "underwater": Backdrop(water.underwater, water.underwater_front, (0.8, 0.86)),
    "meadow": Backdrop(land.meadow, land.meadow_front, (0.54, 0.62)),
    "savanna": Backdrop(land.savanna, land.savanna_front, (0.56, 0.64)),
    "forest": Backdrop(land.forest, land.forest_front, (0.58, 0.64)),
    "mountain": Backdrop(land.mountain, land.meadow_front, (0.6, 0.68)),
    "desert": Backdrop(land.desert, water.nothing, (0.56, 0.64)),
    "snow": Backdrop(land.snow, water.nothing, (0.56, 0.64)),
    "city": Backdrop(town.city, water.nothing, (0.62, 0.68)),
    "room": Backdrop(indoors.room, water.nothing, (0.64, 0.7)),
    "table": Backdrop(indoors.table, water.nothing, (0.58, 0.64)),
    "studio": Backdrop(indoors.studio, water.nothing, (0.66, 0.7)),
    "space": Backdrop(cosmos.space, water.nothing, (0.98, 0.99)),
    "moon": Backdrop(cosmos.moon, water.nothing, (0.66, 0.72)),
    "sky": Backdrop(cosmos.heaven, cosmos.heaven_front, (0.9, 0.94)),
}
