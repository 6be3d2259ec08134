"""What a stranger cannot guess: ids that exist, models, pictures that are pictures.

Generated cases fit the schemas, but a random id is never a task's, and random bytes are no picture: without this, nearly
all of them would end at the first look-up.
"""

from __future__ import annotations

import base64
import random
import re
import struct
import zlib
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, Final

_IDS_MAX: Final = 40
_SIDE: Final = 64
_PICTURES: Final = frozenset({"image", "mask", "markup"})
_UNTOLD: Final = 0.2
_WHOLE: Final = 0.4
_NEWEST: Final = 0.3
_HEADERS: Final = {
    "Prefer": ("respond-async", "wait=1", "respond-async, wait=0"),
    "X-Limner-Keep-Alive": ("0", "1", "60"),
    "X-Limner-Priority": ("low", "normal", "high"),
    "X-Limner-Lenient": ("true", "false"),
    "Last-Event-ID": ("1", "end"),
    "Range": ("bytes=0-9", "bytes=-5", "bytes=999999-"),
    "If-None-Match": ("*",),
}
_NAME: Final = re.compile(r"[a-z_]+(\[[a-z]*\])?")
_KEPT: Final = frozenset({"model", "prompt", "messages", "input", "file", "code", "image", "images"})


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _clear_png() -> bytes:
    """A picture, and a mask for it too: half of it is clear."""
    row = b"\0" + b"\x20\x60\xa0\xff" * (_SIDE // 2) + b"\0\0\0\0" * (_SIDE // 2)
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 6, 0, 0, 0)
    chunks = [_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(row * _SIDE)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PNG: Final = _clear_png()
DATA_URL: Final = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


class Knowledge:
    """Learns ids from answers, and puts them into later cases."""

    def __init__(self, *, seed: int, callback_url: str) -> None:
        self._random = random.Random(seed)
        self._spared: set[str] = set()
        self._callback_url = callback_url
        self._ids: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_IDS_MAX))

    def spare(self, answer: Mapping[str, Any]) -> None:
        """Put none of the ids in this list into a case."""
        self._spared |= {one["id"] for one in answer["items"]}

    def learn(self, path: str, answer: object) -> None:
        """Keep the ids that an answer of this path tells."""
        if not isinstance(answer, Mapping):
            return
        self._keep("tasks", answer.get("task_id"))
        listed = answer.get("data", answer.get("items"))
        for one in [answer, *(listed if isinstance(listed, list) else [])]:
            if isinstance(one, Mapping):
                self._keep(_kind(path), one.get("id"))

    def _keep(self, kind: str, id_: object) -> None:
        if isinstance(id_, str) and id_ not in self._spared and id_ not in self._ids[kind]:
            self._ids[kind].append(id_)

    def know(self, kind: str) -> str | None:
        """One of the ids of this kind: the last part of the path that lists them."""
        found = self._ids[kind]
        if found and self._random.random() < _NEWEST:
            return found[-1]  # a task that may not have ended yet
        return self._random.choice(found) if found else None

    def tell(self, case: Any, *, whole: bool) -> None:
        """Let most cases have what there really is, where they have made something up. `whole`: leave no field out."""
        chance = self._random.random()
        if chance < _UNTOLD:
            return
        for name in case.path_parameters or {}:
            if id_ := self.know(_kind(case.path)):
                case.path_parameters[name] = id_
        if case.headers:
            self._headers(case)
        if isinstance(case.body, dict):
            body = case.body if whole or chance < _WHOLE else self._some(case.body)
            if "prompt" in body or "messages" in body:
                body = {"model": None, **body}
            case.body = {name: self._value(name, value, case=case) for name, value in body.items()}

    def _headers(self, case: Any) -> None:
        for name, values in _HEADERS.items():
            if name in case.headers:
                case.headers[name] = self._random.choice(values)

    def _some(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the model can do depends on so much that few cases with every field get through."""
        optional = [name for name in body if name not in _KEPT and _NAME.fullmatch(name)]
        kept = set(self._random.sample(optional, min(len(optional), self._random.randrange(5))))
        return {name: value for name, value in body.items() if name in _KEPT or name in kept}

    def _value(self, name: str, value: Any, *, case: Any) -> Any:
        if name in _PICTURES and case.media_type == "multipart/form-data":
            return [PNG] if isinstance(value, list) else PNG
        told = {
            "model": lambda: self.know("models"),
            "prompt": lambda: "An otter" if not value or self._random.random() < _WHOLE else None,
            "messages": lambda: [{"role": "user", "content": self._content("text", "image_url")}],
            "input": lambda: [{"role": "user", "content": self._content("input_text", "input_image")}],
            "callback_url": lambda: self._callback_url,
            "file": lambda: PNG,
            "id": lambda: self.know("tasks"),
            "trace_id": lambda: self.know("tasks"),
            "ids": lambda: [self.know("tasks") or "?"],
            "images": lambda: [self._picture() for _ in range(self._random.randint(1, 3))],
            **dict.fromkeys(_PICTURES, self._picture),
        }.get(name)
        return (told() if told else None) or value

    def _content(self, text: str, picture: str) -> Any:
        """What a message says, sometimes with a picture."""
        if self._random.random() < _WHOLE:
            return "An otter"
        link = {"url": DATA_URL} if picture == "image_url" else DATA_URL
        return [{"type": text, "text": "An otter"}, {"type": picture, "image_url": link}]

    def _picture(self) -> Any:
        file_id = self.know("files") or DATA_URL
        return self._random.choice([DATA_URL, {"image_url": DATA_URL}, file_id])


def _kind(path: str) -> str:
    """`/v1/files/{id}/content` and `/v1/files` are both about files."""
    parts = [part for part in path.partition("{")[0].split("/") if part]
    return {"upload": "files", "generations": "tasks", "edits": "tasks", "variations": "tasks"}.get(
        parts[-1], parts[-1]
    )
