"""Holes in a picture filled from what is around them, so that what was there is gone.

First each row goes on from its sides; then, coarse to fine, every small piece of the filling becomes like the piece of the
picture that it resembles most, and at last is copied from there at full size. Only painting processes import this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from limner.engines.illustrator.given import CLEAR_MIN, softened

Pixels: TypeAlias = NDArray[np.float32]
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]
_EDGES: Final = (40, 64)
"""The longer side of the pictures in which pieces are looked for."""
_COPIED_EDGE: Final = 448
_REACH: Final = 2
"""A piece is so many pixels about its middle, either way."""
_WIDE: Final = 2 * _REACH + 1
_PIECES_MAX: Final = 1600
_PIECES_MIN: Final = 40
_ROUNDS: Final = 2
_STEPS: Final = 63
_LEVEL: Final = 30.0
_ROW_WEIGHT: Final = 20.0
_COLUMN_WEIGHT: Final = 1.5
"""How unlike a piece is for lying the whole picture away, in the root: ground and light change from top to bottom, not across."""


def filled(image: Image.Image, hole: Image.Image) -> Image.Image:
    """The picture with its hole (L, 255 where it is) filled; outside it is as it was, to the pixel."""
    soft = softened(hole)
    size = _size(image, _EDGES[0])
    unknown, colours = _unknown(hole, size), _colours(image, size)
    if unknown.all():
        mean = tuple(int(value) for value in colours.mean(axis=(0, 1)))
        return Image.composite(Image.new("RGB", image.size, mean), image, soft)
    grown = _crossed(colours, unknown)
    found: Places | None = None
    for edge in _EDGES:
        size = _size(image, edge)
        unknown, colours = _unknown(hole, size), _colours(image, size)
        grown = np.where(unknown[..., None], _resized(grown, size), colours)
        for _ in range(_ROUNDS if edge < _EDGES[-1] else 1):
            found = _nearest(grown, unknown)
            if found is not None:
                grown = _voted(grown, unknown, found)
    if found is None:
        size = _size(image, _EDGES[-1])
        grown = np.where(_unknown(hole, size)[..., None], _resized(grown, size), _colours(image, size))
        large = _image(grown).resize(image.size, Image.Resampling.BICUBIC)
    else:
        large = _copied(image, hole, found)
    return Image.composite(large, image, soft)


def _size(image: Image.Image, edge: int) -> tuple[int, int]:
    share = min(1.0, edge / max(image.size))
    return max(_WIDE, round(image.width * share)), max(_WIDE, round(image.height * share))


def _unknown(hole: Image.Image, size: tuple[int, int]) -> Flags:
    # A little wider than the hole, so that nothing of what is to go shines out of it.
    small = hole.resize(size, Image.Resampling.BOX).filter(ImageFilter.MaxFilter(3))
    return np.asarray(np.asarray(small) > CLEAR_MIN, dtype=np.bool_)


def _colours(image: Image.Image, size: tuple[int, int]) -> Pixels:
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float32)


def _image(colours: Pixels) -> Image.Image:
    return Image.fromarray(colours.clip(0, 255).astype(np.uint8))


def _resized(colours: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(_image(colours).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


# rows and columns that go on ---------------------------------------------------------------------------------------------


def _crossed(colours: Pixels, unknown: Flags) -> Pixels:
    """The unknown from what is beside it in its row, less so in its column: so horizons, floors and walls go through."""
    across, near_across = _rowwise(colours, unknown)
    down, near_down = (np.swapaxes(one, 0, 1) for one in _rowwise(np.swapaxes(colours, 0, 1), unknown.T))
    weight = _LEVEL * near_across / (_LEVEL * near_across + near_down + 1e-9)
    grown = across * weight[..., None] + down * (1 - weight[..., None])
    return np.where(unknown[..., None], grown, colours).astype(np.float32)


def _rowwise(colours: Pixels, unknown: Flags) -> tuple[Pixels, Pixels]:
    """Each row's unknown pixels from the known ones to their left and right; and how near those are, 0 where there are none."""
    width = unknown.shape[1]
    places = np.arange(width)
    left = np.maximum.accumulate(np.where(unknown, -1, places), axis=1)
    right = np.minimum.accumulate(np.where(unknown, width, places)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(unknown.shape[0])[:, None]
    from_left, from_right = colours[rows, np.maximum(left, 0)], colours[rows, np.minimum(right, width - 1)]
    by_left = np.where(left >= 0, 1.0 / np.maximum(1, places - left), 0.0)
    by_right = np.where(right < width, 1.0 / np.maximum(1, right - places), 0.0)
    both = by_left + by_right
    mixed = (from_left * by_left[..., None] + from_right * by_right[..., None]) / np.maximum(both, 1e-9)[..., None]
    return mixed.astype(np.float32), (both**2).astype(np.float32)


# pieces that are alike ---------------------------------------------------------------------------------------------------


def _nearest(colours: Pixels, unknown: Flags) -> Places | None:
    """For each pixel (height, width, 2) the row and column of the known piece that the piece about it resembles most.

    Where a piece is known itself, that is its own. None: too little is known.
    """
    height, width = unknown.shape
    touched = _widened(unknown)
    touched[:_REACH], touched[-_REACH:], touched[:, :_REACH], touched[:, -_REACH:] = (True,) * 4
    known = np.flatnonzero(~touched)
    if known.size < _PIECES_MIN:
        return None
    if known.size > _PIECES_MAX:
        known = known[np.linspace(0, known.size - 1, _PIECES_MAX).astype(np.intp)]
    sought = np.flatnonzero(_widened(unknown))
    pieces = _pieces(colours)
    wanted, offered = pieces[sought], pieces[known]
    unlike = (offered**2).sum(axis=1) - 2 * (wanted @ offered.T)
    best = known[unlike.argmin(axis=1)]
    places = np.arange(height * width)
    places[sought] = best
    return np.stack(np.divmod(places, width), axis=1).reshape(height, width, 2)


def _widened(unknown: Flags) -> Flags:
    """Where the piece about a pixel has something unknown in it."""
    flags = Image.fromarray(unknown.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(_WIDE))
    return np.array(flags, dtype=np.uint8) > 0


def _pieces(colours: Pixels) -> Pixels:
    """The colours about each pixel, and its place: (pixels, numbers).

    All are whole and so small that sums of their products are exact: which pieces are alike must not hang on the processor.
    """
    height, width, _ = colours.shape
    padded = np.pad(np.rint(colours * (_STEPS / 255)), ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WIDE, _WIDE), axis=(0, 1))
    flat = windows.reshape(height * width, -1)
    rows, columns = np.divmod(np.arange(height * width, dtype=np.float32), width)
    place = np.stack((rows / height * _ROW_WEIGHT, columns / width * _COLUMN_WEIGHT), axis=1)
    return np.concatenate((flat, np.rint(place * _STEPS)), axis=1).astype(np.float32)


