"""The sky over every open place: its colour, sun or moon, stars, clouds, and what weather lets fall."""

from __future__ import annotations

from limner.engines.illustrator import shapes
from limner.engines.illustrator.colour import mix
from limner.engines.illustrator.sheet import Sheet


def sky(sheet: Sheet, *, bottom: float | None = None, clouds: int = 4, sun: bool = True) -> None:
    """The whole sky down to `bottom` (the horizon), most of its colour change near the ground."""
    floor = (sheet.horizon if bottom is None else bottom) + 4
    top, middle, low = sheet.light.sky
    sheet.band(-2, floor, sheet.vertical((0, top, 1), (0.55, middle, 1), (1, low, 1)))
    if sheet.light.dark and not sheet.light.overcast:
        stars(sheet, bottom=floor * 0.9)
    if "aurora" in sheet.scene.sky:
        aurora(sheet, bottom=floor)
    if sun:
        sun_or_moon(sheet, bottom=floor)
    if "rainbow" in sheet.scene.sky:
        rainbow(sheet, bottom=floor)
    extra = 4 if "clouds" in sheet.scene.sky or sheet.light.overcast else 0
    if "aurora" not in sheet.scene.sky:
        cloud_bank(sheet, bottom=floor, count=(clouds + extra) * (1 if sheet.detail else 0) + 2)


def sun_place(sheet: Sheet, *, bottom: float) -> tuple[float, float, float]:
    """Where the sun or moon stands, and its radius: the same for all who ask, the light on the water among them."""
    dice = sheet.scene.seed * 7919 % 1000 / 1000
    side = 0.74 + 0.14 * dice if sheet.scene.seed // 3 % 2 else 0.26 - 0.14 * dice
    if sheet.light.low_sun:
        y, radius = bottom * (0.6 + 0.14 * dice), 78.0
    else:
        y, radius = bottom * (0.2 + 0.14 * dice), 62.0
    return sheet.width * side, y, radius


def sun_or_moon(sheet: Sheet, *, bottom: float) -> None:
    """The lamp of the hour; behind rain clouds only when it was asked for."""
    asked = "moon" in sheet.scene.sky or "sun" in sheet.scene.sky
    if sheet.light.overcast and not asked:
        return
    x, y, radius = sun_place(sheet, bottom=bottom)
    lamp(sheet, x=x, y=y, radius=radius)


