"""Server-sent events, however they are cut."""

from __future__ import annotations

import pytest

from limner.mcp.events import Event, Reader

STREAM = (
    b'retry: 2000\n\nevent: task\nid: 1\ndata: {"a":1}\n\n: still here\n\nevent: end\r\ndata: {"b":\r\ndata: 2}\r\n\r\n'
)
SEEN = [Event(name="task", data={"a": 1}), None, Event(name="end", data={"b": 2})]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    reader = Reader()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    assert [event for piece in pieces for event in reader.feed(piece)] == SEEN


def test_what_is_no_object_is_empty_and_what_has_no_name_is_a_message() -> None:
    assert list(Reader().feed(b"data: otter\n\ndata: [1]\n\n")) == [Event(name="message", data={})] * 2


def test_what_is_not_complete_waits() -> None:
    reader = Reader()

    assert list(reader.feed(b"event: end\ndata: {}\n")) == []
    assert list(reader.feed(b"\n")) == [Event(name="end", data={})]
