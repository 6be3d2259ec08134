"""Where a painted picture is saved, and how: whole or not at all, and over nothing that is there."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from limner.cli.parts.trouble import Trouble

_NOT_WORDS: Final = re.compile(r"[\W_]+")
_SLUG_BYTES_MAX: Final = 60


def slug(prompt: str) -> str:
    """A prompt as the beginning of a file's name: its words, in small letters, as many as fit."""
    words = [word for word in _NOT_WORDS.split(prompt.lower()) if word]
    text = "-".join(words).encode()[:_SLUG_BYTES_MAX].decode(errors="ignore")
    if len(words) > 1 and len("-".join(words).encode()) > _SLUG_BYTES_MAX and "-" in text:
        text = text.rpartition("-")[0]  # a word that was cut in two says nothing
    return text.strip("-") or "picture"


def path_for(out: Path | None, *, prompt: str, seed: int, suffix: str, number: int, count: int) -> Path:
    """Picture `number` (from 1) of `count`: in the current folder, in the folder `out`, or at the path `out`."""
    if out is None or out.is_dir():
        return (out or Path()) / f"{slug(prompt)}-{seed}.{suffix}"
    return out if count == 1 else out.with_name(f"{out.stem}-{number}{out.suffix or '.' + suffix}")


def refuse_existing(path: Path) -> None:
    """Raises `Trouble` when something is at `path`."""
    if path.exists():
        raise Trouble(f"{path} is there already: give another --out, or --force to write over it")


def save(path: Path, data: bytes, *, force: bool) -> None:
    """Write the file whole, or leave nothing. Raises `Trouble`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if force:
            part.replace(path)
        else:
            os.link(part, path)
    except FileExistsError:
        refuse_existing(path)
    except OSError as error:
        raise Trouble(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):  # it may never have come to be
            part.unlink()
