"""From a conversation to an `Ask`: what the last message of the user says is painted.

The fields of the Images API stand beside the chat's own, and are read by the same rules. What of a chat steers words and not
pictures is passed over; what cannot be answered with a picture is refused, with the route that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import orjson

from limner.domain.ask import Ask
from limner.domain.problem import InvalidValue, MissingParameter, NotOffered
from limner.flow.inputs import Inline, Reference, reference_of
from limner.web.dialects.images import parse
from limner.web.dialects.images.differences import Dialect
from limner.web.dialects.images.parse import InvalidType, MalformedJson, Manner

Action = Literal["auto", "generate", "edit"]
ACTIONS: Final[tuple[Action, ...]] = ("auto", "generate", "edit")

CHAT_PASSED_OVER: Final = frozenset(
    {
        "frequency_penalty",
        "include_reasoning",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "min_p",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "service_tier",
        "stop",
        "store",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)
"""Fields of chat completions that steer words, or how and where words are made: nothing of a picture depends on them."""
RESPONSES_PASSED_OVER: Final = frozenset(
    {
        "context_management",
        "include",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "service_tier",
        "store",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
    }
)
"""The same of responses."""
TOOL: Final = "image_generation"
CALL: Final = "image_generation_call"
CALL_ID_PREFIX: Final = "ig_"
RESPONSE_ID_PREFIX: Final = "resp_"
_CALL_ID: Final = re.compile(r"ig_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:_([0-9]{1,3}))?", re.ASCII)
_RESPONSE_ID: Final = re.compile(r"resp_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
# What may stand for words is bounded: a conversation may be megabytes of brackets.
_MARKDOWN_PICTURE: Final = re.compile(r"!\[[^\[\]]{0,400}\]\(<?((?:https?://|data:image/)[^\s()<>]+)", re.ASCII)
_TASK_IN_LINK: Final = re.compile(
    r"[^?#]*/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[0-9]{1,4}\.[a-z]{3,4}(?:\?|$)", re.ASCII
)
_SHOWN: Final = 80
_MESSAGES_MAX: Final = 10_000
_PICTURES_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A picture that this server has painted before, and that the conversation names.

    `place`: which of its task's, -1 for the last. `url`: the link that stands in the conversation, which may have expired; None: only an id does.
    """

    param: str
    task_id: UUID
    place: int
    url: str | None


Source: TypeAlias = Reference | Ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a conversation asks for.

    `field`: where the conversation stands. `pictures`: those of the last message. `earlier`: the last one that was answered
    before, which the message may go on from. `action`: whether it does: auto, generate (no), edit (it must).
    `as_data`: the answer carries the bytes, not a link. `with_usage`: a streamed chat is to end with what was used.
    """

    ask: Ask
    manner: Manner
    field: str
    pictures: tuple[Reference, ...]
    earlier: Source | None
    mask: Reference | None
    action: Action
    as_data: bool
    with_usage: bool = False
    tools: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] | None = None
    previous: str | None = None


def chat(body: bytes, *, dialect: Dialect, ours: str) -> Wish:
    """Read the body of chat completions. `ours`: how links to this server's pictures begin. Raises a `Problem` that names the field."""
    given = _object(body, example='{"model": "gpt-image-1", "messages": [{"role": "user", "content": "An otter"}]}')
    elsewhere = f"POST {dialect.prefix}/images/generations"
    _refuse_chat(given, elsewhere=elsewhere)
    messages = _list(given.pop("messages", None), name="messages")
    with_usage = _with_usage(given.pop("stream_options", None), is_streamed=given.get("stream") is True)
    form = _word(given, "response_format", among=("url", "b64_json"))
    action = _action(given)
    last, place = _last_of_user(messages, name="messages")
    prompt, pictures = _content(last.get("content"), param=f"messages[{place}].content", elsewhere=elsewhere)
    fields = {name: value for name, value in given.items() if name not in CHAT_PASSED_OVER}
    ask, manner = _ask(fields, prompt=prompt, field="messages", dialect=dialect)
    if ask.partial_images:
        raise NotOffered(
            f"a chat has no place for partial_images: {dialect.prefix}/responses and {elsewhere} show them",
            param="partial_images",
        )
    return Wish(
        ask=ask,
        manner=manner,
        field="messages",
        pictures=pictures,
        earlier=_earlier_in_chat(messages[:place], ours=ours),
        mask=None,
        action=action,
        as_data=form == "b64_json",
        with_usage=with_usage,
    )


