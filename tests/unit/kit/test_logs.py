from __future__ import annotations

import json
import logging
import sys

import pytest

from limner.kit.logs import JsonFormatter, WordsFormatter, event


def record(name: str = "task.finished", *, exc_info: bool = False, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("limner", logging.INFO, __file__, 1, name, None, sys.exc_info() if exc_info else None)
    made.created, made.msecs, made.fields = 1_763_812_800.0, 7.0, fields
    return made


def test_an_event_is_one_line_of_words() -> None:
    line = WordsFormatter().format(record(task_id="t1", seconds=0.0412, pictures=2))

    assert line == "2025-11-22T12:00:00.007Z info task.finished task_id=t1 seconds=0.041 pictures=2"


@pytest.mark.parametrize(
    ("value", "word"),
    [("a b", '"a b"'), ('a"b', '"a\\"b"'), ("", '""'), ("a\nb", '"a\\nb"'), ("a=b", '"a=b"'), (None, "None")],
)
def test_a_value_cannot_begin_another_field_or_line(value: object, word: str) -> None:
    assert WordsFormatter().format(record(path=value)).endswith(f" path={word}")


def test_an_event_is_one_json_object() -> None:
    line = JsonFormatter().format(record(task_id="t1", path="a\nb", odd={1}))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2025-11-22T12:00:00.007Z",
        "level": "info",
        "event": "task.finished",
        "task_id": "t1",
        "path": "a\nb",
        "odd": "{1}",
    }


@pytest.mark.parametrize("formatter", [WordsFormatter(), JsonFormatter()])
def test_an_exception_comes_with_its_trace(formatter: logging.Formatter) -> None:
    try:
        1 / 0  # noqa: B018 - it is meant to break
    except ZeroDivisionError:
        line = formatter.format(record(exc_info=True))

    assert "division by zero" in line
    assert "Traceback" in line


def test_an_event_below_the_level_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("limner.test")
    caplog.set_level(logging.WARNING, logger="limner.test")

    event(logger, "task.finished", task_id="t1")
    event(logger, "task.abandoned", level=logging.WARNING, task_id="t2")

    assert [(line.getMessage(), line.fields) for line in caplog.records] == [("task.abandoned", {"task_id": "t2"})]
