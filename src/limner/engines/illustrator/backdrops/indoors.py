"""Under a roof: a room, a table top, and the plain studio for things that have no place of their own."""

from __future__ import annotations

from limner.engines.illustrator import shapes
from limner.engines.illustrator.backdrops.water import floor
from limner.engines.illustrator.colour import mix, shift
from limner.engines.illustrator.sheet import Sheet

WALLS = (
    ("#f6dfc6", "#e9c3a0"),
    ("#d6e8e0", "#aecfc4"),
    ("#e4dcf0", "#c5b7dd"),
    ("#fbe7b8", "#f0cd86"),
    ("#d5e5f3", "#aac7e2"),
)
BACKS = (
    ("#fff1dc", "#ffc9a3"),
    ("#e2f5ff", "#9fd3f5"),
    ("#f3e9ff", "#c3aef2"),
    ("#e6f9e8", "#a2dcb4"),
    ("#ffe6ee", "#f7a8c0"),
    ("#fff6cf", "#f8d26e"),
)


def room(sheet: Sheet) -> None:
    """Wall, window, picture, floor boards and a rug."""
    rng, light, w, h = sheet.rng, sheet.light, sheet.width, sheet.horizon
    pale, deep = rng.choice(WALLS)
    sheet.band(-2, h + 2, sheet.vertical((0, light.on(deep), 1), (1, light.on(pale), 1)))
    if sheet.detail:
        stripes = "".join(f"M{x:.0f} -2h22V{h:.1f}h-22Z" for x in range(0, int(w) + 60, 66))
        sheet.put(f'<path d="{stripes}" fill="{light.on("#ffffff")}" fill-opacity="0.13"/>')
    on_left = rng.random() < 0.5  # noqa: PLR2004
    _window(sheet, x=w * (0.25 if on_left else 0.75), y=h * 0.43, across=min(300.0, w * 0.3), tall=min(h * 0.56, 420.0))
    _picture(sheet, x=w * (0.74 if on_left else 0.26), y=h * 0.36, size=min(190.0, w * 0.2))
    board = light.on("#ffffff")
    sheet.band(h - 30, h + 2, mix(board, light.on(pale), 0.25))
    sheet.band(h - 30, h - 26, light.on(shift(deep, -0.05)))
    _boards(sheet)
    colour = rng.choice(("#d9705c", "#5c8fb8", "#7fa66a", "#b583c2"))
    deepness = sheet.height - h
    for scale, shade in ((1.0, colour), (0.86, "#fff2de"), (0.8, colour), (0.42, shift(colour, 0.06))):
        sheet.put(
            f'<ellipse cx="{w / 2:.1f}" cy="{h + deepness * 0.62:.1f}" rx="{min(w * 0.42, 620) * scale:.1f}" ry="{deepness * 0.3 * scale:.1f}" fill="{light.on(shade)}"/>'
        )


def _boards(sheet: Sheet) -> None:
    light, w, h = sheet.light, sheet.width, sheet.horizon
    sheet.band(h, sheet.height + 2, sheet.vertical((0, light.on("#b98558"), 1), (1, light.on("#8f5f3a"), 1)))
    lines = "".join(
        f"M{x:.1f} {h:.1f}L{(x - w / 2) * 2.4 + w / 2:.1f} {sheet.height:.1f}" for x in range(0, int(w) + 90, 90)
    )
    sheet.put(f'<path d="{lines}" stroke="{light.on("#6f452a")}" stroke-opacity="0.35" stroke-width="2" fill="none"/>')


