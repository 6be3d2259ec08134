"""What a redeem code looks like. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another: no 0 and O, no 1 and I
_MARK: Final = "LIMN"
_GROUP: Final = 4
_DRAWN: Final = 3 * _GROUP
NOISE_BYTES: Final = 8
_FORM: Final = re.compile(rf"(?:{_MARK})?([{_LETTERS}]{{{_DRAWN}}})")


def code_from(noise: bytes) -> str:
    """A code of sixty random bits: LIMN-XXXX-XXXX-XXXX."""
    assert len(noise) == NOISE_BYTES
    number = int.from_bytes(noise)
    drawn = "".join(_LETTERS[number >> 5 * place & 31] for place in range(_DRAWN))
    return "-".join((_MARK, *(drawn[at : at + _GROUP] for at in range(0, _DRAWN, _GROUP))))


def shown_prefix(code: str) -> str:
    """The part by which people recognise a code: too little of it to guess the rest."""
    return code[: len(_MARK) + 1 + _GROUP]


def hash_of(typed: str) -> bytes | None:
    """By what a code is found, however it was typed: in any case, with or without dashes and LIMN. None: it is no code."""
    found = _FORM.fullmatch(re.sub(r"[\s\-\u2010-\u2015_.]", "", typed).upper())
    return None if found is None else hashlib.sha256(found[1].encode()).digest()


def is_good(
    *, expires_at: datetime | None, disabled_at: datetime | None, uses: int, uses_max: int, now: datetime
) -> bool:
    """Whether somebody could still redeem it."""
    return disabled_at is None and (expires_at is None or expires_at > now) and uses < uses_max
