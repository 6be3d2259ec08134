"""Open country: meadow, savanna, forest, mountains, desert and snow."""

from __future__ import annotations

from limner.engines.illustrator import shapes
from limner.engines.illustrator.backdrops import sky
from limner.engines.illustrator.backdrops.water import floor, speckle, spread
from limner.engines.illustrator.colour import mix, shift
from limner.engines.illustrator.sheet import Sheet

FLOWERS = ("#ff7aa8", "#ffd54a", "#ffffff", "#b58cff", "#ff8a5c", "#7fb8ff")


def ground(sheet: Sheet, *, far: str, near: str, rise: float = 26.0) -> None:
    """The ground that subjects stand on, from the horizon down."""
    line = shapes.ridge_line(sheet.rng, width=sheet.width, base=sheet.horizon + 6, rise=rise, step=sheet.width / 4)
    floor(sheet, line, far=sheet.light.on(far), near=sheet.light.on(near))


def far_hills(sheet: Sheet, *layers: tuple[str, float, float, float]) -> None:
    """Hills one before the other: colour, share of air, how high they rise, how far above the horizon they stand."""
    for colour, share, rise, lift in layers:
        d = shapes.hills(
            sheet.rng,
            width=sheet.width,
            base=sheet.horizon - lift,
            rise=rise,
            step=sheet.width / sheet.rng.uniform(4.5, 7),
            floor=sheet.horizon + 40,
        )
        sheet.put(f'<path d="{d}" fill="{sheet.light.far(colour, share)}"/>')


def meadow(sheet: Sheet) -> None:
    """Green hills, little trees, grass and flowers."""
    sky.sky(sheet)
    far_hills(sheet, ("#6fa3a8", 0.55, 120, 40), ("#69b06a", 0.34, 90, 14))
    _little_trees(sheet, y=sheet.horizon + 8, count=(5, 9, 14)[sheet.detail], colour="#4c9a55", share=0.24)
    far_hills(sheet, ("#7cc25e", 0.16, 44, -4))
    ground(sheet, far="#8fd063", near="#4a9c43")
    _mown(sheet)
    grass(sheet, top=sheet.horizon + 40, colour="#3f8f3d")
    flowers(sheet, top=sheet.horizon + 60, count=(16, 46, 110)[sheet.detail])


def _mown(sheet: Sheet) -> None:
    """Broad soft bands of lighter green that lead the eye into the picture."""
    if not sheet.detail:
        return
    h = sheet.horizon
    for share, strength in ((0.3, 0.16), (0.62, 0.12)):
        y = h + (sheet.height - h) * share
        d = shapes.waves(sheet.rng, width=sheet.width, y=y, height=16, length=sheet.width * 0.9, floor=sheet.height + 2)
        sheet.put(f'<path d="{d}" fill="{sheet.light.on("#2f7d35")}" fill-opacity="{strength}"/>')


def meadow_front(sheet: Sheet) -> None:
    """A fringe of grass along the lower edge."""
    fringe(sheet, colours=("#3c8a3b", "#5cb04c"))


def fringe(sheet: Sheet, *, colours: tuple[str, ...]) -> None:
    """Blades of grass before everything, at the very bottom."""
    if not sheet.detail:
        return
    for index, colour in enumerate(colours):
        blades = "".join(
            shapes.tuft(sheet.rng, x=x, y=sheet.height + 6, height=sheet.rng.uniform(26, 60 - 14 * index))
            for x in spread(sheet.rng, sheet.width, int(sheet.width / (26, 26, 15)[sheet.detail]))
        )
        sheet.put(f'<path d="{blades}" fill="{sheet.light.on(colour)}"/>')


def grass(sheet: Sheet, *, top: float, colour: str) -> None:
    """Tufts over the ground, larger towards the eye."""
    tufts = []
    for _ in range(int((18, 60, 140)[sheet.detail] * max(1.0, sheet.width / 1000))):
        share = sheet.rng.random()
        tufts.append(
            shapes.tuft(
                sheet.rng,
                x=sheet.rng.random() * sheet.width,
                y=top + (sheet.height - top) * share,
                height=9 + 20 * share,
            )
        )
    sheet.put(f'<path d="{"".join(tufts)}" fill="{sheet.light.on(colour)}" fill-opacity="0.55"/>')


