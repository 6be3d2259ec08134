"""Places with water: the open sea, a lake, the beach, and the world under the surface."""

from __future__ import annotations

import random

from limner.engines.illustrator import shapes
from limner.engines.illustrator.backdrops import sky
from limner.engines.illustrator.colour import mix, shift
from limner.engines.illustrator.sheet import Sheet

# Two swells closer than this would cross.
CREST_APART = 44.0


def nothing(sheet: Sheet) -> None:
    """For places that have nothing before the subjects."""
    del sheet


def sea(sheet: Sheet) -> None:
    """Sky, islands, and water that darkens towards the eye."""
    sky.sky(sheet)
    light, w, h = sheet.light, sheet.width, sheet.horizon
    for share, rise in ((0.72, 78), (0.5, 44)):
        colour = light.far("#4f7f86", share)
        sheet.put(
            f'<path d="{shapes.hills(sheet.rng, width=w, base=h + 18, rise=rise, step=w / 7, floor=h + 30)}" fill="{colour}"/>'
        )
    open_water(sheet, top=h)


def open_water(sheet: Sheet, *, top: float) -> None:
    """The water's colour, the sun's road on it, and its glints."""
    light = sheet.light
    near, far = light.water[1], light.water[0]
    sheet.band(top, sheet.height + 2, sheet.vertical((0, far, 1), (0.35, mix(far, near, 0.45), 1), (1, near, 1)))
    if not light.overcast:
        _road(sheet, top=top)
    glints(sheet, top=top)


def _road(sheet: Sheet, *, top: float) -> None:
    x, _, radius = sky.sun_place(sheet, bottom=top)
    deep = sheet.height - top
    colour = mix(light_of(sheet), "#ffffff", 0.25)
    dashes: list[str] = []
    for index in range((14, 34, 60)[sheet.detail]):
        share = index / (14, 34, 60)[sheet.detail]
        y = top + 4 + deep * share**1.5 * 0.85
        spread = radius * (0.5 + 1.5 * share)
        at, long = x + sheet.rng.uniform(-1, 1) * spread, spread * sheet.rng.uniform(0.3, 0.9)
        dashes.append(f"M{at - long / 2:.1f} {y:.1f}h{long:.1f}")
    sheet.put(
        f'<path d="{"".join(dashes)}" stroke="{colour}" stroke-opacity="{0.55 if sheet.vivid else 0.35}" stroke-width="4" '
        'stroke-linecap="round" fill="none"/>'
    )


def light_of(sheet: Sheet) -> str:
    """The colour of the sun's or moon's light."""
    return sheet.light.glow


def glints(sheet: Sheet, *, top: float) -> None:
    """Short streaks of light, longer and rarer towards the eye."""
    deep = sheet.height - top
    for strength, thick in ((0.5, 2.2), (0.28, 3.2)):
        dashes = []
        for _ in range(int((26, 60, 110)[sheet.detail] * max(1.0, sheet.width / 1000))):
            share = sheet.rng.random() ** 1.3
            y, long = top + 6 + deep * share, sheet.rng.uniform(14, 50) * (0.5 + 1.2 * share)
            dashes.append(f"M{sheet.rng.random() * sheet.width:.1f} {y:.1f}h{long:.1f}")
        sheet.put(
            f'<path d="{"".join(dashes)}" stroke="{mix(sheet.light.water[0], "#ffffff", 0.6)}" stroke-opacity="{strength}" '
            f'stroke-width="{thick}" stroke-linecap="round" fill="none"/>'
        )


def water_line(sheet: Sheet, *, y: float, strength: float, darker: float = 0.0) -> None:
    """A swell across the picture at `y`, through which what is behind it shows."""
    light = sheet.light
    length = sheet.width * sheet.rng.uniform(0.2, 0.34) / max(1.0, sheet.width / 1300)
    share = min(1.0, max(0.0, (y - sheet.horizon) / (sheet.height - sheet.horizon)))
    colour = shift(mix(light.water[0], light.water[1], 0.25 + 0.6 * share), 0.02 - darker)
    d = shapes.waves(sheet.rng, width=sheet.width, y=y, height=9 + 10 * share, length=length, floor=sheet.height + 2)
    sheet.put(f'<path d="{d}" fill="{colour}" fill-opacity="{strength:.2f}"/>')
    if sheet.detail:
        edge = d.split("L", 1)[0]
        sheet.put(
            f'<path d="{edge}" fill="none" stroke="{mix(light.water[0], "#ffffff", 0.7)}" stroke-opacity="0.35" stroke-width="2.5"/>'
        )


