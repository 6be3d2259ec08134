"""From a `Spec` to the call of one upstream: everything that is sent, and what was changed on the way.

Pure: nothing is sent here. A body is a few pieces that are written one after the other, so that the caller's pictures are
never copied into it.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import pybase64

from limner.domain.spec import Background, OutputFormat, Quality, Source, Spec, Style
from limner.engines import EngineCannot
from limner.engines.openai_relay.dialects import Dialect, Size, dialect_of, styled
from limner.engines.openai_relay.options import RelayOptions, UpstreamOptions
from limner.kit.ids import uuid7

_SEED_BITS: Final = 32
_SEEDS: Final = 2**63
_PARTIALS_MAX: Final = 3
# What cannot be made of anything else that an upstream sends.
_AS_IT_COMES: Final = frozenset({OutputFormat.GIF, OutputFormat.SVG})
# Names under which dall-e-3's manners are expected: there vivid is what one gets without asking.
_VIVID_BY_DEFAULT: Final = "dall-e-3"
_STYLED_CHARACTERS: Final = 80
_COMPRESSED: Final = frozenset({OutputFormat.JPEG, OutputFormat.WEBP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to an upstream, as it is sent with POST.

    `body`: the pieces of the body in their order, `length` bytes together; `headers` has their Content-Type and length.
    `count` pictures are asked for, `first_index` is the index of the first among the spec's. `stream`: the answer comes
    as events. `size`: what was asked for. `prompt`: what is painted from. `seed`: of the first picture, each further one
    has one more; None if the upstream is told none. `output_format`: what was asked for; None if it cannot be told.
    `notes`: what the caller should know.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: tuple[bytes, ...] = field(repr=False)
    count: int
    first_index: int
    stream: bool
    size: Size
    prompt: str = field(repr=False)
    seed: int | None
    output_format: OutputFormat | None
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """The body's bytes."""
        return sum(map(len, self.body))

    def seed_of(self, number: int) -> int | None:
        """The seed of the call's picture `number`, from 0 on."""
        return None if self.seed is None else (self.seed + number) % _SEEDS


def per_call(spec: Spec, *, upstream: UpstreamOptions) -> int:
    """How many pictures one call may ask for: one where they stream, since nothing says which a partial one is of."""
    dialect = _dialect(spec, upstream=upstream)
    return 1 if streams(spec, upstream=upstream) else min(spec.n, dialect.pictures_per_call)


def streams(spec: Spec, *, upstream: UpstreamOptions) -> bool:
    """Whether partial pictures are wanted and the upstream has them."""
    is_whole = spec.output_format in _AS_IT_COMES or _is_variation(spec, dialect=_dialect(spec, upstream=upstream))
    return spec.partials > 0 and not is_whole and _dialect(spec, upstream=upstream).streams


def extras_of(upstream: UpstreamOptions, *, model: str) -> frozenset[str]:
    """The parameters beyond a profile's that the upstream takes for what is called `model` here; none if it does not serve it."""
    name = upstream.model_for(model)
    if name is None:
        return frozenset()
    dialect = dialect_of(upstream, model=name)
    return frozenset({*dialect.extras, *dialect.edit_extras, *({"seed"} if dialect.seed else ())})


def images_max_of(upstream: UpstreamOptions) -> int:
    """How many pictures the upstream can start from, whichever of its models is asked."""
    names = [upstream.model or "", *(upstream.models or {}).values()]
    dialects = [dialect_of(upstream, model=name) for name in names]
    return max(dialect.images_max if dialect.edits else 0 for dialect in dialects)