def flowers(sheet: Sheet, *, top: float, count: int) -> None:
    """Small flowers: five petals near, dots far. Far ones first."""
    shares = sorted(sheet.rng.random() for _ in range(int(count * max(1.0, sheet.width / 1000))))
    picked = sheet.rng.sample(FLOWERS, 3)
    for share in shares:
        x, y, size = sheet.rng.random() * sheet.width, top + (sheet.height - top) * share, 3 + 7 * share
        colour = sheet.light.on(sheet.rng.choice(picked))
        if share < 0.35 or sheet.detail == 0:  # noqa: PLR2004 - too far away for petals
            sheet.put(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size * 0.7:.1f}" fill="{colour}"/>')
            continue
        petals = "".join(
            f"M{x + dx * size * 0.75 - size * 0.55:.1f} {y + dy * size * 0.6:.1f}a{size * 0.55:.1f} {size * 0.45:.1f} 0 1 0 {size * 1.1:.1f} 0"
            f"a{size * 0.55:.1f} {size * 0.45:.1f} 0 1 0 {-size * 1.1:.1f} 0Z"
            for dx, dy in ((0, -1), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3))
        )
        middle = sheet.light.on("#ffc933" if colour != sheet.light.on("#ffd54a") else "#e07b2a")
        sheet.put(
            f'<path d="{petals}" fill="{colour}"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size * 0.42:.1f}" fill="{middle}"/>',
        )


def _little_trees(sheet: Sheet, *, y: float, count: int, colour: str, share: float) -> None:
    crown = sheet.light.far(colour, share)
    for x in spread(sheet.rng, sheet.width, count):
        size = sheet.rng.uniform(16, 34)
        at = y - sheet.rng.uniform(8, 34)
        if sheet.rng.random() < 0.35:  # noqa: PLR2004
            sheet.put(
                f'<path d="{shapes.pine(x=x, y=at + size * 0.6, height=size * 3)}" fill="{shift(crown, -0.05)}"/>'
            )
            continue
        sheet.put(
            f'<rect x="{x - 2.5:.1f}" y="{at:.1f}" width="5" height="{size * 0.9:.1f}" fill="{sheet.light.far("#7a5a44", share)}"/>',
            f'<ellipse cx="{x:.1f}" cy="{at - size * 0.3:.1f}" rx="{size * 0.82:.1f}" ry="{size:.1f}" fill="{crown}"/>',
            f'<ellipse cx="{x - size * 0.22:.1f}" cy="{at - size * 0.6:.1f}" rx="{size * 0.42:.1f}" ry="{size * 0.45:.1f}" fill="{shift(crown, 0.04)}"/>',
        )


def savanna(sheet: Sheet) -> None:
    """Golden grass under wide-crowned trees."""
    sky.sky(sheet, clouds=2)
    far_hills(sheet, ("#b08a6a", 0.55, 90, 10))
    far_hills(sheet, ("#cfa75a", 0.25, 30, -6))
    for x in spread(sheet.rng, sheet.width, 3):
        _acacia(sheet, x=x, y=sheet.horizon + 16, size=sheet.rng.uniform(70, 150))
    ground(sheet, far="#ecc66c", near="#bf8437")
    grass(sheet, top=sheet.horizon + 30, colour="#96692c")


