"""Pictures from pictures: the caller's own, with the prompt's scene in the hole of a mask, its subjects added, or its manner put on.

`Retouch` says what there is to see after each step, so that it can be shown while it comes along. What is outside a mask stays
as it is, to the pixel. Only painting processes import this module.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from limner.domain.spec import Background, Source, Spec
from limner.engines.illustrator import raster
from limner.engines.illustrator.given import Box, Canvas, canvas_of, drawn_box, opened, softened
from limner.engines.illustrator.healing import Pixels, filled
from limner.engines.illustrator.manners import Manner, manners_in, tinting, varied
from limner.engines.illustrator.scene import Placed, Scene, Wish
from limner.engines.illustrator.svg import Drawing

GROUND: Final = "meadow"
"""Things that are added stand on the ground of whatever the picture shows; of all places a meadow is the plainest."""
_ADDED_SHARE: Final = 0.72
_SMALL_SHARE: Final = 0.5
_SIZE_POWER: Final = 0.35
_HOLE_EDGE_MIN: Final = 24
_MATCHED: Final = 0.3
REMOVES: Final = re.compile(
    r"\b(?:remove|erase|delete|get rid of|take away|take out|clean up)\b|移除|去掉|删除|去除|擦除|擦掉|消除|抹去"
)
SIDE_BY_SIDE: Final = re.compile(
    r"\b(?:side by side|next to each other|collage|grid|combine|combined|merge|montage|diptych|triptych)\b|并排|拼图|拼贴|拼接|拼在一起|合并|九宫格"
)
_WHOLE: Final = 0.985

Composes = Callable[..., Scene]
Draws = Callable[[Scene], Drawing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A picture as far as it has come, RGB or RGBA."""

    image: Image.Image


