"""Pictures in the shapes that chat clients show: a markdown picture for chat completions, a call for responses."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson
import pybase64
from typing_extensions import override

from limner.domain.problem import Problem
from limner.domain.spec import OutputFormat
from limner.flow.deliver import DeliveredImage, Delivery, Result
from limner.flow.history import Told
from limner.flow.stream import Begun, Unfinished
from limner.tasks.models import Task
from limner.web.dialects.chat.parse import CALL, CALL_ID_PREFIX, RESPONSE_ID_PREFIX, TOOL, Wish
from limner.web.dialects.images import render
from limner.web.dialects.images.differences import Dialect
from limner.web.dialects.images.events import ImagesBody

Pieces: TypeAlias = list[bytes]

_ALT_CHARACTERS: Final = 100
_IN_ALT: Final = frozenset(".,;:'?-")
# A link in markdown ends at the first of these.
_IN_LINK: Final = str.maketrans({" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", '"': "%22", "\\": "%5C"})
_DONE: Final = b"data: [DONE]\n\n"
_MARK: Final = secrets.token_hex(16)  # what a caller says cannot have it in it


# chat completions --------------------------------------------------------------------------------------------------------


def alt(text: str) -> str:
    """What a picture is called in markdown: its words, without anything that markdown or HTML would take for more."""
    words = "".join(one if _is_plain(one) else " " for one in text[: 4 * _ALT_CHARACTERS]).split()
    whole = " ".join(words)
    if len(whole) <= _ALT_CHARACTERS:
        return whole or "picture"
    return whole[: _ALT_CHARACTERS + 1].rpartition(" ")[0] or whole[:_ALT_CHARACTERS]


def _is_plain(character: str) -> bool:
    return character.isalnum() or character in _IN_ALT or (not character.isascii() and character.isprintable())


def _address(image: DeliveredImage, *, output_format: OutputFormat) -> str:
    if image.url is not None:
        return image.url.translate(_IN_LINK)
    assert image.data is not None
    return f"data:{output_format.media_type};base64,{pybase64.b64encode(image.data).decode()}"


def _said(result: Result) -> dict[str, Any]:
    """The pictures as text, one a line, and as a list beside it."""
    output_format = result.spec.output_format if result.spec else OutputFormat.PNG
    addresses = [_address(image, output_format=output_format) for image in result.images]
    lines = [
        f"![{alt(image.revised_prompt)}]({address})" for image, address in zip(result.images, addresses, strict=True)
    ]
    return {
        "role": "assistant",
        "content": "\n\n".join(lines),
        "images": [
            {"type": "image_url", "index": index, "image_url": {"url": address}}
            for index, address in enumerate(addresses)
        ],
    }


def _chat_usage(result: Result) -> dict[str, Any]:
    used = render.usage_share(result, place=0, count=1)
    return {
        "prompt_tokens": used["input_tokens"],
        "completion_tokens": used["output_tokens"],
        "total_tokens": used["total_tokens"],
        "prompt_tokens_details": {**used["input_tokens_details"], "cached_tokens": 0},
        "completion_tokens_details": {**used["output_tokens_details"], "reasoning_tokens": 0},
    }


class ChatBody(ImagesBody):
    """A chat completion."""

    @override
    def whole(self, delivery: Delivery) -> Pieces:
        """With the pictures in its only message."""
        result = delivery.result
        told = {
            "id": f"chatcmpl-{result.task_id}",
            "object": "chat.completion",
            "created": result.created_at_seconds,
            "model": self.task.model,
            "choices": [
                {
                    "index": 0,
                    "message": {**_said(result), "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": _chat_usage(result),
            **render.tail(result, trace_id=delivery.trace_id),
        }
        return [orjson.dumps(told)]


class ChatEvents:
    """The chunks of a chat completion: the role at once, the pictures when they are there."""

    def __init__(self, begun: Begun, *, dialect: Dialect, with_usage: bool) -> None:
        self._task, self._dialect, self._with_usage = begun.task, dialect, with_usage

    def begin(self) -> Pieces:
        """What is said before anything is there."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def unfinished(self, _one: Unfinished) -> Pieces:
        """A chat has no place for them."""
        return []

    def finish(self, delivery: Delivery) -> Pieces:
        """The pictures, and the end."""
        result = delivery.result
        said = {name: value for name, value in _said(result).items() if name != "role"}
        pieces = [self._chunk(said), self._chunk({}, reason="stop", **render.tail(result, trace_id=delivery.trace_id))]
        if self._with_usage:
            pieces.append(self._event({"choices": [], "usage": _chat_usage(result)}))
        return [*pieces, _DONE]

    def fail(self, problem: Problem) -> Pieces:
        """Why there is none."""
        body = render.problem_body(problem, dialect=self._dialect, trace_id=self._task.trace_id)
        return [b"data: %b\n\n" % body]

    def _chunk(self, delta: Mapping[str, Any], *, reason: str | None = None, **more: object) -> bytes:
        usage = {"usage": None} if self._with_usage else {}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return self._event({"choices": [choice], **usage, **more})

    def _event(self, words: Mapping[str, Any]) -> bytes:
        told = {
            "id": f"chatcmpl-{self._task.id}",
            "object": "chat.completion.chunk",
            "created": int(self._task.created_at.timestamp()),
            "model": self._task.model,
            **words,
        }
        return b"data: %b\n\n" % orjson.dumps(told)


