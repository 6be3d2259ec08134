from __future__ import annotations

import base64
import re

import pytest

from limner.cli.parts.screen import protocol_of, shown

PICTURE = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, "iterm2"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({}, None),
    ],
)
def test_a_terminal_is_known_by_its_environment(environ: dict[str, str], protocol: str | None) -> None:
    assert protocol_of(environ) == protocol


def test_kitty_gets_the_whole_picture_in_chunks() -> None:
    text = shown(PICTURE, protocol="kitty", media_type="image/png")
    assert text is not None
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert base64.b64decode("".join(data for _, data in parts)) == PICTURE
    assert [head[-3:] for head, _ in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in parts)


def test_iterm2_gets_the_whole_picture() -> None:
    text = shown(PICTURE, protocol="iterm2", media_type="image/webp")
    assert text is not None
    assert base64.b64decode(text.partition(":")[2].rstrip("\a\n")) == PICTURE


def test_what_a_terminal_cannot_show_it_is_not_sent() -> None:
    assert shown(PICTURE, protocol="kitty", media_type="image/webp") is None
    assert shown(PICTURE, protocol="iterm2", media_type="image/svg+xml") is None
