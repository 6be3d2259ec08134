"""Above the ground: outer space, the face of a moon, and the sky itself."""

from __future__ import annotations

from limner.engines.illustrator import shapes
from limner.engines.illustrator.backdrops import sky
from limner.engines.illustrator.backdrops.water import floor
from limner.engines.illustrator.colour import mix, shift
from limner.engines.illustrator.sheet import Sheet

NEBULAE = (("#7a4fe0", "#e05fb0", "#2f6fe0"), ("#2fa8c9", "#5f5fe0", "#b04fd0"), ("#e0795f", "#b04f9f", "#4f4fd0"))


def space(sheet: Sheet) -> None:
    """Stars, a nebula, and planets at the edges."""
    rng, w, tall = sheet.rng, sheet.width, sheet.height
    _dark(sheet)
    far = rng.random() < 0.5  # noqa: PLR2004
    _planet(
        sheet,
        x=w * (0.1 if far else 0.9),
        y=tall * 0.88,
        r=min(w, tall) * 0.26,
        colour=rng.choice(("#e08f5f", "#5f9fe0", "#9f7fe0", "#5fc0a0")),
    )
    _planet(
        sheet,
        x=w * (0.86 if far else 0.14),
        y=tall * 0.16,
        r=min(w, tall) * 0.07,
        colour=rng.choice(("#f0c070", "#d07f9f", "#7fb0d0")),
    )


def _dark(sheet: Sheet) -> None:
    rng, w, tall = sheet.rng, sheet.width, sheet.height
    deep = "#0a0b24" if sheet.vivid else "#12142c"
    sheet.band(-2, tall + 2, sheet.vertical((0, deep, 1), (0.5, "#191b4a", 1), (1, deep, 1)))
    colours = rng.choice(NEBULAE)
    for index in range((3, 5, 9)[sheet.detail]):
        share = index / 6
        x, y = (
            w * (0.1 + 0.8 * ((share + rng.uniform(-0.1, 0.1)) % 1)),
            tall * (0.75 - 0.5 * (share % 1)) + rng.uniform(-80, 80),
        )
        colour, strength = colours[index % 3], 0.5 if sheet.vivid else 0.3
        long, thick = rng.uniform(240, 420), rng.uniform(120, 220)
        sheet.soft(x, y, long, thick, (0, colour, strength), (0.5, colour, strength / 3), (1, colour, 0), turn=-28)
    sky.stars(sheet, bottom=tall, many=1.3)


def _planet(sheet: Sheet, *, x: float, y: float, r: float, colour: str) -> None:
    sheet.glow(x, y, r * 1.5, colour, 0.35)
    paint = sheet.radial(
        (0, shift(colour, 0.16), 1), (0.55, colour, 1), (1, mix(colour, "#0a0b24", 0.75), 1), focus=(0.34, 0.3)
    )
    clip = sheet.define("k", f'<clipPath id="{{id}}"><circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/></clipPath>')
    sheet.put(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{paint}"/>')
    if sheet.detail:
        for share in (-0.5, -0.1, 0.35, 0.62):
            sheet.put(
                f'<ellipse clip-path="url(#{clip})" cx="{x:.1f}" cy="{y + share * r:.1f}" rx="{r * 1.1:.1f}" ry="{r * 0.08:.1f}" fill="{shift(colour, -0.12)}" fill-opacity="0.3"/>'
            )


def moon(sheet: Sheet) -> None:
    """Grey ground with craters, the earth in the sky."""
    rng, w, h = sheet.rng, sheet.width, sheet.horizon
    _dark(sheet)
    side = 0.2 if rng.random() < 0.5 else 0.8  # noqa: PLR2004
    x, y, r = w * side, h * 0.3, min(w, h) * 0.12
    sheet.glow(x, y, r * 2.2, "#7fc0ff", 0.6)
    sheet.put(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{sheet.radial((0, "#8fd4ff", 1), (0.6, "#3f8fe0", 1), (1, "#123a7a", 1), focus=(0.35, 0.3))}"/>'
    )
    clip = sheet.define("k", f'<clipPath id="{{id}}"><circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/></clipPath>')
    for dx, dy, rx, ry in ((-0.4, -0.3, 0.45, 0.3), (0.35, 0.1, 0.35, 0.45), (-0.2, 0.6, 0.4, 0.2)):
        sheet.put(
            f'<ellipse clip-path="url(#{clip})" cx="{x + dx * r:.1f}" cy="{y + dy * r:.1f}" rx="{rx * r:.1f}" ry="{ry * r:.1f}" fill="#6fc08a" fill-opacity="0.85"/>'
        )
    for colour, lift, rise in (("#6d7086", 10, 80), ("#8b8ea2", -20, 50)):
        sheet.put(
            f'<path d="{shapes.hills(rng, width=w, base=h - lift, rise=rise, step=w / 6, floor=h + 80)}" fill="{colour}"/>'
        )
    line = shapes.ridge_line(rng, width=w, base=h + 18, rise=24, step=w / 4)
    floor(sheet, line, far="#b9bccb", near="#85889c")
    for _ in range((5, 12, 22)[sheet.detail]):
        share = rng.random()
        cx, cy, r = rng.random() * w, h + 50 + (sheet.height - h - 50) * share, 14 + 44 * share * rng.random()
        sheet.put(
            f'<ellipse cx="{cx:.1f}" cy="{cy:.1f}" rx="{r:.1f}" ry="{r * 0.34:.1f}" fill="#7d8094"/>',
            f'<ellipse cx="{cx:.1f}" cy="{cy + r * 0.08:.1f}" rx="{r * 0.86:.1f}" ry="{r * 0.25:.1f}" fill="#9a9db0"/>',
        )


def heaven(sheet: Sheet) -> None:
    """Nothing but sky, with clouds near and far."""
    sky.sky(sheet, bottom=sheet.height, clouds=9)


def heaven_front(sheet: Sheet) -> None:
    """A sea of clouds along the lower edge."""
    rng = sheet.rng
    for row, (lift, strength) in enumerate(((110, 0.65), (50, 0.95))):
        colour = mix(sheet.light.cloud, sheet.light.cloud_shade, 0.35 - 0.35 * row)
        puffs, x = [], -60.0
        while x < sheet.width + 60:
            r = rng.uniform(50, 105)
            y = sheet.height - lift + rng.uniform(20, 50)
            puffs.append(
                f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 1 {2 * r:.1f} 0V{sheet.height + 10:.1f}H{x - r:.1f}Z"
            )
            x += r * 1.1
        sheet.put(f'<path d="{"".join(puffs)}" fill="{colour}" fill-opacity="{strength}"/>')
