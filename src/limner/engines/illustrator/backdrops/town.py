"""The city: skyline, house fronts, pavement and road."""

from __future__ import annotations

from limner.engines.illustrator.backdrops import sky
from limner.engines.illustrator.backdrops.water import spread
from limner.engines.illustrator.colour import mix, shift
from limner.engines.illustrator.sheet import Sheet

WALLS = ("#e8b48f", "#d98880", "#c9b6a0", "#a9bccb", "#e6cf9f", "#b6a0c0", "#8fae9f", "#d8a7a0", "#f0dcc0")
AWNINGS = ("#e2574c", "#3fa39a", "#f0a63c", "#5a82c9", "#c2568f")


def city(sheet: Sheet) -> None:
    """Far towers, a row of house fronts, and the street before them."""
    sky.sky(sheet, clouds=3)
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    for share, low, high, wide in ((0.72, 0.3, 0.72, 90), (0.5, 0.22, 0.55, 110)):
        x = -rng.random() * wide
        colour = light.far("#7d8ba8", share)
        while x < w:
            across = wide * rng.uniform(0.55, 1.2)
            tall = h * rng.uniform(low, high) * 0.92
            sheet.put(
                f'<rect x="{x:.1f}" y="{h - tall:.1f}" width="{across:.1f}" height="{tall + 5:.1f}" fill="{shift(colour, rng.uniform(-0.03, 0.03))}"/>'
            )
            if sheet.detail and light.dark:
                _windows(sheet, x=x, y=h - tall, across=across, tall=tall, step=20, lit=0.3, strength=0.55)
            x += across + rng.uniform(-4, 12)
    _fronts(sheet)
    _street(sheet)


def _fronts(sheet: Sheet) -> None:
    light, rng, h = sheet.light, sheet.rng, sheet.horizon
    x, last = -rng.random() * 80, ""
    while x < sheet.width:
        across, tall = rng.uniform(130, 210), h * rng.uniform(0.3, 0.5)
        wall = rng.choice([colour for colour in WALLS if colour != last])
        last = wall
        colour = light.far(wall, 0.1)
        top = h - tall
        sheet.put(f'<rect x="{x:.1f}" y="{top:.1f}" width="{across:.1f}" height="{tall + 4:.1f}" fill="{colour}"/>')
        sheet.put(
            f'<rect x="{x - 5:.1f}" y="{top:.1f}" width="{across + 10:.1f}" height="12" fill="{shift(colour, -0.09)}"/>'
        )
        shop = min(92.0, tall * 0.42)
        _windows(sheet, x=x + 8, y=top + 26, across=across - 16, tall=tall - shop - 34, step=44, lit=0.55, strength=1)
        _shop(sheet, x=x, across=across, top=h - shop, tall=shop)
        x += across


def _windows(
    sheet: Sheet, *, x: float, y: float, across: float, tall: float, step: float, lit: float, strength: float
) -> None:
    light, rng = sheet.light, sheet.rng
    columns, rows = int(across / step), int(tall / (step * 1.25))
    if columns < 1 or rows < 1:
        return
    warm: list[str] = []
    plain: list[str] = []
    gap, size = across / columns, step * 0.46
    for row in range(rows):
        for column in range(columns):
            left, top = x + gap * (column + 0.5) - size / 2, y + tall / rows * row + size * 0.3
            (warm if rng.random() < lit else plain).append(
                f"M{left:.1f} {top:.1f}h{size:.1f}v{size * 1.35:.1f}h{-size:.1f}Z"
            )
    glass = light.far("#9cc7dc", 0.1) if not light.dark else light.on("#4a5a8a")
    lamp = "#ffd98a" if light.dark or light.low_sun else light.far("#b9dcea", 0.1)
    for paths, colour in ((plain, glass), (warm, lamp)):
        if paths:
            sheet.put(f'<path d="{"".join(paths)}" fill="{colour}" fill-opacity="{strength:g}"/>')