def _window(sheet: Sheet, *, x: float, y: float, across: float, tall: float) -> None:
    light = sheet.light
    left, top = x - across / 2, y - tall / 2
    frame = light.on("#fffaf2")
    sheet.put(
        f'<rect x="{left - 14:.1f}" y="{top - 14:.1f}" width="{across + 28:.1f}" height="{tall + 28:.1f}" rx="6" fill="{frame}"/>'
    )
    sheet.put(
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{across:.1f}" height="{tall:.1f}" '
        f'fill="{sheet.vertical((0, light.sky[0], 1), (0.6, light.sky[1], 1), (1, light.sky[2], 1))}"/>'
    )
    hill = f"M{left:.1f} {top + tall:.1f}V{top + tall * 0.8:.1f}Q{x - across * 0.2:.1f} {top + tall * 0.66:.1f} {x + across * 0.1:.1f} {top + tall * 0.8:.1f}T{left + across:.1f} {top + tall * 0.76:.1f}V{top + tall:.1f}Z"
    sheet.put(f'<path d="{hill}" fill="{light.far("#7dba6c", 0.2)}"/>')
    if light.dark:
        sheet.put(
            f'<circle cx="{x + across * 0.26:.1f}" cy="{top + tall * 0.25:.1f}" r="{across * 0.09:.1f}" fill="{light.sun}"/>'
        )
        for dx, dy in ((0.2, 0.2), (0.35, 0.42), (0.12, 0.5), (0.6, 0.35), (0.45, 0.13), (0.86, 0.5)):
            sheet.put(f'<circle cx="{left + across * dx:.1f}" cy="{top + tall * dy:.1f}" r="2.4" fill="#ffffff"/>')
    else:
        for dx, dy, r in ((0.28, 0.3, 0.1), (0.4, 0.27, 0.13), (0.52, 0.31, 0.09)):
            sheet.put(
                f'<circle cx="{left + across * dx:.1f}" cy="{top + tall * dy:.1f}" r="{across * r:.1f}" fill="{light.cloud}" fill-opacity="0.9"/>'
            )
    sheet.put(
        f'<path d="M{x - 6:.1f} {top:.1f}h12v{tall:.1f}h-12Z M{left:.1f} {y - 6:.1f}h{across:.1f}v12h{-across:.1f}Z" fill="{frame}"/>',
        f'<rect x="{left - 26:.1f}" y="{top + tall + 12:.1f}" width="{across + 52:.1f}" height="18" rx="5" fill="{light.on("#efe3d2")}"/>',
    )
    curtain = light.on(sheet.rng.choice(("#e58f7b", "#7fb1c9", "#c9a4d8", "#e8b95a")))
    for side in (-1, 1):
        edge = x + side * (across / 2 + 30)
        inner = x + side * across * 0.3
        sheet.put(
            f'<path d="M{edge:.1f} {top - 26:.1f}L{inner:.1f} {top - 26:.1f}Q{inner + side * 10:.1f} {y:.1f} {edge - side * 20:.1f} {top + tall * 0.7:.1f}'
            f'L{edge - side * 4:.1f} {top + tall + 36:.1f}H{edge + side * 26:.1f}Q{edge + side * 12:.1f} {y:.1f} {edge:.1f} {top - 26:.1f}Z" fill="{curtain}" fill-opacity="0.95"/>'
        )
    sheet.put(
        f'<rect x="{left - 56:.1f}" y="{top - 38:.1f}" width="{across + 112:.1f}" height="14" rx="7" fill="{light.on("#9c6b43")}"/>'
    )
    if not light.dark and sheet.detail > 1:
        paint = sheet.slanting((0, "#fff6d8", 0.34), (1, "#fff6d8", 0))
        sheet.put(
            f'<path d="M{left:.1f} {top + tall:.1f}H{left + across:.1f}L{left + across * 1.9:.1f} {sheet.height:.1f}H{left + across * 0.5:.1f}Z" fill="{paint}"/>'
        )


def _picture(sheet: Sheet, *, x: float, y: float, size: float) -> None:
    light = sheet.light
    left, top, tall = x - size / 2, y - size * 0.38, size * 0.76
    sheet.put(
        f'<rect x="{left - 12:.1f}" y="{top - 12:.1f}" width="{size + 24:.1f}" height="{tall + 24:.1f}" rx="4" fill="{light.on("#a8743f")}"/>',
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size:.1f}" height="{tall:.1f}" fill="{light.on("#fbf3e2")}"/>',
        f'<circle cx="{left + size * 0.68:.1f}" cy="{top + tall * 0.34:.1f}" r="{size * 0.1:.1f}" fill="{light.on("#f2a65a")}"/>',
        f'<path d="M{left:.1f} {top + tall:.1f}V{top + tall * 0.7:.1f}L{left + size * 0.3:.1f} {top + tall * 0.36:.1f}L{left + size * 0.55:.1f} {top + tall * 0.72:.1f}'
        f'L{left + size * 0.75:.1f} {top + tall * 0.5:.1f}L{left + size:.1f} {top + tall * 0.78:.1f}V{top + tall:.1f}Z" fill="{light.on("#6f9a8d")}"/>',
    )


