"""A device process: one model in one device's memory. Reads jobs from its standard input, writes what it paints to its output.

Started by `pool` as `python -m limner.engines.diffusers_local.device`. It ends by itself when its parent does, however that
happens and whatever it is doing: a thread of its own sees the end of the input. With `--look` it says what GPUs there are.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

from limner.engines.diffusers_local import wire
from limner.engines.diffusers_local.work import Broke, Cancelled, DeviceLost, Told, Trouble

if TYPE_CHECKING:
    from limner.engines.diffusers_local.studio import Studio


def main() -> None:
    """Serve until the input ends."""
    if sys.argv[1:] == ["--look"]:
        sys.stdout.write(json.dumps(look()) + "\n")
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server has them too, and closes us in order.
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    commands = os.fdopen(os.dup(0), "rb")
    # What a library prints, in whatever language, must not land among the answers.
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    wire.widen(answers)
    first = wire.read(commands)
    if isinstance(first, wire.Open):
        with contextlib.suppress(BrokenPipeError):
            _Desk(answers, commands).serve(first)


def look() -> list[dict[str, object]]:
    """The devices that this build of torch can use beside the cpu: name, device's words, bytes in all and free."""
    import torch

    found: list[dict[str, object]] = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        words = torch.cuda.get_device_name(index)
        found.append({"device": f"cuda:{index}", "words": words, "bytes": int(total), "free": int(free)})
    if not found and torch.backends.mps.is_available():
        found.append({"device": "mps", "words": "Apple GPU", "bytes": None, "free": None})
    if not found and hasattr(torch, "xpu") and torch.xpu.is_available():
        for index in range(torch.xpu.device_count()):
            total = int(torch.xpu.get_device_properties(index).total_memory)
            words = torch.xpu.get_device_name(index)
            found.append({"device": f"xpu:{index}", "words": words, "bytes": total, "free": None})
    return found


class _Desk:
    """Takes in commands in one thread, paints in the other."""

    def __init__(self, answers: BinaryIO, commands: BinaryIO) -> None:
        self._answers = answers
        self._commands = commands
        self._waiting: queue.SimpleQueue[wire.Paint] = queue.SimpleQueue()
        self._cancelled: set[tuple[int, int]] = set()

    def serve(self, first: wire.Open) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        studio = self._open(first)
        if studio is None:
            return
        while True:
            self._paint(studio, self._waiting.get())

    def _listen(self) -> None:
        while (command := wire.read(self._commands)) is not None:
            if isinstance(command, wire.Cancel):
                self._cancelled.add((command.call, command.number))
            elif isinstance(command, wire.Paint):
                self._waiting.put(command)
        # The parent is gone, or wants us gone: also from the middle of a step.
        os._exit(0)

    def _open(self, first: wire.Open) -> Studio | None:
        try:
            from limner.engines.diffusers_local.studio import Studio

            studio = Studio(first.setup)
            opened = studio.open()
            notes = () if first.warm is None else studio.warm(width=first.warm[0], height=first.warm[1])
        except Trouble as trouble:
            wire.write(self._answers, wire.NotOpened(trouble))
            return None
        except Exception as error:  # noqa: BLE001 - told to the parent, which says it
            wire.write(self._answers, wire.NotOpened(_unexpected(error)))
            return None
        wire.write(self._answers, wire.Ready(opened, notes))
        return studio

    def _paint(self, studio: Studio, command: wire.Paint) -> None:
        from limner.engines.diffusers_local.loading import used_bytes

        call, began = command.call, time.monotonic()

        def is_cancelled(number: int) -> bool:
            return (call, number) in self._cancelled

        def tell(number: int, told: Told) -> None:
            if not is_cancelled(number):
                wire.write(self._answers, wire.Heard(call, number, told))

        trouble: Trouble | None = None
        try:
            studio.paint(command.jobs, cancelled=is_cancelled, tell=tell)
        except Cancelled:
            pass
        except Trouble as caught:
            trouble = caught
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            trouble = _unexpected(error)
        self._cancelled = {one for one in self._cancelled if one[0] > call}
        used = None
        if not isinstance(trouble, DeviceLost):
            with contextlib.suppress(Exception):
                used = used_bytes(studio.setup.device)
        wire.write(self._answers, wire.Over(call, _plain(trouble), used, time.monotonic() - began))


def _plain(trouble: Trouble | None) -> Trouble | None:
    """Without what it was raised from, which may not travel."""
    return None if trouble is None else type(trouble)(trouble.message, trouble.said, trouble.param)


def _unexpected(error: Exception) -> Trouble:
    """The words for what broke: where, but never a prompt."""
    where, frame = [], error.__traceback__
    while frame is not None:
        where.append(f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}")
        frame = frame.tb_next
    return Broke("the model broke while it painted", said=f"{type(error).__name__} in {' > '.join(where[-4:])}")


if __name__ == "__main__":
    main()