def sea_front(sheet: Sheet) -> None:
    """The last waves, before everything: darker and darker, and apart enough that their crests do not cross."""
    y = max((thing.y - thing.sink for thing in sheet.scene.placed if thing.stance == "float"), default=0.0)
    y = max(y, sheet.horizon + (sheet.height - sheet.horizon) * 0.6)
    room = sheet.height - y
    for share, strength, darker in ((0.36, 0.6, 0.03), (0.7, 0.8, 0.06)):
        if room * share > CREST_APART:
            water_line(sheet, y=y + room * share, strength=strength, darker=darker)


def lake(sheet: Sheet) -> None:
    """Mountains and woods over still water that mirrors them."""
    sky.sky(sheet, clouds=3)
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    line = shapes.ridge_line(rng, width=w, base=h, rise=190, step=w / 6)
    far = light.far("#5d86a0", 0.5)
    woods = light.far("#3d7a55", 0.22)
    shore = shapes.ridge_line(rng, width=w, base=h + 4, rise=46, step=w / 9)
    trees = "".join(
        shapes.pine(x=x, y=h + 4, height=rng.uniform(46, 96))
        for x in spread(rng, w, int(w / 34))
        if not 0.35 < x / w < 0.62  # noqa: PLR2004 - the middle of the shore stays open
    )
    sheet.put(f'<path d="{shapes.under(line, floor=h + 2)}" fill="{far}"/>')
    sheet.put(
        f'<path d="{shapes.under(shore, floor=h + 2)}" fill="{woods}"/>',
        f'<path d="{trees}" fill="{shift(woods, -0.06)}"/>',
    )
    open_water(sheet, top=h)
    if sheet.detail:
        mirrored = [(x, 2 * h - y) for x, y in line]
        sheet.put(f'<path d="{shapes.under(mirrored, floor=h)}" fill="{far}" fill-opacity="0.3"/>')
        mirrored = [(x, 2 * h - y + 6) for x, y in shore]
        sheet.put(f'<path d="{shapes.under(mirrored, floor=h)}" fill="{woods}" fill-opacity="0.4"/>')


def lake_front(sheet: Sheet) -> None:
    """Reeds at the sides and a last ripple."""
    space = sheet.height - sheet.horizon
    water_line(sheet, y=sheet.horizon + space * 0.9, strength=0.5)
    green = sheet.light.on("#3c7d3f")
    for side in (0.0, 1.0):
        blades = []
        for _ in range((6, 12, 20)[sheet.detail]):
            x = sheet.width * side + (1 - 2 * side) * abs(sheet.rng.gauss(0, 45))
            tall = sheet.rng.uniform(70, 200)
            lean = (1 - 2 * side) * sheet.rng.uniform(0, 36)
            y = sheet.height + 5
            blades.append(
                f"M{x - 5:.1f} {y:.1f}Q{x:.1f} {y - tall * 0.6:.1f} {x + lean:.1f} {y - tall:.1f}Q{x + 7:.1f} {y - tall * 0.5:.1f} {x + 5:.1f} {y:.1f}Z"
            )
        sheet.put(f'<path d="{"".join(blades)}" fill="{green}"/>')