def responses(body: bytes, *, dialect: Dialect) -> Wish:
    """The same of the body of responses."""
    given = _object(body, example='{"model": "gpt-image-1", "input": "An otter"}')
    elsewhere = f"POST {dialect.prefix}/images/generations"
    _refuse_responses(given, elsewhere=elsewhere)
    tool = _tool(given.pop("tools", None), elsewhere=elsewhere)
    told = _together({name: value for name, value in given.items() if value is not None}, tool)
    said = told.pop("input", None)
    metadata = told.get("metadata")
    previous = told.pop("previous_response_id", None)
    mask = told.pop("input_image_mask", None)
    action = _action(told)
    _word(told, "response_format", among=("b64_json",))
    fields = {name: value for name, value in told.items() if name not in RESPONSES_PASSED_OVER}
    earlier: Source | None = None if previous is None else _previous(previous)
    if isinstance(said, str):
        prompt, pictures = said, tuple[Reference, ...]()
    else:
        items = _list(said, name="input")
        last, place = _last_of_user(items, name="input")
        prompt, pictures = _content(last.get("content"), param=f"input[{place}].content", elsewhere=elsewhere)
        earlier = _earlier_call(items) or earlier
    ask, manner = _ask(fields, prompt=prompt, field="input", dialect=dialect)
    return Wish(
        ask=ask,
        manner=manner,
        field="input",
        pictures=pictures,
        earlier=earlier,
        mask=None if mask is None else _picture(mask, param="input_image_mask"),
        action=action,
        as_data=True,
        tools=({"type": TOOL, **{name: value for name, value in tool.items() if name != "input_image_mask"}},),
        metadata=metadata if isinstance(metadata, dict) else None,
        previous=previous,
    )


def response_id(text: str) -> UUID | None:
    """The task behind the id of a response; None: no response has it."""
    found = _RESPONSE_ID.fullmatch(text)
    return UUID(found[1]) if found else None


def _previous(said: object) -> Ours:
    task_id = response_id(said) if isinstance(said, str) else None
    if task_id is None:
        raise InvalidValue(
            f"previous_response_id must be the id of a response of this server ({RESPONSE_ID_PREFIX}...)",
            param="previous_response_id",
        )
    return Ours(param="previous_response_id", task_id=task_id, place=-1, url=None)


# the body ----------------------------------------------------------------------------------------------------------------


def _object(body: bytes, *, example: str) -> dict[str, Any]:
    if not body.strip():
        raise MalformedJson(f"the body is empty: send JSON such as {example}")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"the body is not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise MalformedJson(f"the body must be a JSON object, such as {example}")
    inner = given.pop("extra_body", None)
    if inner is not None:
        if not isinstance(inner, dict):
            raise InvalidType("extra_body must be an object", param="extra_body")
        given = _together(given, inner)
    return {name: value for name, value in given.items() if value is not None}


