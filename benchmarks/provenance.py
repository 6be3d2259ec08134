"""What it costs to say where a picture comes from: `make bench-provenance`.

Each file is certified as the server does it: XMP put in, then signed, in one thread. Reading back is what `limner verify`
does.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from PIL import Image

from limner.kit.xmp import embedded
from limner.provenance.certificates import new_authority
from limner.provenance.models import Origin
from limner.provenance.reading import read
from limner.provenance.rules import xmp_packet
from limner.provenance.signing import Signer

REACH_MS, GOAL_MS = 2.0, 1.0
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


def main() -> None:
    """Print a line for each file: what it takes at the median and at worst, against the reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="pictures of each kind")
    rounds = parser.parse_args().rounds
    now = datetime.now(UTC)
    authority = new_authority(organisation="limner", now=now)
    signer = Signer(authority, version="0")
    origin = Origin(task_id=uuid4(), source_type="trainedAlgorithmicMedia", is_trained=True, made_at=now)
    print(f"content credentials per picture, reach <= {REACH_MS:g} ms, goal {GOAL_MS:g} ms; {rounds} of each")
    for name, media_type, data in files():

        def sign(data: bytes = data, media_type: str = media_type) -> bytes:
            return signer.signed(embedded(data, media_type, xmp_packet(origin)), media_type, origin)

        signed = sign()
        middle, worst = timed(sign, rounds)
        read_middle, _ = timed(lambda signed=signed: read(signed, anchors=[authority.root]), rounds // 4)  # type: ignore[misc]
        print(
            f"{name:34} {len(data) / 1024:7.0f} KiB  p50 {middle:5.2f} ms  p99 {worst:5.2f} ms"
            f"  +{len(signed) - len(data)} bytes  read back {read_middle:.1f} ms"
        )


def files() -> list[tuple[str, str, bytes]]:
    """Pictures as the illustrator paints them (flat areas), and one as cameras and models do (noise)."""
    flat = Image.new("RGB", (1024, 1024), (20, 90, 160))
    dice = random.Random(7)
    for _ in range(120):
        x, y, edge = dice.randrange(1024), dice.randrange(1024), dice.randrange(20, 300)
        flat.paste((dice.randrange(256), dice.randrange(256), dice.randrange(256)), (x, y, x + edge, y + edge))
    flat.paste(Image.effect_noise((280, 280), 90).convert("RGB"), (300, 300))
    found = []
    for media_type, kind in TYPES.items():
        file = io.BytesIO()
        flat.save(file, kind)
        found.append((f"1024x1024 {kind.lower()}", media_type, file.getvalue()))
    file = io.BytesIO()
    Image.frombytes("RGB", (836, 836), dice.randbytes(836 * 836 * 3)).save(file, "PNG", compress_level=0)
    return [*found, ("836x836 png, nothing but noise", "image/png", file.getvalue())]


def timed(act: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        act()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


if __name__ == "__main__":
    main()
