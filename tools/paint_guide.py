"""Paints the pictures of the guide anew, into docs/guide/pictures: the same prompts and seeds give the same files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

OUT = Path(__file__).parent.parent / "docs" / "guide" / "pictures"
OTTER = "A cute baby sea otter"
# Name, prompt, what else `limner paint` is told, and the width that the guide shows it at.
PICTURES: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("otter", OTTER, ("--model", "dall-e-3", "--seed", "7"), 640),
    ("hd", OTTER, ("--model", "dall-e-3", "--quality", "hd", "--seed", "7"), 640),
    ("wide", OTTER, ("--model", "dall-e-3", "--size", "1792x1024", "--seed", "11"), 800),
    ("natural", OTTER, ("--model", "dall-e-3", "--style", "natural", "--seed", "7"), 640),
    (
        "transparent",
        "three red balloons",
        ("--model", "illustrator", "--background", "transparent", "--seed", "5"),
        480,
    ),
    ("cats", "雪地里的两只蓝猫", ("--model", "dall-e-3", "--seed", "21"), 640),
)
QUALITY = 80


def main() -> None:
    """Paint all of them."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="limner-guide-") as folder:
        for name, prompt, options, width in PICTURES:
            painted = Path(folder) / f"{name}.png"
            command = [sys.executable, "-m", "limner", "paint", prompt, *options, "--out", str(painted), "--no-show"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            with Image.open(painted) as picture:
                size = (width, round(picture.height * width / picture.width))
                small = picture.resize(size, Image.Resampling.LANCZOS)
            small.save(OUT / f"{name}.webp", quality=QUALITY, method=6)
            print(f"{name}.webp {size[0]}x{size[1]} {(OUT / f'{name}.webp').stat().st_size} bytes")


if __name__ == "__main__":
    main()
