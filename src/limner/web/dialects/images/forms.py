"""Forms whose fields are text and whose files are pictures, as the values that JSON would have."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from limner.catalog import extras as extra_fields
from limner.domain.problem import InvalidValue, UnknownParameter
from limner.flow.inputs import Reference, Uploaded, reference_of
from limner.web.dialects.images.bodies import EditBody
from limner.web.uploads import Form

_NAME_SHOWN: Final = 80
# As clients write objects and lists into forms.
_WITHIN: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})((?:\[[A-Za-z0-9_]{0,64}\]){1,4})", re.ASCII)
_STEP: Final = re.compile(r"\[([A-Za-z0-9_]*)\]", re.ASCII)
_PICTURE_FIELD: Final = re.compile(r"(images?)(?:\[([0-9]{0,4})\])?", re.ASCII)


def read(form: Form) -> tuple[dict[str, Any], list[Reference], dict[str, Reference]]:
    """The values by name; the pictures to start from, in order; the mask and the markup by name.

    Raises `InvalidValue` or `UnknownParameter`.
    """
    pictures, others = _pictures_of(form)
    given: dict[str, Any] = {}
    for name, text in form.fields:
        if _is_picture(name, text):
            continue
        within = _WITHIN.fullmatch(name)
        if within is not None:
            _put(given, within, text)
            continue
        if name in given:
            raise InvalidValue(f"{name} is there twice: send it once", param=name[:_NAME_SHOWN])
        if text or name in {"prompt", "model"}:
            given[name] = _from_text(name, text)
    return given, pictures, others


def _put(given: dict[str, Any], within: re.Match[str], text: str) -> None:
    """What stands within an object or a list, put there: svg[reasoning][effort], lora[]."""
    name, steps = within[1], _STEP.findall(within[2])
    place: Any = given
    for step, following in zip((name, *steps), (*steps, None), strict=False):
        is_list = isinstance(place, list)
        if is_list and following and place and isinstance(place[-1], dict) and following not in place[-1]:
            place = place[-1]  # the same object goes on until a name comes again
            continue
        fresh: Any = extra_fields.from_text(step or name, text) if following is None else {} if following else []
        there = None if is_list else place.get(step)
        if is_list:
            place.append(fresh)
        elif there is None:
            place[step] = fresh
        elif following is None or not isinstance(there, dict if following else list):
            raise InvalidValue(f"{name} is there twice: send it once", param=name[:_NAME_SHOWN])
        place = fresh if is_list or there is None else there


def _is_picture(name: str, text: str) -> bool:
    """Whether a field of a form is a link to a picture, or the like; it may be JSON as well."""
    return _PICTURE_FIELD.fullmatch(name) is not None and not text.lstrip().startswith(("[", "{"))


def _pictures_of(form: Form) -> tuple[list[Reference], dict[str, Reference]]:
    """The pictures to start from, by their numbers or as they came; the mask and the markup."""
    pictures: list[tuple[int, Reference]] = []
    others: dict[str, Reference] = {}
    came: list[tuple[str, Reference]] = [
        (name, reference_of(text, param=name)) for name, text in form.fields if text and _is_picture(name, text)
    ]
    came += [(name, Uploaded(param=name, path=upload.path, name=upload.name)) for name, upload in form.files]
    for name, reference in came:
        found = _PICTURE_FIELD.fullmatch(name)
        if found is not None:
            pictures.append((int(found[2]) if found[2] else len(pictures), reference))
        elif name not in {"mask", "markup"}:
            raise UnknownParameter(
                f"there is no picture called '{name[:_NAME_SHOWN]}': it is image, image[], mask or markup",
                param=name[:_NAME_SHOWN],
            )
        elif name in others:
            raise InvalidValue(f"{name} is there twice: send it once", param=name)
        else:
            others[name] = reference
    pictures.sort(key=lambda one: one[0])
    return [reference for _, reference in pictures], others


def _from_text(name: str, text: str) -> object:
    """A form's field as JSON would have it. What is no such thing stays text, and is refused as that."""
    known = EditBody.model_fields.get("async_" if name == "async" else name)
    kinds = str(known.annotation) if known is not None else ""
    loose = known is None or known.annotation is Any
    if name == "extra_body" or "dict" in kinds or (loose and text.lstrip().startswith(("{", "["))):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    if "bool" in kinds and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if "int" in kinds and re.fullmatch(r"-?[0-9]{1,30}", text.strip(), re.ASCII):
        return int(text)
    if "float" in kinds and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text.strip(), re.ASCII):
        return float(text)
    return extra_fields.from_text(name, text) if known is None else text
