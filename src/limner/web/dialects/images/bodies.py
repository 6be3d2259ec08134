"""The fields that requests may have, with their types: what OpenAPI describes, and what Pydantic checks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_Whole = Annotated[int, Field(strict=True)]
_Words = Annotated[str, Field(strict=True)]
_YesNo = Annotated[bool, Field(strict=True)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class GenerationBody(BaseModel):
    """The body of POST .../images/generations. null is the same as not given.

    Further fields are the engine's: GET /v1/models lists them for each model.
    """

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    prompt: _Words | None = None
    """What to paint."""
    model: _Words | None = None
    """A name that GET /v1/models lists."""
    n: _Whole | None = None
    """How many pictures."""
    size: _Words | None = None
    """Width x height in pixels, such as 1024x1024, or auto."""
    quality: _Words | None = None
    """standard or hd for dall-e models; low, medium, high for GPT image models; auto for all."""
    style: _Words | None = None
    """vivid or natural."""
    response_format: _Words | None = None
    """url or b64_json."""
    output_format: _Words | None = None
    """png, jpeg, webp, gif or svg."""
    output_compression: _Whole | None = None
    """0 to 100, for jpeg and webp."""
    background: _Words | None = None
    """transparent, opaque or auto."""
    moderation: _Words | None = None
    """auto or low."""
    user: _Words | None = None
    """Who of the caller's own users asks; kept with the task."""
    safety_identifier: _Words | None = None
    """The newer name of user."""
    seed: _Whole | None = None
    """The same seed gives the same picture."""
    stream: _YesNo | None = None
    """true: the answer comes as server-sent events, unfinished pictures before the finished ones."""
    partial_images: _Whole | None = None
    """0 to 3: how many unfinished pictures to show of each, where the answer is streamed."""
    complexity: _Words | None = None
    """low, medium or high: how much is to be seen in the picture."""
    frame_count: _Whole | None = None
    """2 to 16: the pictures that a gif is made of."""
    frame_duration_ms: _Whole | None = None
    """How long a gif shows each of them, in milliseconds."""
    svg: dict[str, Any] | None = None
    """What to think with before an svg is drawn: {"model": ..., "reasoning": {"effort": ...}}."""
    callback_url: _Words | None = None
    """Where to POST the answer when the task has ended; this request is answered at once with its id."""
    callback_secret: _Words | None = None
    """What to sign that with, in X-Callback-Signature, beside the signature of every callback."""
    async_: _YesNo | None = Field(default=None, alias="async")
    """true: this request is answered at once with the task's id, to be asked for later."""
    timeout: _Number | None = None
    """How many seconds to wait for the answer; after that, this request is answered with the task's id."""
    trace_id: _Words | None = None
    """The caller's own name for this task's trace, in place of the one that would be made."""


class EditBody(GenerationBody):
    """The body of POST .../images/edits and .../images/variations, as JSON or as a form with files.

    A picture is a file of the form, or a text: an https link, a data URL, or the id of a file (`file-...`); also as
    `{"image_url": ...}` or `{"file_id": ...}`.
    """

    image: Any = None
    """The picture to start from, or a list of up to 16."""
    images: Any = None
    """The same, as OpenAI's JSON has it: a list of `{"image_url": ...}` or `{"file_id": ...}`."""
    mask: Any = None
    """A png as large as the first picture: where it is transparent, that is painted anew."""
    markup: Any = None
    """A transparent png as large as the first picture, with what was drawn over it to say what is meant."""
    input_fidelity: _Words | None = None
    """high or low: how closely to keep to the pictures."""
