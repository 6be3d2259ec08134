"""A ready-made flat PNG for every request: for tests, for measuring everything else, and for trying a set-up.

Options: `bytes` (each file's size, padded; default 2048), `seconds` (how long it pretends to work on each, saying now and
then how far it has come), `partials` (unfinished pictures that it shows of each, 0: as many as are wanted), `stamps` (1: each
of those has a chunk `stMp` with the moment in nanoseconds of the system's monotonic clock), `fail` (break after so many
pictures, -1 never).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import secrets
import struct
import time
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import ClassVar, Final, cast

from limner.domain.spec import OutputFormat, Partial, Picture, Progress, Shown, Spec
from limner.engines import EngineFailed, Health, SourceType

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_OPTIONS: Final = {"bytes": 2048, "seconds": 0, "partials": 0, "stamps": 0, "fail": -1}
_PROGRESS_STEPS: Final = 10
_SEED_BITS: Final = 53


class Plug:
    """Paints one colour, chosen by the seed."""

    needs_options: ClassVar[bool] = False
    output_formats: frozenset[OutputFormat] = frozenset({OutputFormat.PNG})
    source_type: SourceType = SourceType.ALGORITHMIC
    images_max: int = 16

    def __init__(self, options: Mapping[str, object]) -> None:
        for name, value in options.items():
            if name not in _OPTIONS or isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(
                    f"the fake engine has the options {', '.join(_OPTIONS)}, all numbers; not {name} = {value!r}"
                )
        given = {**_OPTIONS, **cast("Mapping[str, float]", options)}
        self._bytes, self._seconds, self._fail = int(given["bytes"]), given["seconds"], int(given["fail"])
        self._partials, self._stamps = int(given["partials"]), bool(given["stamps"])

    def formats(self, model: str) -> frozenset[OutputFormat]:  # noqa: ARG002 - the same for all
        """All of them."""
        return self.output_formats

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
            partials = iter(range(self._partials or spec.partials))
            shown_every = max(1, _PROGRESS_STEPS // (1 + (self._partials or spec.partials)))
            if self._seconds:
                for step in range(_PROGRESS_STEPS):
                    if step and step % shown_every == 0:
                        for number in itertools.islice(partials, 1):
                            yield self._unfinished(spec, index=index, number=number)
                    yield Progress(share=(index + step / _PROGRESS_STEPS) / spec.n)
                    await asyncio.sleep(self._seconds / _PROGRESS_STEPS)
            for number in partials:
                yield self._unfinished(spec, index=index, number=number)
            if index == self._fail:
                raise EngineFailed("the fake engine broke, as it was told to")
            yield Picture(
                index=index,
                data=_flat_png(spec.width, spec.height, (first + index) % 0x1000000, self._bytes),
                output_format=OutputFormat.PNG,
                width=spec.width,
                height=spec.height,
                seed=first + index,
                revised_prompt=spec.prompt + _given(spec),
            )

    def _unfinished(self, spec: Spec, *, index: int, number: int) -> Partial:
        data = _flat_png(spec.width, spec.height, 0x10101 * (number + 1), self._bytes)
        return Partial(
            index=index,
            number=number,
            data=_stamped(data) if self._stamps else data,
            output_format=OutputFormat.PNG,
        )


def _given(spec: Spec) -> str:
    """What came with the prompt, so that whoever looks at the answer sees that it arrived."""
    count = len(spec.images)
    if not count:
        return ""
    came = [f"{count} pictures" if count > 1 else "1 picture"]
    came += [f"a {name}" for name, one in (("mask", spec.mask), ("markup", spec.markup)) if one is not None]
    return f" (from {' and '.join(came)})"


def _flat_png(width: int, height: int, colour: int, size: int) -> bytes:
    head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0))
    palette = _chunk(b"PLTE", colour.to_bytes(3))
    tail = _flat_rows(width, height) + _chunk(b"IEND", b"")
    missing = size - len(head) - len(palette) - len(tail)
    return head + palette + _padding(missing) + tail


def _stamped(data: bytes) -> bytes:
    end = len(data) - len(_chunk(b"IEND", b""))
    return data[:end] + _chunk(b"stMp", time.monotonic_ns().to_bytes(8)) + data[end:]


@functools.cache
def _padding(missing: int) -> bytes:
    empty = len(_chunk(b"paDd", b""))
    return _chunk(b"paDd", bytes(missing - empty)) if missing >= empty else b""


@functools.cache
def _flat_rows(width: int, height: int) -> bytes:
    return _chunk(b"IDAT", zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
