"""Pictures in terminals that can show them: kitty's graphics protocol, and iTerm2's inline images. Pure.

Nothing is asked of the terminal, which might not answer: its name in the environment decides.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Final, Literal

Protocol = Literal["kitty", "iterm2"]

_KITTY_TERMS: Final = {"xterm-kitty", "xterm-ghostty"}
_KITTY_PROGRAMS: Final = {"ghostty", "kitty"}
_ITERM2_PROGRAMS: Final = {"iTerm.app", "WezTerm", "mintty"}
_COLUMNS: Final = 40
_CHUNK: Final = 4096


def protocol_of(environ: Mapping[str, str]) -> Protocol | None:
    """How the terminal that the environment describes takes pictures; None when it does not, or is not known to."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if "TMUX" in environ or term.startswith(("screen", "tmux")):
        return None  # they would swallow it, or worse, print it
    if "KITTY_WINDOW_ID" in environ or term in _KITTY_TERMS or program in _KITTY_PROGRAMS:
        return "kitty"
    if program in _ITERM2_PROGRAMS or environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def shown(data: bytes, *, protocol: Protocol, media_type: str) -> str | None:
    """What to write to the terminal; None when it cannot show such a file."""
    if protocol == "kitty":
        return "".join(_kitty(data)) + "\n" if media_type == "image/png" else None
    return _iterm2(data) if media_type != "image/svg+xml" else None


def _kitty(data: bytes) -> Iterator[str]:
    text = base64.b64encode(data).decode()
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    for number, chunk in enumerate(chunks, start=1):
        head = f"a=T,f=100,q=2,c={_COLUMNS}," if number == 1 else ""
        yield f"\x1b_G{head}m={int(number < len(chunks))};{chunk}\x1b\\"


def _iterm2(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f"\x1b]1337;File=inline=1;size={len(data)};width={_COLUMNS};preserveAspectRatio=1:{text}\a\n"