# responses ---------------------------------------------------------------------------------------------------------------


def call_id(task: Task, place: int) -> str:
    """What the picture at `place` is called."""
    return f"{CALL_ID_PREFIX}{task.id}" + (f"_{place}" if place else "")


def _filled(told: Mapping[str, Any], images: Sequence[bytes]) -> Pieces:
    """JSON in pieces: where a mark stands, the next picture comes. Base64 needs no escaping, so no JSON library looks at it."""
    words = orjson.dumps(told).split(_MARK.encode())
    pieces = [words[0]]
    for image, after in zip(images, words[1:], strict=True):
        pieces += [image, after]
    return pieces


class Answer:
    """A response, as it stands at one time or another."""

    def __init__(self, task: Task, wish: Wish | None, *, wanted: int) -> None:
        """`wish` None: what was said is not at hand any more. `wanted`: how many pictures were."""
        self._task, self._wanted = task, wanted
        self._metadata = dict(wish.metadata or {}) if wish else {}
        self._tools = [dict(one) for one in wish.tools] if wish else [{"type": TOOL}]
        self._previous = wish.previous if wish else None

    def told(self, *, status: str, output: Sequence[Mapping[str, Any]] = (), **more: object) -> dict[str, Any]:
        """The response, without what only comes at the end."""
        return {
            "id": f"{RESPONSE_ID_PREFIX}{self._task.id}",
            "object": "response",
            "created_at": int(self._task.created_at.timestamp()),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": self._metadata,
            "model": self._task.model,
            "output": list(output),
            "parallel_tool_calls": False,
            "previous_response_id": self._previous,
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": self._tools,
            "top_p": None,
            "truncation": "disabled",
            "usage": None,
            "user": None,
            **more,
        }

    def begun_call(self, place: int) -> dict[str, Any]:
        """A picture that is to be."""
        return {"id": call_id(self._task, place), "type": CALL, "status": "in_progress", "result": None}

    def calls(self, result: Result, *, trace_id: str) -> list[dict[str, Any]]:
        """The pictures; a mark stands for the bytes of each. Those that did not come have failed."""
        task = self._task
        calls: list[dict[str, Any]] = []
        for place, image in enumerate(result.images):
            calls.append(
                {
                    "id": call_id(task, place),
                    "type": CALL,
                    "status": "completed",
                    "action": "edit" if "image" in task.request else "generate",
                    "result": _MARK,
                    "revised_prompt": image.revised_prompt,
                    **_manners(result),
                }
            )
        for place in range(len(result.images), self._wanted):
            error = {
                "type": "server_error",
                "code": "engine_failed",
                "message": f"it did not come; trace id {trace_id}",
            }
            calls.append({"id": call_id(task, place), "type": CALL, "status": "failed", "result": None, "error": error})
        return calls

    def completed(self, result: Result, *, trace_id: str) -> tuple[dict[str, Any], list[bytes]]:
        """The response at its end, and what its marks stand for."""
        used = render.usage_share(result, place=0, count=1)
        usage = {
            "input_tokens": used["input_tokens"],
            "input_tokens_details": {**used["input_tokens_details"], "cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": used["output_tokens"],
            "output_tokens_details": {**used["output_tokens_details"], "reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        }
        told = self.told(
            status="completed",
            output=self.calls(result, trace_id=trace_id),
            usage=usage,
            **render.tail(result, trace_id=trace_id),
        )
        return told, [pybase64.b64encode(image.data or b"") for image in result.images]


def _manners(result: Result) -> dict[str, Any]:
    spec = result.spec
    if spec is None:
        return {}
    return {
        "size": f"{spec.width}x{spec.height}",
        "quality": spec.quality_told or spec.quality.value,
        "background": spec.background.value,
        "output_format": spec.output_format.value,
    }


class ResponseBody(ImagesBody):
    """A response with its pictures."""

    def __init__(self, begun: Begun, *, dialect: Dialect, wish: Wish) -> None:
        super().__init__(begun, dialect=dialect)
        self._answer = Answer(begun.task, wish, wanted=begun.spec.n)

    @override
    def whole(self, delivery: Delivery) -> Pieces:
        """With a call for each picture."""
        told, images = self._answer.completed(delivery.result, trace_id=delivery.trace_id)
        return _filled(told, images)


def task_pieces(told: Told, *, dialect: Dialect) -> Pieces:
    """A response that was asked for before, as it stands now."""
    task, result = told.task, told.result
    # Those that were deleted since did not fail.
    answer = Answer(task, None, wanted=len(result.images) if result else 0)
    if task.is_open:
        return [orjson.dumps(answer.told(status="queued" if task.status == "queued" else "in_progress"))]
    if result is not None:
        response, images = answer.completed(result, trace_id=task.trace_id)
        return _filled(response, images)
    status = "cancelled" if task.status == "cancelled" else "failed"
    response = answer.told(status=status, error=render.task_error(task, dialect=dialect))
    return [orjson.dumps({**response, "task_id": str(task.id), "trace_id": task.trace_id})]


class ResponseEvents:
    """The events of a response; each has its number."""

    def __init__(self, begun: Begun, *, dialect: Dialect, wish: Wish) -> None:
        self._begun, self._dialect = begun, dialect
        self._answer = Answer(begun.task, wish, wanted=begun.spec.n)
        self._number = 0

    def begin(self) -> Pieces:
        """What is said before anything is there."""
        told = self._answer.told(status="in_progress")
        pieces = [
            *self._event("response.created", {"response": told}),
            *self._event("response.in_progress", {"response": told}),
        ]
        for place in range(self._begun.spec.n):
            item = self._answer.begun_call(place)
            pieces += self._event("response.output_item.added", {"output_index": place, "item": item})
            pieces += self._call("in_progress", place)
            pieces += self._call("generating", place)
        return pieces

    def unfinished(self, one: Unfinished) -> Pieces:
        """A picture as far as it has come."""
        spec = self._begun.spec
        return self._call(
            "partial_image",
            one.index,
            images=[pybase64.b64encode(one.data)],
            partial_image_index=one.number,
            partial_image_b64=_MARK,
            size=f"{spec.width}x{spec.height}",
            quality=spec.quality_told or spec.quality.value,
            background=spec.background.value,
            output_format=one.output_format.value,
        )

    def finish(self, delivery: Delivery) -> Pieces:
        """Each picture, and then the whole."""
        told, images = self._answer.completed(delivery.result, trace_id=delivery.trace_id)
        pieces: Pieces = []
        for place, item in enumerate(told["output"]):
            is_there = place < len(images)
            if is_there:
                pieces += self._call("completed", place)
            words = {"output_index": place, "item": item}
            pieces += self._event("response.output_item.done", words, images=images[place : place + 1])
        return [*pieces, *self._event("response.completed", {"response": told}, images=images)]

    def fail(self, problem: Problem) -> Pieces:
        """Why there is none."""
        error = render.error_of(code=problem.code, message=problem.message, param=problem.param, dialect=self._dialect)
        told = self._answer.told(status="failed", error=error, trace_id=self._begun.task.trace_id)
        return self._event("response.failed", {"response": told})

    def _call(self, what: str, place: int, *, images: Sequence[bytes] = (), **words: object) -> Pieces:
        item_id = call_id(self._begun.task, place)
        return self._event(
            f"response.image_generation_call.{what}",
            {"output_index": place, "item_id": item_id, **words},
            images=images,
        )

    def _event(self, name: str, words: Mapping[str, Any], *, images: Sequence[bytes] = ()) -> Pieces:
        told = {"type": name, "sequence_number": self._number, **words}
        self._number += 1
        return [b"event: %b\ndata: " % name.encode(), *_filled(told, images), b"\n\n"]