def _together(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """What is said in two places; only a model may be another one inside: that of a tool is the one that paints."""
    for name, value in inner.items():
        if name != "model" and name in outer and outer[name] != value:
            raise InvalidValue(f"{name[:_SHOWN]} is there twice, and differs: send it once", param=name[:_SHOWN])
    return {**outer, **inner}


def _list(given: object, *, name: str) -> list[Any]:
    if given is None or given in ([], ""):
        raise MissingParameter(f"{name} is missing: say what to paint", param=name)
    if not isinstance(given, list):
        raise InvalidType(f"{name} must be a list", param=name)
    if len(given) > _MESSAGES_MAX:
        raise InvalidValue(f"{name} has {len(given)} entries: {_MESSAGES_MAX} are the most", param=name)
    for place, one in enumerate(given):
        if not isinstance(one, dict):
            raise InvalidType(f"{name}[{place}] must be an object", param=f"{name}[{place}]")
    return given


def _word(given: dict[str, Any], name: str, *, among: Sequence[str]) -> str | None:
    said: str | None = given.pop(name, None)
    if said is not None and said not in among:
        raise InvalidValue(f"{name} must be {' or '.join(among)} here", param=name)
    return said


def _action(given: dict[str, Any]) -> Action:
    said = given.pop("action", "auto")
    for action in ACTIONS:
        if said == action:
            return action
    raise InvalidValue(f"action must be {', '.join(ACTIONS)}", param="action")


def _with_usage(options: object, *, is_streamed: bool) -> bool:
    if options is None:
        return False
    if not isinstance(options, dict):
        raise InvalidType("stream_options must be an object", param="stream_options")
    return is_streamed and options.get("include_usage") is True


def _ask(fields: Mapping[str, Any], *, prompt: str, field: str, dialect: Dialect) -> tuple[Ask, Manner]:
    """By the rules of the Images API, whose fields they are."""
    if not prompt.strip():
        raise MissingParameter(f"the last message of the user has no text: say in {field} what to paint", param=field)
    if "model" not in fields:
        raise MissingParameter(
            f"model is missing: name an image model (GET {dialect.prefix}/models lists all)", param="model"
        )
    rest = {name: value for name, value in fields.items() if name != "input_fidelity"}
    if "prompt" in rest:
        raise InvalidValue(f"the prompt is the last message of the user: send {field}, and no prompt", param="prompt")
    try:
        body = orjson.dumps({**rest, "prompt": prompt})
    except orjson.JSONEncodeError:
        raise InvalidValue("a field has too many levels") from None
    ask, manner = parse.generation(body, dialect=dialect)
    if manner.callback_url or manner.is_async or manner.timeout is not None:
        name = "callback_url" if manner.callback_url else "async" if manner.is_async else "timeout"
        raise NotOffered(
            f"a conversation is waited for: leave out {name}, or POST {dialect.prefix}/images/generations", param=name
        )
    fidelity = fields.get("input_fidelity")
    if fidelity is not None and not isinstance(fidelity, str):
        raise InvalidType("input_fidelity must be text in quotes", param="input_fidelity")
    return replace(ask, input_fidelity=fidelity), manner


# the conversation --------------------------------------------------------------------------------------------------------


def _last_of_user(messages: Sequence[Mapping[str, Any]], *, name: str) -> tuple[Mapping[str, Any], int]:
    for place in range(len(messages) - 1, -1, -1):
        one = messages[place]
        if one.get("role") == "user" and one.get("type", "message") == "message":
            return one, place
    raise MissingParameter(f"{name} has no message of the user: say what to paint", param=name)


def _content(content: object, *, param: str, elsewhere: str) -> tuple[str, tuple[Reference, ...]]:
    """The text and the pictures of a message."""
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list):
        raise InvalidType(f"{param} must be text or a list of parts", param=param)
    texts: list[str] = []
    pictures: list[Reference] = []
    for place, part in enumerate(content):
        where = f"{param}[{place}]"
        match part:
            case {"type": "text" | "input_text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url" | "input_image" | "file"}:
                pictures.append(_picture(part, param=where))
            case {"type": str(kind)}:
                raise NotOffered(
                    f"a part of the type '{kind[:_SHOWN]}' is nothing to paint from: send text and pictures here,"
                    f" or {elsewhere}",
                    param=where,
                )
            case _:
                raise InvalidType(f"{where} must be an object with a type", param=where)
    if len(pictures) > _PICTURES_MAX:
        raise InvalidValue(f"{param} has {len(pictures)} pictures: 16 are the most", param=param)
    return "\n".join(texts), tuple(pictures)


def _picture(part: object, *, param: str) -> Reference:
    match part:
        case {"image_url": {"url": str(text)}} | {"image_url": str(text)} | {"file_id": str(text)}:
            return reference_of(text, param=param)
        case {"file": {"file_id": str(text)}} | {"file": {"file_data": str(text)}}:
            return reference_of(text, param=param)
        case _:
            raise InvalidType(
                f"{param} must have an image_url (a link or a data URL) or a file_id (file-...)", param=param
            )