def table(sheet: Sheet) -> None:
    """A wooden table before a wall that is out of focus."""
    rng, light, w, h = sheet.rng, sheet.light, sheet.width, sheet.horizon
    pale, deep = rng.choice(WALLS)
    sheet.band(-2, h + 4, sheet.vertical((0, light.on(shift(deep, -0.06)), 1), (1, light.on(pale), 1)))
    lamp = "#fff3d0" if not light.dark else "#ffd58a"
    sheet.glow(w * rng.uniform(0.2, 0.8), h * 0.3, 560, lamp, 0.85 if sheet.vivid else 0.5)
    for _ in range((4, 12, 22)[sheet.detail]):
        x, y, r = rng.random() * w, rng.uniform(0.05, 0.85) * h, rng.uniform(16, 62)
        sheet.put(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{lamp}" fill-opacity="{rng.uniform(0.1, 0.3):.2f}"/>'
        )
    wood = rng.choice((("#d9a06a", "#a86a3c"), ("#c98d62", "#8f5a3a"), ("#e8c190", "#b98a56")))
    sheet.band(h, sheet.height + 2, sheet.vertical((0, light.on(wood[0]), 1), (1, light.on(wood[1]), 1)))
    sheet.band(h, h + 7, light.on(shift(wood[0], 0.06)))
    grain = []
    for _ in range((6, 16, 34)[sheet.detail]):
        share = rng.random()
        y, x, long = h + 14 + (sheet.height - h - 14) * share, rng.random() * w, rng.uniform(90, 380)
        grain.append(f"M{x:.1f} {y:.1f}q{long / 2:.1f} {rng.uniform(-5, 5):.1f} {long:.1f} 0")
    sheet.put(
        f'<path d="{"".join(grain)}" stroke="{light.on(shift(wood[1], -0.07))}" stroke-opacity="0.32" stroke-width="2.4" fill="none" stroke-linecap="round"/>'
    )
    cloth = light.on(rng.choice(("#fdf6e8", "#e9f1f6", "#f8e4e0")))
    mid = h + (sheet.height - h) * 0.56
    sheet.put(
        f'<ellipse cx="{w / 2:.1f}" cy="{mid:.1f}" rx="{min(w * 0.4, 600):.1f}" ry="{(sheet.height - h) * 0.34:.1f}" fill="{cloth}" fill-opacity="0.92"/>'
    )
    sheet.put(
        f'<ellipse cx="{w / 2:.1f}" cy="{mid:.1f}" rx="{min(w * 0.4, 600) * 0.93:.1f}" ry="{(sheet.height - h) * 0.34 * 0.9:.1f}" fill="none" '
        f'stroke="{light.on(rng.choice(("#d9705c", "#5c8fb8", "#7fa66a")))}" stroke-opacity="0.55" stroke-width="4"/>'
    )


def studio(sheet: Sheet) -> None:
    """A coloured backdrop with soft shapes."""
    rng, light, w, h = sheet.rng, sheet.light, sheet.width, sheet.horizon
    pale, deep = rng.choice(BACKS)
    if light.dark:
        pale, deep = "#3d478c", "#171d4a"
    sheet.band(
        -2,
        sheet.height + 2,
        sheet.vertical((0, light.on(deep), 1), (0.75, light.on(pale), 1), (1, light.on(mix(pale, deep, 0.5)), 1)),
    )
    sheet.glow(w / 2, h * 0.6, min(w, h) * 0.75, "#ffffff", 0.75 if not light.dark else 0.2)
    for _ in range((3, 6, 9)[sheet.detail]):
        x, y, r = rng.random() * w, rng.random() * h * 0.9, rng.uniform(40, 170)
        sheet.put(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{light.on(rng.choice((deep, pale, "#ffffff")))}" fill-opacity="0.2"/>'
        )
    line = shapes.ridge_line(rng, width=w, base=h + 10, rise=14, step=w / 3)
    floor(sheet, line, far=light.on(mix(deep, "#ffffff", 0.35)), near=light.on(deep))
    if sheet.detail:
        for _ in range((0, 26, 60)[sheet.detail]):
            x, y, size = rng.random() * w, rng.random() * h, rng.uniform(3, 8)
            sheet.put(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size * 1.8:.1f}" rx="2" transform="rotate({rng.uniform(0, 180):.0f} {x:.1f} {y:.1f})" '
                f'fill="{light.on(rng.choice(("#ff6f7d", "#ffc44d", "#5cc8a8", "#6f9df2", "#b98af0")))}" fill-opacity="0.75"/>'
            )