def _acacia(sheet: Sheet, *, x: float, y: float, size: float) -> None:
    stem, crown = sheet.light.far("#6b4a35", 0.2), sheet.light.far("#6f8a3c", 0.22)
    sheet.put(
        f'<path d="M{x - 4:.1f} {y:.1f}Q{x - 2:.1f} {y - size * 0.5:.1f} {x - size * 0.35:.1f} {y - size * 0.85:.1f}M{x:.1f} {y:.1f}'
        f'Q{x + 2:.1f} {y - size * 0.5:.1f} {x + size * 0.32:.1f} {y - size * 0.85:.1f}M{x:.1f} {y:.1f}L{x:.1f} {y - size * 0.8:.1f}" '
        f'stroke="{stem}" stroke-width="{size * 0.055:.1f}" fill="none"/>'
    )
    for dx, dy, rx, ry in (
        (0, 1.0, 0.62, 0.14),
        (-0.34, 0.88, 0.36, 0.11),
        (0.36, 0.87, 0.36, 0.11),
        (0.05, 1.08, 0.4, 0.1),
    ):
        sheet.put(
            f'<ellipse cx="{x + dx * size:.1f}" cy="{y - dy * size:.1f}" rx="{rx * size:.1f}" ry="{ry * size:.1f}" fill="{shift(crown, 0.03 * (dy - 0.9) * 4)}"/>'
        )


def savanna_front(sheet: Sheet) -> None:
    """A fringe of dry grass."""
    fringe(sheet, colours=("#96692c", "#d3a04a"))


def forest(sheet: Sheet) -> None:
    """Trunks and firs in rows that fade into light, and a clearing."""
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    if light.dark:
        top, low = "#0c1a33", "#27496b"
    elif light.overcast:
        top, low = mix("#6ea08c", light.sky[0], 0.5), mix("#d8e6d6", light.sky[2], 0.5)
    elif sheet.scene.time == "day":
        top, low = "#7ec9a4", "#f4f7c8"
    else:
        top, low = light.sky[1], light.sky[2]
    sheet.band(-2, h + 30, sheet.vertical((0, top, 1), (1, low, 1)))
    if light.dark:
        sky.stars(sheet, bottom=h * 0.6, many=0.6)
        if "moon" in sheet.scene.sky:
            sky.lamp(sheet, x=w * 0.5, y=h * 0.36, radius=62)
    else:
        sheet.glow(
            w * rng.uniform(0.3, 0.7),
            h * 0.45,
            420,
            "#fffbe0" if not light.overcast else "#ffffff",
            0.75 if sheet.vivid else 0.45,
        )
    for share, tall, count, lift in ((0.66, 0.5, 16, 6), (0.42, 0.62, 12, 14)):
        colour = mix(light.tint("#2f7d54"), low, share)
        trees = "".join(
            shapes.pine(x=x, y=h + lift, height=h * tall * rng.uniform(0.6, 1.0))
            for x in spread(rng, w, max(5, int(count * w / 1000)))
        )
        sheet.put(f'<path d="{trees}" fill="{colour}"/>')
        if sheet.detail:
            sheet.band(h - 150, h + 24, sheet.vertical((0, low, 0), (1, low, 0.5)))
    ground(sheet, far="#7fb564", near="#35703c", rise=18)
    if not light.dark and sheet.detail and not light.overcast:
        for _ in range((0, 3, 5)[sheet.detail]):
            x, wide = rng.uniform(0.2, 0.9) * w, rng.uniform(40, 90)
            paint = sheet.vertical((0, "#fffbe0", 0.42 if sheet.vivid else 0.2), (1, "#fffbe0", 0))
            sheet.put(
                f'<path d="M{x:.1f} -5h{wide:.1f}L{x - 160 + wide * 1.8:.1f} {h + 120:.1f}h{-wide * 1.9:.1f}Z" fill="{paint}"/>'
            )
    _trunks(sheet)
    grass(sheet, top=h + 30, colour="#2c6636")
    flowers(sheet, top=h + 60, count=(4, 14, 36)[sheet.detail])