def lamp(sheet: Sheet, *, x: float, y: float, radius: float) -> None:
    """The sun or the moon itself, with its glow."""
    strength = 0.85 if sheet.vivid else 0.5
    sheet.glow(
        x,
        y,
        radius * (6.2 if sheet.light.low_sun else 4.6),
        sheet.light.glow,
        strength * (0.5 if sheet.light.dark else 0.9),
    )
    if sheet.vivid and sheet.detail > 1 and not sheet.light.dark:
        rays(sheet, x=x, y=y, radius=radius)
    if sheet.light.dark:
        sheet.put(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{sheet.light.sun}"/>')
        for dx, dy, size in ((-0.3, -0.2, 0.22), (0.25, 0.3, 0.16), (0.1, -0.42, 0.12), (-0.12, 0.42, 0.1)):
            sheet.put(
                f'<circle cx="{x + dx * radius:.1f}" cy="{y + dy * radius:.1f}" r="{size * radius:.1f}" '
                f'fill="{mix(sheet.light.sun, "#c9c2a0", 0.5)}" fill-opacity="0.55"/>'
            )
    else:
        paint = sheet.radial(
            (0, "#ffffff", 1), (0.7, sheet.light.sun, 1), (1, mix(sheet.light.sun, sheet.light.glow, 0.5), 1)
        )
        sheet.put(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{paint}"/>')


def rays(sheet: Sheet, *, x: float, y: float, radius: float) -> None:
    """Beams of light around the sun: hd and vivid only."""
    paint = sheet.vertical((0, sheet.light.glow, 0.3), (0.7, sheet.light.glow, 0))
    reach = radius * 9
    sheet.put(f'<g transform="translate({x:.1f} {y:.1f})">')
    for index in range(10):
        turn = index * 36 + sheet.rng.uniform(-8, 8)
        half = reach * sheet.rng.uniform(0.05, 0.11)
        sheet.put(
            f'<g transform="rotate({turn:.1f})"><path d="M0 0L{-half:.1f} {reach:.1f}L{half:.1f} {reach:.1f}Z" fill="{paint}"/></g>'
        )
    sheet.put("</g>")


def stars(sheet: Sheet, *, bottom: float, many: float = 1.0) -> None:
    """Stars, denser above; a few of them bright."""
    area = sheet.width * bottom / 1_000_000
    count = int((60, 130, 220)[sheet.detail] * area * many)
    dots: list[list[str]] = [[], [], []]
    for _ in range(count):
        x, y = sheet.rng.random() * sheet.width, bottom * sheet.rng.random() ** 1.4
        size = sheet.rng.choice((0.8, 1.0, 1.3, 1.9))
        dots[sheet.rng.randrange(3)].append(
            f"M{x - size:.1f} {y:.1f}a{size} {size} 0 1 0 {2 * size:.1f} 0a{size} {size} 0 1 0 {-2 * size:.1f} 0Z"
        )
    for paths, strength in zip(dots, (0.95, 0.6, 0.35), strict=True):
        if paths:
            sheet.put(f'<path d="{"".join(paths)}" fill="#fffdf0" fill-opacity="{strength}"/>')
    for _ in range(int(7 * area * many) + 2):
        x, y, size = sheet.rng.random() * sheet.width, bottom * sheet.rng.random() * 0.8, sheet.rng.uniform(5, 10)
        sheet.put(
            f'<path d="M{x:.1f} {y - size:.1f}Q{x:.1f} {y:.1f} {x + size:.1f} {y:.1f}Q{x:.1f} {y:.1f} {x:.1f} {y + size:.1f}'
            f'Q{x:.1f} {y:.1f} {x - size:.1f} {y:.1f}Q{x:.1f} {y:.1f} {x:.1f} {y - size:.1f}Z" fill="#ffffff" fill-opacity="0.9"/>'
        )


def cloud_bank(sheet: Sheet, *, bottom: float, count: int) -> None:
    """Clouds in rows: small and low ones far away, large ones above, and thin streaks near the horizon."""
    rng, light = sheet.rng, sheet.light
    strength = 0.55 if light.dark else 0.93
    if sheet.detail:
        for _ in range(count + 1):
            y, long = bottom * rng.uniform(0.55, 0.93), sheet.width * rng.uniform(0.12, 0.4)
            x = rng.uniform(-0.1, 1.0) * sheet.width
            sheet.put(
                f'<ellipse cx="{x + long / 2:.1f}" cy="{y:.1f}" rx="{long / 2:.1f}" ry="{rng.uniform(4, 11):.1f}" '
                f'fill="{light.cloud}" fill-opacity="{0.3 * strength:.2f}"/>'
            )
    for index in range(count):
        share = (index + rng.random()) / max(1, count)
        width = (120 + 260 * (1 - share) * rng.uniform(0.7, 1.15)) * min(1.5, (sheet.width / 1000) ** 0.35)
        x = sheet.width * ((index * 0.382 + rng.uniform(0, 0.18) + sheet.scene.seed % 89 / 89) % 1.0)
        y = bottom * (0.14 + 0.6 * share)
        one_cloud(sheet, x=x, y=y, width=width, strength=strength * (0.95 - 0.35 * share))


def one_cloud(sheet: Sheet, *, x: float, y: float, width: float, strength: float) -> None:
    """A puffy cloud with a flat, shaded underside."""
    puffs = shapes.cloud(sheet.rng, x=x, y=y, width=width)
    top = min(cy - r for _, cy, r in puffs)
    paint = (
        f'<linearGradient id="{{id}}" gradientUnits="userSpaceOnUse" x1="0" y1="{top:.0f}" x2="0" y2="{y:.0f}">'
        f'<stop offset="0.2" stop-color="{sheet.light.cloud}"/><stop offset="1" stop-color="{sheet.light.cloud_shade}"/></linearGradient>'
    )
    name = sheet.define("n", paint)
    # Each puff is a dome standing on the cloud's flat underside: no clip and no layer, which cost 8 ms a cloud.
    domes = "".join(
        f"M{cx - r:.1f} {cy:.1f}a{r:.1f} {r:.1f} 0 0 1 {2 * r:.1f} 0V{y - 1:.1f}H{cx - r:.1f}Z" for cx, cy, r in puffs
    )
    end = width * 0.055
    left, right = puffs[0][0] - puffs[0][2], puffs[-1][0] + puffs[-1][2]
    bar = f"M{left:.1f} {y - 2 * end:.1f}H{right:.1f}a{end:.1f} {end:.1f} 0 0 1 0 {2 * end:.1f}H{left:.1f}a{end:.1f} {end:.1f} 0 0 1 0 {-2 * end:.1f}Z"
    sheet.put(f'<path d="{domes}{bar}" fill="url(#{name})" fill-opacity="{strength:.2f}"/>')


def rainbow(sheet: Sheet, *, bottom: float) -> None:
    """A translucent bow standing on the horizon."""
    colours = ("#ff5d5d", "#ffa14f", "#ffe45c", "#6fd66f", "#5aa9f7", "#8f6fe0")
    reach, thick = min(sheet.width * 0.46, bottom * 0.92), 15
    x = sheet.width / 2
    for index, colour in enumerate(colours):
        r = reach - index * thick
        sheet.put(
            f'<path d="M{x - r:.1f} {bottom:.1f}A{r:.1f} {r:.1f} 0 0 1 {x + r:.1f} {bottom:.1f}" fill="none" stroke="{colour}" '
            f'stroke-width="{thick + 1}" stroke-opacity="0.55"/>'
        )


def aurora(sheet: Sheet, *, bottom: float) -> None:
    """Curtains of green and violet light."""
    for colour, low, strength in (("#7a5cff", 0.62, 0.4), ("#3dffb0", 0.7, 0.55), ("#38e0e8", 0.55, 0.35)):
        line = shapes.ridge_line(
            sheet.rng, width=sheet.width, base=bottom * low, rise=bottom * 0.34, step=sheet.width / 6
        )
        upper = [(x, y - bottom * 0.42) for x, y in line]
        edge = shapes.smooth(line) + "L" + shapes.smooth(list(reversed(upper)))[1:] + "Z"
        sheet.put(
            f'<path d="{edge}" fill="{sheet.vertical((0, colour, 0), (0.75, colour, strength), (1, colour, 0))}"/>'
        )


def falling(sheet: Sheet) -> None:
    """What the weather lets fall before everything else."""
    weather = sheet.scene.weather
    if weather == "rain":
        _rain(sheet)
    elif weather == "snow":
        _snow(sheet)
    elif weather == "fog":
        for low, strength in ((0.35, 0.5), (0.6, 0.45), (0.85, 0.35)):
            paint = sheet.vertical((0, "#eef2f5", 0), (0.5, "#eef2f5", strength), (1, "#eef2f5", 0))
            colour = sheet.light.air if sheet.light.dark else None
            if colour:
                paint = sheet.vertical((0, colour, 0), (0.5, colour, strength), (1, colour, 0))
            sheet.band(sheet.height * (low - 0.28), sheet.height * (low + 0.28), paint)


def _rain(sheet: Sheet) -> None:
    area = sheet.width * sheet.height / 1_000_000
    for strength, thick, count, long in ((0.28, 1.6, 110, 38), (0.5, 2.4, 60, 58)):
        drops = []
        for _ in range(int(count * area * (0.6, 1, 1.5)[sheet.detail])):
            x, y = sheet.rng.uniform(-0.05, 1.1) * sheet.width, sheet.rng.uniform(-0.05, 1) * sheet.height
            size = long * sheet.rng.uniform(0.6, 1.2)
            drops.append(f"M{x:.0f} {y:.0f}l{-size * 0.22:.0f} {size:.0f}")
        sheet.put(
            f'<path d="{"".join(drops)}" stroke="#dcecfa" stroke-opacity="{strength}" stroke-width="{thick}" stroke-linecap="round" fill="none"/>'
        )


def _snow(sheet: Sheet) -> None:
    area = sheet.width * sheet.height / 1_000_000
    for strength, count, sizes in ((0.55, 90, (1.5, 3)), (0.85, 70, (2.5, 5)), (0.95, 16, (5, 8))):
        flakes = []
        for _ in range(int(count * area * (0.6, 1, 1.4)[sheet.detail])):
            x, y, r = sheet.rng.random() * sheet.width, sheet.rng.random() * sheet.height, sheet.rng.uniform(*sizes)
            flakes.append(
                f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0Z"
            )
        sheet.put(f'<path d="{"".join(flakes)}" fill="#ffffff" fill-opacity="{strength}"/>')
