"""What each tool is called with: one model per tool, from which its schema is made and its arguments are read.

Values are not judged here: which sizes or qualities a model has, the server knows and says best.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_PICTURES_MAX: Final = 16
_LISTED_MAX: Final = 100
_Arguments = TypeVar("_Arguments", bound=BaseModel)

REMOTE: Final = "an https link, a data URL, the id of a file (file-...), or task:ID for the picture of an earlier task (task:ID/2 for its second)"
LOCAL: Final = f"the path of a file on this machine, {REMOTE}"


class ArgumentTrouble(Exception):
    """The arguments cannot be used; `message` says which and why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Wish(_Given):
    model: Annotated[
        str | None, Field(description="Which model; the tool `models` lists them, with what they take and cost.")
    ] = None
    size: Annotated[
        str | None,
        Field(description="Width x height in pixels, such as 1024x1024, 1536x1024 or 1024x1536; or auto."),
    ] = None
    quality: Annotated[
        str | None,
        Field(description="How much work: low, medium, high or auto; dall-e models have standard and hd."),
    ] = None
    n: Annotated[int | None, Field(ge=1, description="How many pictures; 1 without it.")] = None
    background: Annotated[
        str | None, Field(description="transparent (png or webp), opaque, or auto.", examples=["transparent"])
    ] = None
    output_format: Annotated[str | None, Field(description="png (without it), jpeg, webp, gif or svg.")] = None
    output_compression: Annotated[
        int | None, Field(ge=0, le=100, description="For jpeg and webp: 0 to 100, less is smaller.")
    ] = None
    seed: Annotated[int | None, Field(ge=0, description="The same seed gives the same picture.")] = None
    negative_prompt: Annotated[
        str | None, Field(description="What is not to be in the picture; only some models take it.")
    ] = None
    more: Annotated[
        dict[str, Any] | None,
        Field(description="Further fields that the model takes, by name, such as moderation, frame_count or steps."),
    ] = None

    def body(self, *, model: str) -> dict[str, Any]:
        """The fields of a request to the server that say what is wanted."""
        named = self.model_dump(exclude_none=True, exclude={"more", *_NOT_SENT})
        return {"model": model, **(self.more or {}), **named}


_NOT_SENT: Final = frozenset({"wait", "images", "mask"})
_Wait = Annotated[
    bool,
    Field(
        description="true: the answer has the pictures. false: the answer is the task's id, to be asked for with `task`."
    ),
]


class Paint(_Wish):
    """Arguments of `paint`."""

    prompt: Annotated[str, Field(description="What the picture shows, in English or Chinese.", min_length=1)]
    style: Annotated[str | None, Field(description="vivid or natural; dall-e-3 and illustrator only.")] = None
    wait: _Wait = True


class Quote(_Wish):
    """Arguments of `quote`: those of `paint`."""

    prompt: Annotated[str, Field(description="What the picture would show.", min_length=1)]
    style: Annotated[str | None, Field(description="vivid or natural; dall-e-3 and illustrator only.")] = None


class Edit(_Wish):
    """Arguments of `edit`. What `images` may be depends on where it runs: see `schema`."""

    prompt: Annotated[str, Field(description="What to make of the pictures.", min_length=1)]
    images: Annotated[
        list[str], Field(description="The pictures to start from, up to 16.", min_length=1, max_length=_PICTURES_MAX)
    ]
    mask: Annotated[
        str | None,
        Field(description="A png as large as the first picture: where it is transparent, that is painted anew."),
    ] = None
    input_fidelity: Annotated[
        str | None, Field(description="high or low: how closely to keep to the pictures; some models only.")
    ] = None
    wait: _Wait = True


class OneTask(_Given):
    """Arguments of `task`."""

    id: Annotated[str, Field(description="The task's id.", min_length=1)]
    wait: Annotated[
        bool, Field(description="true: answer when it has ended. false: answer at once with how it stands.")
    ] = False


class ListTasks(_Given):
    """Arguments of `tasks`."""

    status: Annotated[
        str | None,
        Field(description="Only queued, running, succeeded, failed, cancelled or expired ones; several with commas."),
    ] = None
    model: Annotated[str | None, Field(description="Only those of this model.")] = None
    limit: Annotated[int, Field(ge=1, le=_LISTED_MAX, description="How many at most.")] = 20
    after: Annotated[str | None, Field(description="The `next` of the page before: the tasks that follow it.")] = None


class Cancel(_Given):
    """Arguments of `cancel`."""

    id: Annotated[str, Field(description="The task's id.", min_length=1)]


class Models(_Given):
    """Arguments of `models`."""

    name: Annotated[
        str | None, Field(description="One model, to see all its parameters; without it, all models in short.")
    ] = None


def read(kind: type[_Arguments], given: Mapping[str, Any] | None) -> _Arguments:
    """The arguments as `kind`. Raises `ArgumentTrouble` with a sentence on each that is wrong."""
    try:
        return kind.model_validate(dict(given or {}))
    except ValidationError as error:
        names = ", ".join(kind.model_fields)
        raise ArgumentTrouble("; ".join(_sentence(one, names=names) for one in error.errors())) from None


def _sentence(fault: Mapping[str, Any], *, names: str) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"there is no argument '{where}': there are {names}"
    if fault["type"] == "missing":
        return f"{where} is missing"
    said = str(fault["msg"])
    return f"{where}: {said[:1].lower()}{said[1:]}"


def schema(kind: type[BaseModel], *, reads_files: bool, default_model: str) -> dict[str, Any]:
    """The JSON schema that a tool is listed with: plain enough for every client, and true of where it runs."""
    made = kind.model_json_schema()
    properties: dict[str, Any] = {name: _plain(one) for name, one in made["properties"].items()}
    if "model" in properties and issubclass(kind, _Wish):
        properties["model"]["description"] += f" Without it: {default_model}."
    which = LOCAL if reads_files else REMOTE
    if "images" in properties:
        properties["images"]["description"] += f" Each is {which}."
        properties["mask"]["description"] += f" Given like a picture: {which}."
    required = made.get("required", [])
    return {
        "type": "object",
        # What must be given comes first: people and models read from the top.
        "properties": {name: properties[name] for name in sorted(properties, key=lambda name: name not in required)},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """A property that may be left out, without the null that Pydantic would take as well."""
    rest = {name: value for name, value in given.items() if name not in {"title", "anyOf", "default"}}
    kinds = [one for one in given.get("anyOf", ()) if one.get("type") != "null"]
    default = given.get("default")
    return {**(kinds[0] if kinds else {}), **rest, **({} if default is None else {"default": default})}
