"""The events of OpenAI's image streams, and the body of a plain answer that is waited for."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pybase64

from limner.domain.problem import Problem
from limner.domain.spec import Spec
from limner.flow.deliver import Delivery
from limner.flow.stream import Begun, Unfinished
from limner.web.dialects.images import render
from limner.web.dialects.images.differences import Dialect


class ImageEvents:
    """`image_generation.*`, or `image_edit.*` for what starts from pictures. `index` tells the pictures of a request apart."""

    def __init__(self, begun: Begun, *, dialect: Dialect) -> None:
        self._begun, self._dialect = begun, dialect
        self._prefix = "image_edit" if "image" in begun.task.request else "image_generation"

    def begin(self) -> list[bytes]:
        """Nothing is said before there is a picture."""
        return []

    def unfinished(self, one: Unfinished) -> list[bytes]:
        """`partial_image`."""
        words = {
            **_manners(self._begun.spec),
            "created_at": int(self._begun.task.created_at.timestamp()),
            "output_format": one.output_format.value,
            "partial_image_index": one.number,
            "index": one.index,
        }
        return self._event("partial_image", words, one.data)

    def finish(self, delivery: Delivery) -> list[bytes]:
        """`completed`, for each picture; each with its share of what was used."""
        result, count = delivery.result, len(delivery.result.images)
        pieces: list[bytes] = []
        for place, image in enumerate(result.images):
            words = {
                **_manners(self._begun.spec),
                "created_at": result.created_at_seconds,
                "output_format": self._begun.spec.output_format.value,
                "index": place,
                "usage": render.usage_share(result, place=place, count=count),
                "revised_prompt": image.revised_prompt,
                **({"url": image.url} if image.url else {}),
                **render.tail(result, trace_id=delivery.trace_id),
            }
            pieces += self._event("completed", words, image.data or b"")
        return pieces

    def fail(self, problem: Problem) -> list[bytes]:
        """`error`, with the body that an ordinary answer would have."""
        body = render.problem_body(problem, dialect=self._dialect, trace_id=self._begun.task.trace_id)
        return [b"event: error\ndata: %b\n\n" % body]

    def _event(self, what: str, words: Mapping[str, object], data: bytes) -> list[bytes]:
        """An event in pieces: base64 needs no escaping, so no JSON library looks at megabytes of it."""
        name = f"{self._prefix}.{what}"
        head = orjson.dumps({"type": name, **words})[:-1]
        # The end goes with the picture: what is sent after megabytes waits until those are away.
        return [
            b'event: %b\ndata: %b,"b64_json":"' % (name.encode(), head),
            pybase64.b64encode(data) + b'"}\n\n',
        ]


def _manners(spec: Spec) -> dict[str, str]:
    return {
        "size": f"{spec.width}x{spec.height}",
        "quality": spec.quality_told or spec.quality.value,
        "background": spec.background.value,
        **({"safety_identifier": spec.user} if spec.user else {}),
    }


class ImagesBody:
    """The same body and headers that a call gets that is not sent ahead of time."""

    def __init__(self, begun: Begun, *, dialect: Dialect) -> None:
        self.task, self._dialect = begun.task, dialect

    def whole(self, delivery: Delivery) -> list[bytes]:
        """The pictures."""
        return render.result_pieces(delivery.result, trace_id=delivery.trace_id)

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """What stands before it."""
        return render.delivery_headers(delivery)

    def trouble(self, problem: Problem) -> bytes:
        """What went wrong."""
        return render.problem_body(problem, dialect=self._dialect, trace_id=self.task.trace_id)