def call_of(
    spec: Spec, *, upstream: UpstreamOptions, options: RelayOptions, count: int, first_index: int, stream: bool
) -> Call:
    """The call that asks `upstream` for `count` pictures, the first being number `first_index` of the spec's.

    Raises `EngineCannot`, with `param`, for what the upstream's dialect has no word for.
    """
    dialect = _dialect(spec, upstream=upstream)
    model = upstream.model_for(spec.model) or ""
    _check(spec, dialect=dialect, part=upstream.name)
    size = dialect.size_for((spec.width, spec.height), frames=spec.frames)
    prompt = _prompt(spec, dialect=dialect)
    is_variation = _is_variation(spec, dialect=dialect)
    seed = _seed(spec, dialect=dialect, first_index=first_index)
    fields: dict[str, Any] = {}
    if model and (dialect.model == "always" or (dialect.model == "named" and (upstream.model or upstream.models))):
        fields["model"] = model
    if not is_variation:
        fields["prompt"] = prompt
    if count > 1:
        fields["n"] = count
    fields["size"] = f"{size[0]}x{size[1]}"
    # What will be cropped comes without loss: it is compressed once, afterwards.
    is_fitted = options.fit != "off" and size != (spec.width, spec.height) and spec.output_format not in _AS_IT_COMES
    written = _add_choices(fields, spec, dialect=dialect, is_fitted=is_fitted)
    if dialect.response_format:
        # What lies elsewhere cannot be made to fit.
        passes = options.links == "pass" and spec.links_will_do and dialect.links and not is_fitted
        fields["response_format"] = "url" if passes else "b64_json"
    if stream:
        fields["stream"] = True
        if dialect.partials:
            fields["partial_images"] = min(spec.partials, _PARTIALS_MAX)
    _add_extras(fields, spec, dialect=dialect, seed=seed)
    content_type, body = _body(fields, spec, dialect=dialect)
    return Call(
        url=upstream.base + _path(spec, dialect=dialect),
        headers=_headers(upstream, content_type=content_type, length=sum(map(len, body)), stream=stream),
        body=body,
        count=count,
        first_index=first_index,
        stream=stream,
        size=size,
        prompt=prompt,
        seed=seed,
        output_format=written,
        notes=_notes(spec, dialect=dialect),
    )


def _dialect(spec: Spec, *, upstream: UpstreamOptions) -> Dialect:
    model = upstream.model_for(spec.model)
    if model is None:
        raise EngineCannot(f"no upstream serves the model '{spec.model}'", param="model", part=upstream.name)
    return dialect_of(upstream, model=model)


def _is_variation(spec: Spec, *, dialect: Dialect) -> bool:
    """Whether it goes where variations are made, without words; else they are edits."""
    return spec.is_variation and dialect.variations is not None


def _path(spec: Spec, *, dialect: Dialect) -> str:
    if not spec.images:
        return dialect.generations
    return (dialect.variations if _is_variation(spec, dialect=dialect) else dialect.edits) or ""


# what it cannot ----------------------------------------------------------------------------------------------------------


def _check(spec: Spec, *, dialect: Dialect, part: str) -> None:
    """Raise `EngineCannot` for the first thing that the dialect has no word for."""
    taken = dialect.edit_extras if spec.images else dialect.extras
    formats = dialect.edit_formats if spec.images else dialect.formats
    for refused, param, message in (
        (
            spec.output_format in _AS_IT_COMES and spec.output_format not in formats,
            "output_format",
            f"the upstream writes no {spec.output_format}: png, jpeg and webp it does",
        ),
        (
            spec.background is Background.TRANSPARENT and not dialect.transparent,
            "background",
            "the upstream paints no transparent backgrounds: leave background out",
        ),
        (
            spec.background is Background.TRANSPARENT and spec.output_format is OutputFormat.JPEG,
            "background",
            "a jpeg cannot be transparent: png and webp can",
        ),
        (
            len(spec.prompt) > dialect.prompt_characters_max,
            "prompt",
            f"prompt has {len(spec.prompt)} characters; the upstream takes at most {dialect.prompt_characters_max}",
        ),
        (
            bool(dialect.extras_in_prompt) and f"<{dialect.extras_in_prompt}>" in spec.prompt,
            "prompt",
            f"prompt may not contain <{dialect.extras_in_prompt}>: the upstream would take it for an order",
        ),
        (spec.seed is not None and dialect.seed is None, "seed", "the upstream takes no seed: leave it out"),
        (bool(spec.images) and dialect.edits is None, "image", "the upstream starts from words alone"),
        (
            len(spec.images) > dialect.images_max,
            "image",
            f"the upstream starts from at most {dialect.images_max} pictures, not {len(spec.images)}",
        ),
        (spec.mask is not None and not spec.images, "mask", "a mask needs the picture that it belongs to"),
        (spec.mask is not None and dialect.mask is None, "mask", "the upstream takes no mask: leave it out"),
        (spec.markup is not None and not dialect.markup, "markup", "the upstream takes no markup: leave it out"),
        *((name not in taken, name, f"the upstream has no parameter '{name}': leave it out") for name in spec.extras),
    ):
        if refused:
            raise EngineCannot(message, param=param, part=part)


# what is said ------------------------------------------------------------------------------------------------------------


