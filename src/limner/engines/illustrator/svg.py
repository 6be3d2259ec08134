"""`Scene` to SVG text: the backdrop, each subject with its shadow or water line, what is before them, and the grading.

The result is a whole document: no scripts, nothing outside itself, nothing of the prompt in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from limner.engines.illustrator.art import BOX, Art
from limner.engines.illustrator.backdrops.catalogue import BACKDROPS
from limner.engines.illustrator.backdrops.sky import falling
from limner.engines.illustrator.backdrops.water import water_line
from limner.engines.illustrator.colour import Tint, map_colours, mix, recoloured
from limner.engines.illustrator.light import light_for
from limner.engines.illustrator.scene import Placed, Scene
from limner.engines.illustrator.sheet import Sheet
from limner.engines.illustrator.vocabulary.little import COLOURS

_VIVID = Tint(chroma=1.12)
_NATURAL = Tint(chroma=0.66, colour="#efe6d6", share=0.1)
_ID = re.compile(r'(id="|url\(#|xlink:href="#)(i\d+)')
# Swimmers whose water lines are closer than this share one swell.
ROW_APART = 60.0
_UNLIT_PLACES = ("studio", "space", "moon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A scene as SVG elements in the order in which they are drawn, and after how many of them each part ends.

    `behind`: the backdrop; `subjects`: each of them; `before`: what stands before them; `falling`: what the weather lets
    fall. What follows is the grading.
    """

    scene: Scene
    defs: Sequence[str]
    body: Sequence[str]
    behind: int
    subjects: Sequence[int]
    before: int
    falling: int

    @property
    def stages(self) -> tuple[int, ...]:
        """Where a painter would step back and look, in order; the whole is not among them."""
        return tuple(sorted({end for end in (self.behind, *self.subjects, self.before) if 0 < end < len(self.body)}))

    def document(self, *, width: int, height: int, start: int = 0, end: int | None = None) -> str:
        """The elements from `start` to `end` as an SVG document of `width` x `height` pixels."""
        body = "".join(self.body[start:end])
        text = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{width}" height="{height}" viewBox="0 0 {self.scene.width:.2f} {self.scene.height:.2f}">'
            f"<defs>{''.join(self.defs)}</defs>{body}</svg>"
        )
        return map_colours(text, _VIVID if self.scene.vivid else _NATURAL)


def svg_of(scene: Scene, *, art: Art, width: int, height: int, for_pixels: bool) -> str:
    """The scene as an SVG document of `width` x `height` pixels; `for_pixels`: drawn so that Skia is quick."""
    return drawing_of(scene, art=art, for_pixels=for_pixels).document(width=width, height=height)


def drawing_of(scene: Scene, *, art: Art, for_pixels: bool, over: bool = False) -> Drawing:
    """The scene's elements. `over`: to be laid over another picture: the subjects with their shadows, and the weather."""
    light = light_for(time=scene.time, weather=scene.weather, choice=scene.seed)
    sheet = Sheet(scene=scene, light=light, in_strips=for_pixels)
    has_backdrop = not scene.transparent and not over
    if has_backdrop:
        BACKDROPS[scene.place].behind(sheet)
    behind = len(sheet.body)
    subjects = _subjects(sheet, art)
    if has_backdrop:
        BACKDROPS[scene.place].before(sheet)
    before = len(sheet.body)
    if not scene.transparent:
        falling(sheet)
    fallen = len(sheet.body)
    if has_backdrop:
        _vignette(sheet)
    return Drawing(
        scene=scene,
        defs=sheet.defs,
        body=sheet.body,
        behind=behind,
        subjects=subjects,
        before=before,
        falling=fallen,
    )


def _subjects(sheet: Sheet, art: Art) -> list[int]:
    """Draw them; after how many elements each has been."""
    placed = sheet.scene.placed
    ends = []
    for index, thing in enumerate(placed):
        if not sheet.scene.transparent and thing.stance == "stand":
            _shadow(sheet, thing, art)
        if not sheet.scene.transparent and thing.stance == "float" and sheet.detail:
            _reflection(sheet, thing, art)
        _glyph(sheet, thing, art)
        following = placed[index + 1] if index + 1 < len(placed) else None
        last_of_row = (
            following is None or following.stance != "float" or abs(_water_y(following) - _water_y(thing)) > ROW_APART
        )
        if not sheet.scene.transparent and thing.stance == "float" and last_of_row:
            _in_water(sheet, thing, last=following is None)
        ends.append(len(sheet.body))
    return ends


