"""A ready-made flat PNG for every request: for tests, for measuring everything else, and for trying a set-up.

Options: `bytes` (each file's size, padded; default 2048), `seconds` (how long it pretends to work on each, saying now and
then how far it has come), `partials` (unfinished pictures that it shows of each), `fail` (break after so many pictures,
-1 never).
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import struct
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import ClassVar, Final, cast

from limner.domain.spec import OutputFormat, Partial, Picture, Progress, Shown, Spec
from limner.engines import EngineFailed, Health, SourceType

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_OPTIONS: Final = {"bytes": 2048, "seconds": 0, "partials": 0, "fail": -1}
_PROGRESS_STEPS: Final = 10
_SEED_BITS: Final = 53


class Plug:
    """Paints one colour, chosen by the seed."""

    needs_options: ClassVar[bool] = False
    output_formats: frozenset[OutputFormat] = frozenset({OutputFormat.PNG})
    source_type: SourceType = SourceType.ALGORITHMIC
    images_max: int = 0

    def __init__(self, options: Mapping[str, object]) -> None:
        for name, value in options.items():
            if name not in _OPTIONS or isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(
                    f"the fake engine has the options {', '.join(_OPTIONS)}, all numbers; not {name} = {value!r}"
                )
        given = {**_OPTIONS, **cast("Mapping[str, float]", options)}
        self._bytes, self._seconds, self._fail = int(given["bytes"]), given["seconds"], int(given["fail"])
        self._partials = int(given["partials"])

    def extras(self, model: str) -> Collection[str]:  # noqa: ARG002 - the same for all
        """A seed."""
        return ("seed",)

    def health(self) -> Sequence[Health]:
        """There is nothing to tell."""
        return ()

    async def open(self) -> None:
        """There is nothing to get ready."""

    async def close(self) -> None:
        """There is nothing to give back."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        """Hand out n flat pictures."""
        first = secrets.randbits(_SEED_BITS) if spec.seed is None else spec.seed
        for index in range(spec.n):
            if self._seconds:
                for step in range(_PROGRESS_STEPS):
                    yield Progress(share=(index + step / _PROGRESS_STEPS) / spec.n)
                    await asyncio.sleep(self._seconds / _PROGRESS_STEPS)
            for number in range(self._partials):
                grey = 0x10101 * (number + 1)
                data = _flat_png(spec.width, spec.height, grey, self._bytes)
                yield Partial(index=index, number=number, data=data, output_format=OutputFormat.PNG)
            if index == self._fail:
                raise EngineFailed("the fake engine broke, as it was told to")
            yield Picture(
                index=index,
                data=_flat_png(spec.width, spec.height, (first + index) % 0x1000000, self._bytes),
                output_format=OutputFormat.PNG,
                width=spec.width,
                height=spec.height,
                seed=first + index,
                revised_prompt=spec.prompt,
            )


def _flat_png(width: int, height: int, colour: int, size: int) -> bytes:
    head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0))
    palette = _chunk(b"PLTE", colour.to_bytes(3))
    tail = _flat_rows(width, height) + _chunk(b"IEND", b"")
    missing = size - len(head) - len(palette) - len(tail)
    return head + palette + _padding(missing) + tail


@functools.cache
def _padding(missing: int) -> bytes:
    empty = len(_chunk(b"paDd", b""))
    return _chunk(b"paDd", bytes(missing - empty)) if missing >= empty else b""


@functools.cache
def _flat_rows(width: int, height: int) -> bytes:
    return _chunk(b"IDAT", zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
