"""What a picture says of where it comes from: written into it last, since no byte of it may change afterwards."""

from __future__ import annotations

import logging
from dataclasses import replace

from limner.domain.spec import Picture, Spec
from limner.engines import SourceType
from limner.flow.house import House
from limner.kit.logs import event
from limner.provenance.models import Origin
from limner.provenance.signing import SigningFailedError
from limner.tasks.models import Task

_log = logging.getLogger(__name__)


async def certified(house: House, *, task: Task, spec: Spec, source_type: SourceType, picture: Picture) -> Picture:
    """The picture with its credentials in it, where there are to be any.

    One that cannot be signed goes out as it is: whoever waits for it would rather have it than not, and a signature that
    is missing says nothing untrue.
    """
    certifier = house.certifier
    if certifier is None or picture.link is not None:
        return picture
    origin = Origin(
        task_id=task.id,
        source_type=source_type.value,
        is_trained=source_type is SourceType.TRAINED,
        made_at=house.clock.now(),
        inputs=tuple((image.data, image.media_type) for image in spec.images),
    )
    try:
        with house.tracer.span("picture certify", attributes={"limner.bytes": len(picture.data)}):
            data = await certifier.certified(picture.data, picture.output_format.media_type, origin)
    except (SigningFailedError, ValueError) as error:
        event(
            _log,
            "picture.not_signed",
            level=logging.WARNING,
            task_id=task.id,
            reason=str(error)[:200],
            trace_id=task.trace_id,
        )
        return picture
    return picture if data is picture.data else replace(picture, data=data)