def _voted(colours: Pixels, unknown: Flags, found: Places) -> Pixels:
    """Each unknown pixel as the pieces that overlap it would have it, on average."""
    height, width = unknown.shape
    rows, columns = np.nonzero(unknown)
    total = np.zeros((rows.size, 3), dtype=np.float32)
    for down, across in _shifts():
        there = found[np.clip(rows - down, 0, height - 1), np.clip(columns - across, 0, width - 1)]
        from_row = np.clip(there[:, 0] + down, 0, height - 1)
        from_column = np.clip(there[:, 1] + across, 0, width - 1)
        total += colours[from_row, from_column]
    voted = colours.copy()
    voted[rows, columns] = total / _WIDE**2
    return voted


def _shifts() -> Iterator[tuple[int, int]]:
    reach = range(-_REACH, _REACH + 1)
    return ((down, across) for down in reach for across in reach)


def _copied(image: Image.Image, hole: Image.Image, found: Places) -> Image.Image:
    """The hole's pixels from where their pieces were found: of the four pieces around each, the nearer the more."""
    box = hole.getbbox()
    assert box is not None, "there is a hole"
    share = min(1.0, _COPIED_EDGE / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    pixels = _colours(image, size)
    high, wide = found.shape[:2]
    by_row, by_column = size[1] / high, size[0] / wide
    own = np.moveaxis(np.indices((high, wide)), 0, 2)
    shift = np.rint((found - own) * (by_row, by_column)).astype(np.intp)
    rows, columns = np.nonzero(np.asarray(hole.resize(size, Image.Resampling.BOX)) > 0)
    row, column = (rows + 0.5) / by_row - 0.5, (columns + 0.5) / by_column - 0.5
    upper, left = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
    total = np.zeros((rows.size, 3), dtype=np.float32)
    for down in (0, 1):
        for across in (0, 1):
            weight = (row - upper if down else 1 - (row - upper)) * (column - left if across else 1 - (column - left))
            there = shift[np.clip(upper + down, 0, high - 1), np.clip(left + across, 0, wide - 1)]
            from_row = np.clip(rows + there[:, 0], 0, size[1] - 1)
            from_column = np.clip(columns + there[:, 1], 0, size[0] - 1)
            total += pixels[from_row, from_column] * weight[:, None].astype(np.float32)
    pixels = pixels.copy()
    pixels[rows, columns] = total
    return _image(pixels).resize(image.size, Image.Resampling.BICUBIC)