def _prompt(spec: Spec, *, dialect: Dialect) -> str:
    """The prompt, with the style in words for those that have no field for it."""
    if dialect.style == "field":
        return spec.prompt
    # Every spec has a style, and vivid stands for "not said" too: only where it is the manner expected is it put into words.
    is_meant = spec.style is not Style.VIVID or (spec.model.startswith(_VIVID_BY_DEFAULT) and not spec.images)
    if not is_meant or len(spec.prompt) + _STYLED_CHARACTERS > dialect.prompt_characters_max:
        return spec.prompt
    return styled(spec.prompt, spec.style)


def _seed(spec: Spec, *, dialect: Dialect, first_index: int) -> int | None:
    if spec.seed is not None:
        return (spec.seed + first_index) % _SEEDS
    return secrets.randbits(_SEED_BITS) if dialect.seed == "always" else None


def _quality(spec: Spec, *, dialect: Dialect) -> str | None:
    """A word of theirs as the caller said it; any other by the work that it stands for, so that it costs what we charge."""
    if spec.quality_word in dialect.quality_words:
        return spec.quality_word
    return dialect.qualities.get(spec.quality)


def _add_choices(fields: dict[str, Any], spec: Spec, *, dialect: Dialect, is_fitted: bool) -> OutputFormat | None:
    """Quality, style, background, format, moderation, user. Returns the format asked for, if one could be."""
    quality = _quality(spec, dialect=dialect)
    if quality is not None and not _is_variation(spec, dialect=dialect):
        fields["quality"] = quality
    if dialect.style == "field" and not spec.images:
        fields["style"] = spec.style.value
    if spec.background is Background.TRANSPARENT:
        fields["background"] = "transparent"
    written = _add_format(fields, spec, dialect=dialect, is_fitted=is_fitted)
    hints = _hints(spec, dialect=dialect)
    fields.update({name: word for name, word, is_taken in hints if word is not None and is_taken})
    if spec.user is not None and dialect.user is not None:
        fields[dialect.user] = spec.user
    return written


def _add_format(fields: dict[str, Any], spec: Spec, *, dialect: Dialect, is_fitted: bool) -> OutputFormat | None:
    formats = dialect.edit_formats if spec.images else dialect.formats
    if not formats:
        return None
    written = spec.output_format if spec.output_format in formats and not is_fitted else OutputFormat.PNG
    fields["output_format"] = written.value
    if dialect.compresses and written in _COMPRESSED:
        fields["output_compression"] = spec.output_compression
    if written is OutputFormat.GIF:
        fields.update(frame_count=spec.frames, frame_duration_ms=spec.frame_milliseconds)
    if written is OutputFormat.SVG and spec.svg is not None:
        fields["svg"] = dict(spec.svg)
    return written


def _hints(spec: Spec, *, dialect: Dialect) -> tuple[tuple[str, str | None, bool], ...]:
    """What a picture may be painted without: the field, what was said, and whether the upstream is told."""
    moderates = dialect.moderates_edits if spec.images else dialect.moderates
    fidelity = spec.input_fidelity
    return (
        ("moderation", spec.moderation, moderates),
        ("input_fidelity", fidelity, bool(spec.images) and fidelity in dialect.fidelities),
        ("complexity", spec.complexity, dialect.complexity),
    )


def _add_extras(fields: dict[str, Any], spec: Spec, *, dialect: Dialect, seed: int | None) -> None:
    """The further parameters under the upstream's names: beside the others, or within the prompt."""
    names = dialect.edit_extras if spec.images else dialect.extras
    theirs: dict[str, Any] = {} if dialect.extras_in_prompt else fields
    if seed is not None:
        theirs["seed"] = seed
    for name, value in spec.extras.items():
        place = theirs
        *path, last = names[name].split(".")
        for step in path:
            place = place.setdefault(step, {})
        place[last] = _loras(value) if name == "lora" and dialect.extras_in_prompt else value
    if dialect.extras_in_prompt and theirs:
        tag = dialect.extras_in_prompt
        # No value may end the tag early: "<" is written as JSON's escape of it.
        told = orjson.dumps(theirs).decode().replace("<", "\\u003c")
        fields["prompt"] = f"{fields['prompt']} <{tag}>{told}</{tag}>"


def _loras(value: Any) -> list[dict[str, Any]]:
    """sd-server's list of LoRAs from a name, an object with `name` and `scale`, or a list of either."""
    found = []
    for one in value if isinstance(value, (list, tuple)) else [value]:
        told = one if isinstance(one, Mapping) else {"name": one}
        name = told.get("path") or told.get("name")
        scale = told.get("scale", 1.0)
        if not isinstance(name, str) or isinstance(scale, bool) or not isinstance(scale, (int, float)):
            raise EngineCannot('lora is a name, or an object such as {"name": "ink", "scale": 0.8}', param="lora")
        found.append({"path": name, "multiplier": scale})
    return found