def beach(sheet: Sheet) -> None:
    """A strip of sea, foam, and sand."""
    sky.sky(sheet, bottom=sheet.horizon - 130)
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    top = h - 130
    sheet.put(
        f'<path d="{shapes.hills(rng, width=w, base=top + 10, rise=56, step=w / 6, floor=top + 20)}" fill="{light.far("#5c8f80", 0.55)}"/>'
    )
    far, near = light.water[0], mix(light.water[0], light.water[1], 0.55)
    sheet.band(top, h + 60, sheet.vertical((0, near, 1), (0.7, far, 1), (1, mix(far, "#ffffff", 0.35), 1)))
    dashes = "".join(
        f"M{rng.random() * w:.1f} {rng.uniform(top + 8, h - 20):.1f}h{rng.uniform(20, 70):.1f}"
        for _ in range((14, 34, 60)[sheet.detail])
    )
    sheet.put(
        f'<path d="{dashes}" stroke="#ffffff" stroke-opacity="0.45" stroke-width="2.6" stroke-linecap="round" fill="none"/>'
    )
    wet, dry, deep = light.on("#d9b98a"), light.on("#f6dfab"), light.on("#e6bf80")
    shore = shapes.ridge_line(rng, width=w, base=h + 16, rise=34, step=w / 5)
    foam = [(x, y - 9) for x, y in shore]
    sheet.put(f'<path d="{shapes.under(foam, floor=h + 80)}" fill="{light.on("#ffffff")}" fill-opacity="0.9"/>')
    sheet.put(f'<path d="{shapes.under(shore, floor=sheet.height + 2)}" fill="{wet}"/>')
    sand = [(x, y + 26) for x, y in shore]
    floor(sheet, sand, far=dry, near=deep)
    speckle(sheet, top=h + 60, colour=light.on("#c79f62"), strength=0.55)


def speckle(sheet: Sheet, *, top: float, colour: str, strength: float) -> None:
    """Grains and pebbles on open ground, larger towards the eye."""
    dots = []
    for _ in range(int((0, 70, 190)[sheet.detail] * max(1.0, sheet.width / 1000))):
        share = sheet.rng.random()
        x, y, r = (
            sheet.rng.random() * sheet.width,
            top + (sheet.height - top) * share,
            1.2 + 2.4 * share * sheet.rng.random(),
        )
        dots.append(
            f"M{x - r:.1f} {y:.1f}a{r:.1f} {r * 0.6:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r * 0.6:.1f} 0 1 0 {-2 * r:.1f} 0Z"
        )
    if dots:
        sheet.put(f'<path d="{"".join(dots)}" fill="{colour}" fill-opacity="{strength}"/>')


def underwater(sheet: Sheet) -> None:
    """Light from above, rocks, and a sandy floor with weeds."""
    rng, w, h = sheet.rng, sheet.width, sheet.horizon
    dark = sheet.light.dark
    top, middle, low = ("#1c5f93", "#0f3d72", "#0a2450") if dark else ("#6fdcea", "#2196c9", "#0c5493")
    if sheet.light.low_sun and sheet.scene.time == "sunset":
        top, middle, low = "#f2b98a", "#5f8fb0", "#1d4a80"
    sheet.band(-2, sheet.height + 2, sheet.vertical((0, top, 1), (0.45, middle, 1), (1, low, 1)))
    for _ in range((3, 6, 9)[sheet.detail]):
        x, wide = rng.uniform(-0.1, 1.0) * w, rng.uniform(30, 110)
        lean = rng.uniform(0.1, 0.3) * h
        paint = sheet.vertical((0, "#ffffff", 0.3 if sheet.vivid else 0.18), (1, "#ffffff", 0))
        sheet.put(
            f'<path d="M{x:.1f} -5h{wide:.1f}L{x + wide * 2.4 + lean:.1f} {h:.1f}h{-wide * 2:.1f}Z" fill="{paint}"/>'
        )
    for share, rise in ((0.5, 190), (0.3, 110)):
        d = shapes.hills(rng, width=w, base=h + 26, rise=rise, step=w / 7, floor=sheet.height + 2)
        sheet.put(f'<path d="{d}" fill="{mix(low, "#0a2f5c" if dark else middle, share)}"/>')
    weeds(sheet, y=h + 30, colour=mix("#2f9c7a", low, 0.45), count=(5, 9, 14)[sheet.detail], tall=(120, 280))
    sand = [(x, y) for x, y in shapes.ridge_line(rng, width=w, base=h + 36, rise=30, step=w / 5)]
    bright, deep = ("#4c6a8a", "#2c4766") if dark else ("#ecd9a4", "#b99f72")
    floor(sheet, sand, far=bright, near=deep)
    speckle(sheet, top=h + 50, colour="#8a7350", strength=0.4)


