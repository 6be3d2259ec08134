"""Who looks at pictures that callers give, the threads that this is done in, and what is said of those that will not do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from limner.domain.problem import Problem

if TYPE_CHECKING:
    from limner.kit.pictures import Checked

# A picture is in memory with all its pixels while it is looked at: two such take what one process may be asked to spare.
_THREADS: Final = 2


class InvalidImage(Problem):
    """A picture cannot be used; the codes below say why, where it is known."""

    code = "invalid_image"
    status = 400


class EmptyImage(InvalidImage):
    """A picture of no bytes."""

    code = "empty_image"


class UnsupportedImage(InvalidImage):
    """Something that is no picture, or one of a kind that is not read here."""

    code = "unsupported_image"


class DamagedImage(InvalidImage):
    """A picture that is damaged or cut off."""

    code = "damaged_image"


class ImageFileTooLarge(InvalidImage):
    """A picture of too many bytes."""

    code = "image_file_too_large"
    status = 413


class ImageTooLarge(InvalidImage):
    """A picture of too many pixels."""

    code = "image_too_large"
    status = 413


class ImageTooSmall(InvalidImage):
    """A picture of too few pixels."""

    code = "image_too_small"


class InvalidImageMode(InvalidImage):
    """A picture whose colours are written in a way that is not read here."""

    code = "invalid_image_mode"


_BY_KIND: Final[Mapping[str, type[InvalidImage]]] = {
    "empty": EmptyImage,
    "unsupported": UnsupportedImage,
    "damaged": DamagedImage,
    "too_large": ImageFileTooLarge,
    "too_many_pixels": ImageTooLarge,
    "too_small": ImageTooSmall,
    "mode": InvalidImageMode,
}


class Checker:
    """Checks pictures, a few at a time. Whoever stops waiting does not make room for another before his is done."""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")

    async def checked(self, path: Path, *, bytes_max: int, pixels_max: int) -> Checked:
        """What the picture is. Raises `InvalidImage`."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: _checked(path, bytes_max=bytes_max, pixels_max=pixels_max)
        )


def _checked(path: Path, *, bytes_max: int, pixels_max: int) -> Checked:
    # What decodes pictures is large, and most processes are given none.
    from limner.kit.pictures import PictureError, check

    try:
        return check(path, bytes_max=bytes_max, pixels_max=pixels_max)
    except PictureError as error:
        raise _BY_KIND[error.kind](error.message) from None