def _notes(spec: Spec, *, dialect: Dialect) -> tuple[str, ...]:
    notes = []
    if not dialect.qualities and spec.quality is not Quality.STANDARD:
        notes.append(f"the upstream has one quality only: '{spec.quality_word}' made no difference")
    for name, word, is_taken in _hints(spec, dialect=dialect):
        if word is not None and not is_taken:
            notes.append(f"the upstream does not take {name} '{word}', and was not told")
    return tuple(notes)


# how it is sent ----------------------------------------------------------------------------------------------------------


def _headers(upstream: UpstreamOptions, *, content_type: str, length: int, stream: bool) -> dict[str, str]:
    headers = dict(upstream.headers)
    headers["Accept"] = "text/event-stream, application/json" if stream else "application/json"
    headers["Content-Type"] = content_type
    headers["Content-Length"] = str(length)
    headers["Idempotency-Key"] = str(uuid7())
    if upstream.key is not None:
        headers["Authorization"] = f"Bearer {upstream.key}"
    if upstream.organization is not None:
        headers["OpenAI-Organization"] = upstream.organization
    if upstream.project is not None:
        headers["OpenAI-Project"] = upstream.project
    return headers


def _body(fields: dict[str, Any], spec: Spec, *, dialect: Dialect) -> tuple[str, tuple[bytes, ...]]:
    """The Content-Type, and the pieces of the body."""
    if not spec.images:
        return "application/json", (orjson.dumps(fields),)
    if dialect.edit_body == "json":
        return "application/json", _json_with(fields, spec.images)
    over = []
    if spec.mask is not None:
        mask = spec.mask.data if dialect.mask == "transparent" else grey_mask(spec.mask.data)
        over.append((dialect.mask_field, mask))
    if spec.markup is not None:
        over.append(("markup", spec.markup.data))
    return _form(fields, spec.images, over=over, dialect=dialect)


def _json_with(fields: dict[str, Any], images: Sequence[Source]) -> tuple[bytes, ...]:
    """JSON with the pictures as data addresses, each encoded once and put in whole: JSON need not look at base64."""
    mark = secrets.token_hex(8)
    names = [f"{mark}-{number}" for number in range(len(images))]
    told = orjson.dumps(
        {**fields, "input_references": [{"type": "image_url", "image_url": {"url": name}} for name in names]}
    )
    pieces = []
    for name, image in zip(names, images, strict=True):
        before, _, told = told.partition(name.encode())
        pieces += [before, f"data:{image.media_type};base64,".encode(), pybase64.b64encode(image.data)]
    return (*pieces, told)


def _form(
    fields: dict[str, Any], images: Sequence[Source], *, over: Sequence[tuple[str, bytes]], dialect: Dialect
) -> tuple[str, tuple[bytes, ...]]:
    """multipart/form-data: texts first, since some servers want to know what a file is for before it comes.

    `over`: pngs that lie over the first picture, by the names of their fields.
    """
    boundary = f"limner-{secrets.token_hex(16)}"
    pieces: list[bytes] = []
    for name, value in _in_brackets(fields):
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        pieces.append(f"{head}{text}\r\n".encode())
    files = [(dialect.image_field, image.data, image.media_type) for image in images]
    files += [(name, data, "image/png") for name, data in over]
    for number, (name, data, media_type) in enumerate(files):
        filename = f"{number}.{media_type.rpartition('/')[2]}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        pieces += [head.encode(), data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", tuple(pieces)


def _in_brackets(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a form: OpenAI's object as its own clients write it, svg[model]; other objects are JSON to whoever takes them."""
    for name, value in fields.items():
        if name != "svg":
            yield name, value
            continue
        inner = [(name, value)]
        while inner:
            path, one = inner.pop(0)
            if isinstance(one, Mapping):
                inner = [*((f"{path}[{key}]", each) for key, each in one.items()), *inner]
            elif one is not None:
                yield path, one


def grey_mask(mask: bytes) -> bytes:
    """A mask as diffusion servers read it: white where ours is transparent, black elsewhere. A png for a png."""
    from PIL import Image, ImageChops

    with Image.open(io.BytesIO(mask)) as picture:
        alpha = picture.convert("RGBA").getchannel("A")
    file = io.BytesIO()
    ImageChops.invert(alpha).save(file, "PNG", compress_level=1)
    return file.getvalue()