@dataclass(slots=True, kw_only=True)
class Told:
    """What was done, for the description. `place`: the scene that is in the hole; `added`: whose subjects were added.

    `laid_on`, `beside`, `unused`: how many further pictures were. `set_in`: the second is in the hole.
    """

    manners: list[Manner] = field(default_factory=list)
    place: Scene | None = None
    added: Scene | None = None
    is_filled: bool = False
    is_variation: bool = False
    laid_on: int = 0
    set_in: bool = False
    unused: int = 0
    beside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retouch:
    """One picture's making. `compose` makes scenes of wishes, `draw` and `draw_over` drawings of scenes.

    `size_of`: how tall a thing is beside a person.
    """

    spec: Spec
    wish: Wish
    seed: int
    size_of: Callable[[str], float]
    compose: Composes
    draw: Draws
    draw_over: Draws
    told: Told = field(default_factory=Told)

    def steps(self) -> Iterator[Step]:
        """What is to be seen, one after another; the last is the picture. It is the same for every frame of a gif."""
        spec = self.spec
        canvas = canvas_of(spec.images[0], spec.mask, width=spec.width, height=spec.height)
        if spec.is_variation:
            yield Step(image=canvas.image)
            self.told.is_variation = True
            yield self._finished(varied(canvas.image, seed=self.seed), canvas)
            return
        if canvas.hole is not None and spec.background is not Background.TRANSPARENT:
            yield from self._in_hole(canvas, canvas.hole)
            return
        image, whole = canvas.image, canvas
        yield self._finished(image, whole)
        if len(spec.images) > 1:
            image = self._with_others(canvas.image)
            whole = replace(canvas, image=image)
            yield self._finished(image, whole)
        for manner in self._manners():
            image = manner.change(image)
            self.told.manners.append(manner)
            yield self._finished(image, whole)
        yield from self._with_subjects(image, whole)

    def _finished(self, image: Image.Image, canvas: Canvas, over: Image.Image | None = None) -> Step:
        """With the picture's own alpha, where a transparent background is wanted."""
        if self.spec.background is not Background.TRANSPARENT:
            return Step(image=image)
        alpha = canvas.alpha if canvas.alpha is not None else Image.new("L", image.size, 255)
        if over is not None:
            alpha = ImageChops.lighter(alpha, over.getchannel("A"))
        whole = image.copy()
        whole.putalpha(alpha)
        return Step(image=whole)

    def _manners(self) -> Sequence[Manner]:
        found = manners_in(self.spec.prompt)
        if found or self.wish.wanted:
            return found
        colour = tinting(self.spec.prompt)
        return [colour] if colour is not None else []

    # a hole --------------------------------------------------------------------------------------------------------------

    def _in_hole(self, canvas: Canvas, hole: Image.Image) -> Iterator[Step]:
        """The scene where the mask is clear. Without a place or a subject: what is around it, grown in."""
        box = hole.point(lambda value: 255 if value > 127 else 0).getbbox()  # noqa: PLR2004 - half clear
        wish = self.wish
        removes = REMOVES.search(self.spec.prompt.casefold()) is not None
        has_nothing = not wish.wanted and wish.place is None and not wish.sky
        is_filled = box is None or min(box[2] - box[0], box[3] - box[1]) < _HOLE_EDGE_MIN or removes or has_nothing
        is_added = wish.place is None and bool(wish.wanted) and not wish.sky and _share(hole) < _WHOLE
        # A whole scene hides all of what would be grown.
        base = filled(canvas.image, hole) if is_filled or is_added else canvas.image.copy()
        yield Step(image=base.copy())
        others = self.spec.images[1:]
        if box is not None and others and has_nothing and not removes:
            self.told.set_in, self.told.unused = True, len(others) - 1
            second = opened(others[0], width=box[2] - box[0], height=box[3] - box[1])
            base.paste(second, box[:2], second if second.mode == "RGBA" else None)
            for manner in self._manners():
                base = manner.change(base)
                self.told.manners.append(manner)
            yield Step(image=Image.composite(base, canvas.image, softened(hole)))
            return
        self.told.unused = len(others)
        if box is None or is_filled:
            self.told.is_filled = True
            for manner in self._manners() if not removes else ():
                base = Image.composite(manner.change(base), canvas.image, softened(hole))
                self.told.manners.append(manner)
                yield Step(image=base)
            return
        width, height = box[2] - box[0], box[3] - box[1]
        if is_added:
            scene = self._scene(width=width, height=height, wish=_grounded(wish))
            self.told.added = scene
            layer = _pixels(self.draw_over(scene), width=width, height=height, transparent=True)
            base.paste(layer, box[:2], layer)
        else:
            scene = self._scene(width=width, height=height, wish=wish)
            self.told.place = scene
            layer = _pixels(self.draw(scene), width=width, height=height, transparent=False)
            base.paste(_matched(layer, to=_rim(canvas.image, hole)), box[:2])
        for manner in manners_in(self.spec.prompt):
            base = manner.change(base)
            self.told.manners.append(manner)
        yield Step(image=Image.composite(base, canvas.image, softened(hole)))

    # subjects ------------------------------------------------------------------------------------------------------------

    def _with_subjects(self, image: Image.Image, canvas: Canvas) -> Iterator[Step]:
        spec, wish = self.spec, self.wish
        if not wish.wanted or REMOVES.search(spec.prompt.casefold()) is not None:
            yield self._finished(image, canvas)
            return
        box = drawn_box(spec.markup, width=spec.width, height=spec.height) if spec.markup is not None else None
        if box is not None:
            layer = self._fitted(box)
        else:
            scene = self._scene(width=spec.width, height=spec.height, wish=_grounded(wish))
            scene = _quietest(_smaller(scene, size_of=self.size_of), image)
            self.told.added = scene
            layer = _pixels(self.draw_over(scene), width=spec.width, height=spec.height, transparent=True)
        whole = image.copy()
        whole.paste(layer, (0, 0), layer)
        yield self._finished(whole, canvas, over=layer)

    def _fitted(self, box: Box) -> Image.Image:
        """The subjects alone, as large as they go into what was drawn, standing on its lower edge."""
        spec = self.spec
        width, height = max(_HOLE_EDGE_MIN, box[2] - box[0]), max(_HOLE_EDGE_MIN, box[3] - box[1])
        scene = self._scene(width=width, height=height, wish=self.wish, is_transparent=True)
        self.told.added = scene
        alone = _pixels(self.draw(scene), width=width, height=height, transparent=True)
        around = alone.getbbox()
        layer = Image.new("RGBA", (spec.width, spec.height))
        if around is not None:
            alone = alone.crop(around)
            scale = min(width / alone.width, height / alone.height)
            alone = alone.resize((max(1, round(alone.width * scale)), max(1, round(alone.height * scale))))
            layer.paste(alone, (box[0] + (width - alone.width) // 2, box[1] + height - alone.height))
        return layer

    def _scene(self, *, width: int, height: int, wish: Wish, is_transparent: bool = False) -> Scene:
        return self.compose(wish, width=width, height=height, transparent=is_transparent)

    # several pictures ----------------------------------------------------------------------------------------------------

    def _with_others(self, image: Image.Image) -> Image.Image:
        others = self.spec.images[1:]
        if SIDE_BY_SIDE.search(self.spec.prompt.casefold()):
            self.told.beside = len(others)
            return self._grid()
        self.told.laid_on = len(others)
        dice = random.Random(f"{self.seed} prints")  # noqa: S311 - a picture, not a secret
        whole = image.copy()
        for place, source in enumerate(others):
            _lay(whole, source, place=place, count=len(others), dice=dice, is_high=bool(self.wish.wanted))
        return whole

    def _grid(self) -> Image.Image:
        """All of them in rows, with a thin gap; the last row fills the width."""
        spec = self.spec
        count = len(spec.images)
        columns = max(1, min(count, round((count * spec.width / spec.height) ** 0.5)))
        rows = -(-count // columns)
        gap = max(2, round(min(spec.width, spec.height) * 0.012))
        whole = Image.new("RGB", (spec.width, spec.height), "#ffffff")
        high = (spec.height - gap * (rows + 1)) / rows
        for row in range(rows):
            here = spec.images[row * columns : (row + 1) * columns]
            wide = (spec.width - gap * (len(here) + 1)) / len(here)
            for column, source in enumerate(here):
                left, top = round(gap + column * (wide + gap)), round(gap + row * (high + gap))
                picture = opened(source, width=max(1, round(wide)), height=max(1, round(high)))
                whole.paste(picture, (left, top), picture if picture.mode == "RGBA" else None)
        return whole


def _grounded(wish: Wish) -> Wish:
    return replace(wish, place=GROUND, weather=wish.weather if wish.weather != "fog" else None, sky=())


def _pixels(drawing: Drawing, *, width: int, height: int, transparent: bool) -> Image.Image:
    svg = drawing.document(width=width, height=height)
    return Image.fromarray(raster.pixels_of(svg, width=width, height=height, transparent=transparent))


def _share(hole: Image.Image) -> float:
    return float(np.asarray(hole, dtype=np.float32).mean()) / 255.0


def _rim(image: Image.Image, hole: Image.Image) -> Pixels:
    """The mean colour just outside the hole; of the whole picture where there is no outside."""
    small = hole.resize((128, 128), Image.Resampling.BOX)
    near = np.asarray(small.filter(ImageFilter.MaxFilter(11)), dtype=np.float32) - np.asarray(small, dtype=np.float32)
    weights = np.maximum(near, 0.0)[..., None]
    colours = np.asarray(image.resize((128, 128), Image.Resampling.BOX), dtype=np.float32)
    total = float(weights.sum())
    if total <= 1.0:
        return np.asarray(colours.mean(axis=(0, 1)), dtype=np.float32)
    return np.asarray((colours * weights).sum(axis=(0, 1)) / total, dtype=np.float32)


def _matched(layer: Image.Image, *, to: Pixels) -> Image.Image:
    """Its colours moved a part of the way towards those around it."""
    pixels = np.asarray(layer, dtype=np.float32)
    moved = pixels + (to - pixels.mean(axis=(0, 1))) * _MATCHED
    return Image.fromarray(np.clip(moved, 0, 255).astype(np.uint8))


def _quietest(scene: Scene, image: Image.Image) -> Scene:
    """The scene where its subjects hide the least of the picture: moved to one side or the other."""
    grey = ImageOps.grayscale(image.resize((64, 64), Image.Resampling.BOX)).filter(ImageFilter.FIND_EDGES)
    busy = np.asarray(grey, dtype=np.float32)[1:-1, 1:-1]
    small = scene.placed
    left = min(thing.x - thing.span / 2 for thing in small)
    right = max(thing.x + thing.span / 2 for thing in small)
    shifts = (0.0, scene.width * 0.03 - left, scene.width * 0.97 - right)
    # A little more weight where it is, so that a plain picture keeps what was composed.
    best = min(shifts, key=lambda shift: _hidden(small, shift, scene=scene, busy=busy) + (0.02 if shift else 0.0))
    return replace(scene, placed=tuple(replace(thing, x=thing.x + best) for thing in small))


def _smaller(scene: Scene, *, size_of: Callable[[str], float]) -> Scene:
    """What is added is not the main thing: smaller than alone in a scene, and small things more so."""
    placed = scene.placed
    if len({thing.slug for thing in placed}) > 1:
        return replace(scene, placed=tuple(replace(thing, span=thing.span * _ADDED_SHARE) for thing in placed))
    share = min(1.0, max(_SMALL_SHARE, size_of(placed[0].slug) ** _SIZE_POWER)) * _ADDED_SHARE
    return replace(scene, placed=tuple(replace(thing, span=thing.span * share) for thing in placed))


def _hidden(things: Sequence[Placed], shift: float, *, scene: Scene, busy: Pixels) -> float:
    """How much of what is to be seen would be behind them, as a share."""
    rows, columns = busy.shape
    covered = np.zeros_like(busy)
    for thing in things:
        half = thing.span * 0.4
        left, right = (round((thing.x + shift + side) / scene.width * columns) for side in (-half, half))
        top, bottom = (round(y / scene.height * rows) for y in (thing.y - thing.span * 0.8, thing.y))
        covered[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 1.0
    return float((busy * covered).sum() / max(1.0, float(busy.sum())))


def _lay(whole: Image.Image, source: Source, *, place: int, count: int, dice: random.Random, is_high: bool) -> None:
    """A print with a white rim and a shadow, along the lower edge, or the upper one, where subjects are to stand below."""
    width, height = whole.size
    across = min(count, max(1, round(4 * width / max(width, height))))
    rows = -(-count // across)
    edge = min(width / (across + 0.6), height * 0.36, height * 0.8 / rows)
    inner = max(8, round(edge * 0.86))
    picture = opened(source, width=inner, height=inner).convert("RGB")
    rim = max(2, round(inner * 0.045))
    card = ImageOps.expand(picture, border=rim, fill="#fdfdfb").convert("RGBA")
    card = card.rotate(dice.uniform(-5, 5), Image.Resampling.BICUBIC, expand=True)
    row, column = divmod(place, across)
    here = min(across, count - row * across)
    x = round(width * (column + 0.5) / here - card.width / 2 if here > 1 else width * 0.97 - card.width)
    away = row * edge * 0.92
    y = round(height * 0.03 + away) if is_high else round(height * 0.97 - card.height - away)
    around = rim * 4
    shadow = Image.new("L", (card.width + 2 * around, card.height + 2 * around))
    shadow.paste(card.getchannel("A").point(lambda value: value * 120 // 255), (around, around))
    soft = shadow.filter(ImageFilter.GaussianBlur(rim * 1.4))
    whole.paste((10, 14, 24), (x - around + rim, y - around + rim * 2), soft)
    whole.paste(card, (x, y), card)
