"""How an answer came to be, on the wire: which engine made it, who was tried before, what the caller should know, usage."""

from __future__ import annotations

from typing import Any, Final

from limner.domain.spec import Usage
from limner.tasks.models import Outcome, Task, Tried

_WARNINGS_SHOWN: Final = 16
_WARNING_CHARACTERS: Final = 200


def headers(outcome: Outcome | None, *, engine: str) -> dict[str, str]:
    """The same in an answer's headers. `engine`: who was to make it, and did where there is no outcome."""
    if outcome is None:
        return {"x-limner-engine": _plain(engine)}
    tried = dict.fromkeys(f"{_name(one.engine, one.part)}={one.cause.value}" for one in outcome.tried)
    found = {
        "x-limner-engine": _name(outcome.engine, outcome.part),
        "x-limner-fallback": ", ".join(tried),
        "x-limner-warnings": ", ".join(map(_quoted, outcome.warnings[:_WARNINGS_SHOWN])),
    }
    return {name: value for name, value in found.items() if value}


def _name(engine: str, part: str | None) -> str:
    return _plain(engine if part is None else f"{engine}/{part}")


def _plain(text: str) -> str:
    """As a header can carry it."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def _quoted(sentence: str) -> str:
    """A string of RFC 9651; the whole sentence, in every script, is in the body."""
    text = _plain(sentence[:_WARNING_CHARACTERS])
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def warnings(outcome: Outcome | None) -> dict[str, list[str]]:
    """The field `warnings`, if there are any."""
    return {"warnings": list(outcome.warnings)} if outcome is not None and outcome.warnings else {}


def usage(counted: Usage) -> dict[str, Any]:
    """Tokens, as OpenAI tells them."""
    input_tokens = counted.input_text_tokens + counted.input_image_tokens
    output_tokens = counted.output_text_tokens + counted.output_image_tokens
    return {
        "total_tokens": input_tokens + output_tokens,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "input_tokens_details": {
            "text_tokens": counted.input_text_tokens,
            "image_tokens": counted.input_image_tokens,
        },
        "output_tokens_details": {
            "text_tokens": counted.output_text_tokens,
            "image_tokens": counted.output_image_tokens,
        },
    }


def of_task(task: Task) -> dict[str, Any]:
    """Fields of a task: who performed it (null: nobody yet, or nobody managed), who was tried in vain, what is to be known."""
    outcome = task.outcome
    made_by, known = None, dict[str, list[str]]()
    if task.status == "succeeded":
        known = warnings(outcome)
        made_by = {
            "engine": task.engine if outcome is None else outcome.engine,
            "part": None if outcome is None else outcome.part,
        }
    return {
        "performed_by": made_by,
        "tried": [] if outcome is None else [_tried(one) for one in outcome.tried],
        "warnings": known.get("warnings", []),
    }


def of_callback(task: Task) -> dict[str, Any]:
    """Beside the vendor's fields, and only where somebody had to take another's place: who did it, who was tried in vain."""
    told = of_task(task)
    askings = len(told["tried"]) + (told["performed_by"] is not None)
    return {"performed_by": told["performed_by"], "tried": told["tried"]} if askings > 1 else {}


def _tried(one: Tried) -> dict[str, Any]:
    return {"engine": one.engine, "part": one.part, "cause": one.cause.value, "seconds": one.seconds}