def _shop(sheet: Sheet, *, x: float, across: float, top: float, tall: float) -> None:
    light = sheet.light
    colour = sheet.rng.choice(AWNINGS)
    glow = "#ffdf9c" if light.dark else light.far("#cfe6ee", 0.05)
    door = sheet.rng.choice((0.16, 0.72))
    sheet.put(
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{across:.1f}" height="{tall + 4:.1f}" fill="{light.far("#7a6a63", 0.1)}"/>',
        f'<rect x="{x + 12:.1f}" y="{top + 20:.1f}" width="{across - 24:.1f}" height="{tall - 30:.1f}" fill="{glow}"/>',
        f'<rect x="{x + across * door:.1f}" y="{top + 24:.1f}" width="{across * 0.17:.1f}" height="{tall - 22:.1f}" fill="{light.far("#5b4438", 0.1)}"/>',
    )
    stripes = 8
    part = (across - 8) / stripes
    for index in range(stripes):
        fill = light.far(colour if index % 2 else "#fff6ea", 0.05)
        left = x + 4 + index * part
        sheet.put(
            f'<path d="M{left:.1f} {top:.1f}h{part + 0.4:.1f}v18a{part / 2:.1f} 9 0 0 1 {-part:.1f} 0Z" fill="{fill}"/>'
        )


def _street(sheet: Sheet) -> None:
    light, w, h = sheet.light, sheet.width, sheet.horizon
    deep = sheet.height - h
    kerb = h + deep * 0.2
    stone = light.on("#cfc6bb")
    sheet.band(h, kerb, sheet.vertical((0, shift(stone, -0.06), 1), (1, stone, 1)))
    joints = "".join(f"M{x:.1f} {h:.1f}L{(x - w / 2) * 1.1 + w / 2:.1f} {kerb:.1f}" for x in range(0, int(w) + 60, 60))
    sheet.put(f'<path d="{joints}" stroke="{light.on("#9c9288")}" stroke-opacity="0.5" stroke-width="1.6"/>')
    sheet.band(kerb, kerb + 9, light.on("#8f8880"))
    road, near = light.on("#6a6f7a"), light.on("#4b505c")
    sheet.band(kerb + 9, sheet.height + 2, sheet.vertical((0, road, 1), (1, near, 1)))
    middle = kerb + (sheet.height - kerb) * 0.5
    dashes = "".join(f"M{x:.1f} {middle:.1f}h90l6 13h-96Z" for x in range(-40, int(w) + 100, 190))
    sheet.put(f'<path d="{dashes}" fill="{light.on("#f2ead6")}" fill-opacity="0.85"/>')
    if sheet.scene.weather == "rain":
        sheen = mix(light.sky[2], "#ffffff", 0.2)
        sheet.band(kerb + 9, sheet.height + 2, sheet.vertical((0, sheen, 0.35), (1, sheen, 0.05)))
    for x in spread(sheet.rng, w, max(2, int(w / 520))):
        _lamp(sheet, x=x, y=kerb - 6, tall=min(330.0, h * 0.55))


def _lamp(sheet: Sheet, *, x: float, y: float, tall: float) -> None:
    iron = sheet.light.on("#3a3f4a")
    if sheet.light.dark:
        sheet.glow(x, y - tall, 120, "#ffd98a", 0.8)
    sheet.put(
        f'<path d="M{x - 4:.1f} {y:.1f}v{-tall:.1f}h8v{tall:.1f}Z M{x - 10:.1f} {y:.1f}h20v-14h-20Z" fill="{iron}"/>',
        f'<path d="M{x - 15:.1f} {y - tall:.1f}l5 -32h20l5 32Z" fill="{"#ffe6a8" if sheet.light.dark else sheet.light.on("#f6efdc")}" stroke="{iron}" stroke-width="3"/>',
        f'<path d="M{x - 14:.1f} {y - tall - 32:.1f}l14 -14l14 14Z" fill="{iron}"/>',
    )