def _water_y(thing: Placed) -> float:
    return thing.y - thing.sink


def _in_water(sheet: Sheet, thing: Placed, *, last: bool) -> None:
    y = _water_y(thing)
    water_line(sheet, y=y, strength=0.55 if last else 0.5)


def _glyph(sheet: Sheet, thing: Placed, art: Art) -> None:
    extent = art.extent(thing.slug)
    scale = thing.span / BOX
    name = _defined(sheet, thing, art)
    cx = (extent.left + extent.right) / 2
    middle = thing.y - extent.height * scale / 2
    turn = f"rotate({thing.tilt:.1f} {thing.x:.1f} {middle:.1f}) " if thing.tilt else ""
    sheet.put(
        f'<use xlink:href="#{name}" transform="{turn}translate({thing.x:.2f} {thing.y:.2f}) '
        f'scale({-scale if thing.flip else scale:.4f} {scale:.4f}) translate({-cx:.1f} {-extent.bottom:.1f})"/>'
    )


def _defined(sheet: Sheet, thing: Placed, art: Art) -> str:
    body = art.body(thing.slug)
    if thing.colour is not None:
        body = recoloured(body, COLOURS[thing.colour][0], areas=art.areas(thing.slug))
    if not sheet.scene.transparent and sheet.scene.place not in _UNLIT_PLACES:
        tint = sheet.light.tint
        if sheet.scene.place == "underwater":
            tint = Tint(colour="#1f86c0", share=0.1)
        elif sheet.scene.place in {"room", "table"}:
            tint = Tint(colour=tint.colour, share=tint.share * 0.5)
        if tint != Tint():
            body = map_colours(body, tint)
        if thing.depth < 0:
            body = map_colours(body, lambda colour: mix(colour, sheet.light.air, 0.24))
    # The glyph's own ids become children of the group's: {id} stands for its name until the sheet has given one.
    return sheet.define("g", '<g id="{id}">' + _ID.sub(r"\1{id}\2", body) + "</g>")


def _shadow(sheet: Sheet, thing: Placed, art: Art) -> None:
    extent = art.extent(thing.slug)
    scale = thing.span / BOX
    feet = (extent.foot_left + extent.foot_right) / 2 - (extent.left + extent.right) / 2
    x = thing.x + (-feet if thing.flip else feet) * scale
    half = max((extent.foot_right - extent.foot_left) * 0.62, extent.width * 0.3) * scale
    colour = sheet.light.shadow
    sheet.soft(
        x, thing.y - 2, half * 1.12, max(7.0, half * 0.17), (0, colour, 0.5), (0.5, colour, 0.34), (1, colour, 0)
    )


def _reflection(sheet: Sheet, thing: Placed, art: Art) -> None:
    """A soft darkening of the water under a swimmer."""
    extent = art.extent(thing.slug)
    half = extent.width * thing.span / BOX * 0.62
    colour = mix(sheet.light.water[1], "#000000", 0.25)
    sheet.soft(thing.x, _water_y(thing), half, half * 0.2, (0, colour, 0.5), (0.6, colour, 0.25), (1, colour, 0))


def _vignette(sheet: Sheet) -> None:
    """Slightly darker corners hold the eye; hd and vivid only."""
    if not sheet.vivid or sheet.detail < 2:  # noqa: PLR2004 - 20 ms
        return
    colour = sheet.light.shadow
    middle = (sheet.width / 2, sheet.height / 2)
    reach = (
        f'gradientUnits="userSpaceOnUse" cx="{middle[0]:.0f}" cy="{middle[1]:.0f}" r="{math.hypot(*middle) * 1.05:.0f}"'
    )
    name = sheet.define(
        "v",
        f'<radialGradient id="{{id}}" {reach}><stop offset="0.62" stop-color="{colour}" stop-opacity="0"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="0.3"/></radialGradient>',
    )
    sheet.band(-2, sheet.height + 2, f"url(#{name})")