def _trunks(sheet: Sheet) -> None:
    """Great trunks to both sides, and their leaves along the upper edge: the frame of the clearing."""
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    bark, shade = light.on("#7a5540"), light.on("#5f4032")
    sides = [rng.uniform(0.0, 0.07), rng.uniform(0.15, 0.2), rng.uniform(0.82, 0.87), rng.uniform(0.94, 1.0)]
    for index, share in enumerate(sides):
        near = index in {0, 3}
        x, half, foot = w * share, 42 if near else 24, h + (120 if near else 46)
        sheet.put(
            f'<path d="M{x - half * 0.8:.1f} -5H{x + half * 0.8:.1f}Q{x + half * 0.8:.1f} {foot - 90:.1f} {x + half * 1.7:.1f} {foot:.1f}'
            f'Q{x:.1f} {foot + half * 0.35:.1f} {x - half * 1.7:.1f} {foot:.1f}Q{x - half * 0.8:.1f} {foot - 90:.1f} {x - half * 0.8:.1f} -5Z" fill="{bark}"/>',
            f'<path d="M{x + half * 0.25:.1f} -5H{x + half * 0.8:.1f}Q{x + half * 0.8:.1f} {foot - 90:.1f} {x + half * 1.7:.1f} {foot:.1f}'
            f'Q{x + half * 0.9:.1f} {foot + half * 0.2:.1f} {x + half * 0.5:.1f} {foot:.1f}Q{x + half * 0.25:.1f} {foot - 90:.1f} {x + half * 0.25:.1f} -5Z" fill="{shade}"/>',
        )
    for colour, low, many in (("#2c6b42", 0.2, 9), ("#3d8a50", 0.13, 9), ("#56a85f", 0.06, 8)):
        domes = []
        for x in spread(rng, w, int(many * max(1.0, w / 1000))):
            edge = abs(x / w - 0.5) * 2
            r, y = rng.uniform(88, 124), h * low * (0.2 + 1.1 * edge) * rng.uniform(0.8, 1.1)
            domes.append(f"M{x - r:.1f} -5H{x + r:.1f}V{y:.1f}A{r:.1f} {r * 0.8:.1f} 0 0 1 {x - r:.1f} {y:.1f}Z")
        sheet.put(f'<path d="{"".join(domes)}" fill="{light.on(colour)}"/>')


def forest_front(sheet: Sheet) -> None:
    """Bushes in the corners and grass: a frame for the clearing."""
    fringe(sheet, colours=("#245a34", "#3c8044"))
    if not sheet.detail:
        return
    for side in (0, 1):
        for colour, reach, many in (("#1f5530", 190, 6), ("#2c6c3c", 130, 5)):
            leaves = []
            for _ in range(many):
                away, r = sheet.rng.uniform(0, reach), sheet.rng.uniform(34, 66)
                x = side * sheet.width + (1 - 2 * side) * away
                y = sheet.height + 26 - (reach - away) * 0.42
                leaves.append(
                    f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 1 {2 * r:.1f} 0V{sheet.height + 20:.1f}H{x - r:.1f}Z"
                )
            sheet.put(f'<path d="{"".join(leaves)}" fill="{sheet.light.on(colour)}"/>')


def mountain(sheet: Sheet) -> None:
    """Peaks with snow over firs and an alpine meadow."""
    sky.sky(sheet)
    peaks(sheet, base=sheet.horizon + 10, colour="#6d86a6", tall=0.72)
    far_hills(sheet, ("#4d8062", 0.3, 80, 0))
    firs = "".join(
        shapes.pine(x=x, y=sheet.horizon + sheet.rng.uniform(4, 22), height=sheet.rng.uniform(50, 110))
        for x in spread(sheet.rng, sheet.width, int(sheet.width / (60, 34, 24)[sheet.detail]))
    )
    sheet.put(f'<path d="{firs}" fill="{sheet.light.far("#2f6d4c", 0.18)}"/>')
    ground(sheet, far="#93c86a", near="#4d9448", rise=22)
    grass(sheet, top=sheet.horizon + 40, colour="#3b8040")
    flowers(sheet, top=sheet.horizon + 60, count=(10, 34, 90)[sheet.detail])


