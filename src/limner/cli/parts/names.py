"""Short names for tasks: as much of an id as it takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

# An id begins with the millisecond; further digits tell apart what came within it.
_LENGTHS: Final = (13, 18, 23, 36)


def shorter(ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The beginning of each id, all of one length, by which they can be told apart."""
    length = next(length for length in _LENGTHS if len({str(id_)[:length] for id_ in ids}) == len(set(ids)))
    return {id_: str(id_)[:length] for id_ in ids}