def underwater_front(sheet: Sheet) -> None:
    """Weeds and corals in the corners, bubbles."""
    low = "#0c5493"
    for side in (0, 1):
        x0 = side * sheet.width
        weeds(
            sheet,
            y=sheet.height + 8,
            colour=mix("#1f8f6a", low, 0.25),
            count=(3, 5, 7)[sheet.detail],
            tall=(120, 250),
            middle=x0,
            spread=80,
        )
        if sheet.detail:
            coral(sheet, x=x0 + (1 - 2 * side) * sheet.rng.uniform(20, 100), y=sheet.height + 6, size=sheet.rng.uniform(80, 140),
                  colour=sheet.rng.choice(("#f2707f", "#f59a5c", "#c46fd0", "#f2b84b")))  # fmt: skip
    rings = []
    for _ in range((10, 22, 40)[sheet.detail]):
        x, y, r = sheet.rng.random() * sheet.width, sheet.rng.random() * sheet.height * 0.85, sheet.rng.uniform(3, 13)
        rings.append((x, y, r))
    for x, y, r in rings:
        sheet.put(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="#ffffff" fill-opacity="0.16" stroke="#ffffff" stroke-opacity="0.55" stroke-width="1.6"/>'
        )


def weeds(
    sheet: Sheet,
    *,
    y: float,
    colour: str,
    count: int,
    tall: tuple[float, float],
    middle: float | None = None,
    spread: float = 0,
) -> None:
    """Seaweed: long waving leaves."""
    blades = []
    for _ in range(count):
        x = sheet.rng.random() * sheet.width if middle is None else middle + sheet.rng.uniform(-spread, spread)
        high, wide, sway = (
            sheet.rng.uniform(*tall),
            sheet.rng.uniform(8, 15),
            sheet.rng.choice((-1, 1)) * sheet.rng.uniform(14, 34),
        )
        left = [(x - wide, y), (x - wide + sway * 0.8, y - high * 0.33), (x - wide * 0.8 - sway * 0.6, y - high * 0.66)]
        right = [(x + wide * 0.6 - sway * 0.6, y - high * 0.62), (x + wide + sway * 0.8, y - high * 0.3), (x + wide, y)]
        blades.append(shapes.smooth([*left, (x + sway * 0.4, y - high), *right]) + "Z")
    sheet.put(f'<path d="{"".join(blades)}" fill="{colour}"/>')


def coral(sheet: Sheet, *, x: float, y: float, size: float, colour: str) -> None:
    """A branching coral."""
    limbs = []
    for lean, tall in ((-0.42, 0.75), (-0.15, 1.0), (0.18, 0.85), (0.45, 0.62)):
        limbs.append(
            f"M{x:.1f} {y:.1f}Q{x + lean * size * 0.4:.1f} {y - tall * size * 0.5:.1f} {x + lean * size:.1f} {y - tall * size:.1f}"
        )
        limbs.append(
            f"M{x + lean * size * 0.5:.1f} {y - tall * size * 0.55:.1f}l{(lean + 0.25) * size * 0.4:.1f} {-tall * size * 0.24:.1f}"
        )
    sheet.put(
        f'<path d="{"".join(limbs)}" stroke="{colour}" stroke-width="{size * 0.15:.1f}" stroke-linecap="round" fill="none"/>'
    )


def spread(rng: random.Random, width: float, count: int) -> list[float]:
    """`count` places along `width`, one in each of as many equal parts."""
    return [(index + rng.random()) / count * width for index in range(count)]


def floor(sheet: Sheet, line: list[shapes.Point], *, far: str, near: str) -> None:
    """Ground under `line`: `far` at its edge, shading into `near` at the lower end of the picture."""
    lowest = max(y for _, y in line) - 1
    sheet.put(f'<path d="{shapes.under(line, floor=lowest + 4)}" fill="{far}"/>')
    sheet.band(lowest, sheet.height + 2, sheet.vertical((0, far, 1), (1, near, 1)))
