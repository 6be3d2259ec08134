"""A painting process: reads errands from its standard input, paints, writes answers to its standard output.

Started by `pool` as `python -m limner.engines.illustrator.painter`. It ends by itself when its parent does, however that
happens: at the end of its input, or, in the middle of a stuck picture, by an alarm of the kernel.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO

from limner.engines.illustrator.wire import LENGTH, READY

if TYPE_CHECKING:
    from limner.engines.illustrator.studio import Studio

# The parent kills a stuck painter itself; the alarm is for painters whose parent is gone, so it may come later.
ALARM_AFTER = 3


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = sys.stdout.buffer
    # What a library prints must not land among the answers.
    sys.stdout = sys.stderr
    picture_seconds_max = float(sys.argv[1])
    try:
        from limner.engines.illustrator.studio import Studio

        studio = Studio()
    except (ImportError, OSError) as trouble:
        _write(answers, f"{type(trouble).__name__}: {trouble}".encode())
        return
    _write(answers, READY)
    with contextlib.suppress(BrokenPipeError):
        while (errand := _read(sys.stdin.buffer)) is not None:
            signal.setitimer(signal.ITIMER_REAL, picture_seconds_max * ALARM_AFTER)
            _write(answers, _answer(studio, errand, answers=answers))
            signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(studio: Studio, errand: bytes, *, answers: BinaryIO) -> bytes:
    """A pickled `Picture`, or the words for what broke: never the prompt, since the parent logs them.

    Unfinished pictures, where they are wanted, are written as they come.
    """
    spec, index, seed = pickle.loads(errand)  # noqa: S301 - our own parent wrote it
    show = (lambda partial: _write(answers, pickle.dumps(partial))) if spec.partials else None
    try:
        return pickle.dumps(studio.paint(spec, index=index, seed=seed, show=show))
    except Exception as trouble:  # noqa: BLE001 - told to the parent, which raises it
        frame = trouble.__traceback__
        where = []
        while frame is not None:
            where.append(f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}")
            frame = frame.tb_next
        return pickle.dumps(f"{type(trouble).__name__} in {' > '.join(where[-4:])}")


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None


def _write(stream: BinaryIO, body: bytes) -> None:
    stream.write(LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


if __name__ == "__main__":
    main()