def peaks(sheet: Sheet, *, base: float, colour: str, tall: float) -> None:
    """A far range and a near one."""
    light, rng = sheet.light, sheet.rng
    for share, scale, count in ((0.55, 0.72, 4), (0.26, 1.0, 3)):
        wide = sheet.width / count * 2.1
        order = list(enumerate(spread(rng, sheet.width, count)))
        rng.shuffle(order)
        for _, x in order:
            outline, shade, snow = shapes.peak(
                rng,
                x=x,
                base=base,
                width=min(wide, base * 1.5) * rng.uniform(0.85, 1.15),
                height=base * tall * scale * rng.uniform(0.72, 1.0),
            )
            sheet.put(f'<path d="{outline}" fill="{light.far(colour, share)}"/>')
            sheet.put(f'<path d="{shade}" fill="{shift(light.far(colour, share), -0.07)}"/>')
            sheet.put(f'<path d="{snow}" fill="{light.far("#ffffff", share * 0.45)}"/>')
        if sheet.detail:
            sheet.band(base - 220, base + 6, sheet.vertical((0, light.air, 0), (1, light.air, 0.75)))


def desert(sheet: Sheet) -> None:
    """Dunes with a lit and a shaded side."""
    sky.sky(sheet, clouds=1)
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    far_hills(sheet, ("#c98f6a", 0.55, 110, 0))
    for share, lift, rise in ((0.34, 0, 90), (0.12, -20, 60)):
        line = shapes.ridge_line(rng, width=w, base=h - lift, rise=rise, step=w / 4)
        sheet.put(f'<path d="{shapes.under(line, floor=h + 160)}" fill="{light.far("#eabf78", share)}"/>')
        top = min(line[1:-1], key=lambda point: point[1])
        d = f"M{top[0]:.1f} {top[1]:.1f}Q{top[0] + w * 0.06:.1f} {top[1] + 40:.1f} {top[0] + w * 0.02:.1f} {h + 120:.1f}L{top[0] + w * 0.4:.1f} {h + 120:.1f}Q{top[0] + w * 0.18:.1f} {top[1] + 40:.1f} {top[0]:.1f} {top[1]:.1f}Z"
        if sheet.detail:
            sheet.put(f'<path d="{d}" fill="{light.far("#c98a4c", share)}" fill-opacity="0.5"/>')
    ground(sheet, far="#f3cf8a", near="#d39450", rise=34)
    for share in (0.25, 0.5, 0.74)[: 1 + sheet.detail]:
        y = h + (sheet.height - h) * share
        d = shapes.waves(rng, width=w, y=y, height=14, length=w * 0.8, floor=sheet.height + 2)
        sheet.put(f'<path d="{d}" fill="{light.on("#b97535")}" fill-opacity="0.14"/>')
    speckle(sheet, top=h + 30, colour=light.on("#a36a35"), strength=0.45)


def snow(sheet: Sheet) -> None:
    """White hills, firs with snow on them, mountains behind."""
    sky.sky(sheet)
    light, rng, w, h = sheet.light, sheet.rng, sheet.width, sheet.horizon
    peaks(sheet, base=h + 6, colour="#8fa6c4", tall=0.56)
    far_hills(sheet, ("#dbe8f5", 0.34, 70, 6))
    for x in spread(rng, w, max(3, int(w / (170, 100, 80)[sheet.detail]))):
        y, tall = h + rng.uniform(-6, 22), rng.uniform(60, 140)
        sheet.put(f'<path d="{shapes.pine(x=x, y=y, height=tall)}" fill="{light.far("#3c6f68", 0.25)}"/>')
        sheet.put(
            f'<path d="{shapes.pine(x=x - tall * 0.035, y=y - tall * 0.13, height=tall * 0.88)}" fill="{light.far("#f4f9ff", 0.12)}" fill-opacity="0.82"/>'
        )
    white = light.on("#f4f9ff")
    line = shapes.ridge_line(rng, width=w, base=h + 10, rise=30, step=w / 4)
    floor(sheet, line, far=white, near=light.on("#c3d8ee"))
    for share in (0.36, 0.68):
        y = h + (sheet.height - h) * share
        d = shapes.waves(rng, width=w, y=y, height=16, length=w * 0.9, floor=sheet.height + 2)
        sheet.put(f'<path d="{d}" fill="{light.on("#8fb2d8")}" fill-opacity="0.16"/>')
    speckle(sheet, top=h + 30, colour=light.on("#ffffff"), strength=0.9)