def _earlier_in_chat(messages: Sequence[Mapping[str, Any]], *, ours: str) -> Source | None:
    """The last picture of the last answer."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].get("role") == "assistant":
            param = f"messages[{place}]"
            found = [_of_ours(url, param=param, ours=ours) for url in _urls(messages[place])]
            return next((one for one in reversed(found) if one is not None), None)
    return None


def _urls(message: Mapping[str, Any]) -> Iterator[str]:
    """The pictures of an answer, as its text shows them, and as they stand beside it."""
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for part in parts if isinstance(parts, list) else ():
        match part:
            case {"type": "text", "text": str(text)}:
                yield from _MARKDOWN_PICTURE.findall(text)
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield url
    images = message.get("images")
    for one in images if isinstance(images, list) else ():
        match one:
            case {"image_url": {"url": str(url)}}:
                yield url


def _of_ours(url: str, *, param: str, ours: str) -> Source | None:
    """None: what somebody else has drawn, or what only looks like a picture."""
    if url.startswith("data:image/"):
        return Inline(param=param, text=url)
    if not url.startswith(ours):
        return None
    found = _TASK_IN_LINK.match(url)
    if found is None:
        return None
    return Ours(param=param, task_id=UUID(found[1]), place=0, url=url)


def _earlier_call(items: Sequence[Mapping[str, Any]]) -> Source | None:
    """The last picture that the conversation names, wherever it stands: programs put it behind the message, too."""
    for place in range(len(items) - 1, -1, -1):
        one, param = items[place], f"input[{place}]"
        if one.get("type") not in (CALL, "item_reference"):
            continue
        id_, result = one.get("id"), one.get("result")
        found = _CALL_ID.fullmatch(id_) if isinstance(id_, str) else None
        if found is not None:
            return Ours(param=param, task_id=UUID(found[1]), place=int(found[2] or 0), url=None)
        if isinstance(result, str) and result:
            return Inline(param=param, text=f"data:image/png;base64,{result}")
        if one["type"] == CALL:
            raise InvalidValue(f"{param} is no picture of this server: its id begins with ig_", param=param)
    return None


# what a picture cannot answer --------------------------------------------------------------------------------------------


def _refuse_chat(given: dict[str, Any], *, elsewhere: str) -> None:
    """Take out what says nothing, refuse what would have to be answered in words, sound or calls."""
    for name in ("tools", "functions"):
        if given.pop(name, None):
            raise _words(name, "no model here calls tools", elsewhere=elsewhere)
    for name in ("tool_choice", "function_call"):
        said = given.pop(name, None)
        if said not in (None, "auto", "none"):
            raise _words(name, "no model here calls tools", elsewhere=elsewhere)
    match given.get("response_format"):
        case {"type": "text"}:
            del given["response_format"]
        case {"type": str(kind)}:
            raise _words("response_format", f"an answer is a picture, not {kind[:_SHOWN]}", elsewhere=elsewhere)
    modalities = given.pop("modalities", [])
    if not isinstance(modalities, list) or any(one not in ("text", "image") for one in modalities):
        raise _words("modalities", "an answer is a picture: text and image can be asked for", elsewhere=elsewhere)
    for name, why in (("audio", "an answer is a picture, not sound"), ("web_search_options", "nothing is searched")):
        if name in given:
            raise _words(name, why, elsewhere=elsewhere)


def _refuse_responses(given: dict[str, Any], *, elsewhere: str) -> None:
    if given.get("background") is True:
        raise NotOffered(
            f'background: a response is waited for. For later, send {{"async": true}} to {elsewhere}, and ask for the task',
            param="background",
        )
    if given.get("background") is False:
        del given["background"]
    for name, why in (
        ("conversation", "conversations are not kept: send this one in input"),
        ("prompt", "prompt templates are not kept here: write what to paint in input"),
    ):
        if name in given:
            raise _words(name, why, elsewhere=elsewhere)
    match given.pop("text", None):
        case None | {"format": {"type": "text"}}:
            pass
        case dict(text) if "format" not in text:
            pass
        case _:
            raise _words("text", "an answer is a picture, not a text of a form", elsewhere=elsewhere)
    match given.pop("tool_choice", "auto"):
        case "auto" | "required" | {"type": "image_generation"}:
            pass
        case {"type": "allowed_tools", "tools": [{"type": "image_generation"}]}:
            pass
        case _:
            raise _words("tool_choice", f"the only tool here is {TOOL}", elsewhere=elsewhere)


def _words(name: str, why: str, *, elsewhere: str) -> NotOffered:
    return NotOffered(
        f"{name}: {why}. Leave it out, or use {elsewhere}, which takes everything that can be done here", param=name
    )


def _tool(given: object, *, elsewhere: str) -> dict[str, Any]:
    """The fields of the one tool there is."""
    if given is None:
        return {}
    if not isinstance(given, list):
        raise InvalidType("tools must be a list", param="tools")
    found: list[dict[str, Any]] = []
    for place, one in enumerate(given):
        if not isinstance(one, dict):
            raise InvalidType(f"tools[{place}] must be an object", param=f"tools[{place}]")
        if one.get("type") != TOOL:
            kind = str(one.get("type"))[:_SHOWN]
            raise _words(f"tools[{place}]", f"there is no tool '{kind}' here, only {TOOL}", elsewhere=elsewhere)
        found.append({name: value for name, value in one.items() if name != "type" and value is not None})
    if len(found) > 1:
        raise InvalidValue(f"tools has {TOOL} {len(found)} times: send it once", param="tools")
    return found[0] if found else {}
