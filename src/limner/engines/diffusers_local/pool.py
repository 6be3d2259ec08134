"""The device processes and who waits for them: one process per device, jobs in, steps and pictures out.

A process that dies or loses its device is started again, after a pause that grows; what it painted then ends in trouble
that says so. One that fails again and again rests, and its reason stands in `health`. Requests wait in one line for all
devices; those that go together are painted in one call.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from limner.engines import (
    EngineBusy,
    EngineCannot,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineTrouble,
    EngineUnavailable,
    Health,
)
from limner.engines.diffusers_local import wire
from limner.engines.diffusers_local.options import LocalOptions
from limner.engines.diffusers_local.recipes import Recipe
from limner.engines.diffusers_local.work import (
    Cannot,
    DeviceLost,
    Done,
    Job,
    OutOfMemory,
    Refused,
    Told,
    Trouble,
)
from limner.kit.logs import event

logger = logging.getLogger(__name__)

PAUSES: Final = (0.0, 1.0, 4.0, 15.0, 60.0)
"""Seconds before a device that failed is started again, by how often it did in a row."""
REST_SECONDS: Final = 300.0
"""After the last of the pauses: how long it is left alone. The next request after that tries it once."""
_CANCEL_SECONDS: Final = 15.0
"""How long a call that took too long may take to end by itself."""
_TAIL_LINES: Final = 30
_MEMORY_TIMES_MAX: Final = 2
# A device process needs no secrets: of the server's environment it gets what finds libraries, models and devices.
_ENVIRONMENT: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONHOME",
    "SYSTEMROOT",
    "XDG_CACHE_HOME",
    "TRANSFORMERS_CACHE",
)
_PREFIXES: Final = (
    "HF_",
    "CUDA_",
    "NVIDIA_",
    "TORCH",
    "PYTORCH_",
    "TRITON_",
    "OMP_",
    "MKL_",
    "ROCR_",
    "HIP_",
    "HSA_",
    "NCCL_",
)
_SECRETS: Final = ("HF_TOKEN", "HF_TOKEN_PATH")
_SOURCE: Final = Path(__file__).parents[3]


def environment() -> dict[str, str]:
    """What a device process is given of ours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in _ENVIRONMENT or name.startswith(_PREFIXES)) and name not in _SECRETS
    }
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}


def command(*arguments: str) -> list[str]:
    """The command line of a device process."""
    return [sys.executable, "-P", "-m", "limner.engines.diffusers_local.device", *arguments]


@dataclass(eq=False, slots=True, kw_only=True)
class _Errand:
    """A job, or the part of one that a device is given, and who waits for it."""

    job: Job
    offset: int
    told: asyncio.Queue[tuple[_Errand, Told | EngineTrouble | None, str]]
    alone: bool = False
    is_left: bool = False
    done: int = 0
    where: tuple[_Device, int, int] | None = None

    @property
    def pictures(self) -> int:
        return len(self.job.seeds)


class _Process:
    """One process: a thread reads what it says, another writes what it is told. Never waits for it in the event loop."""

    def __init__(self, device: _Device) -> None:
        self._device = device
        self._loop = asyncio.get_running_loop()
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.popen = subprocess.Popen(  # noqa: S603 - ourselves
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            # In a session of its own, so that Ctrl-C reaches the server alone, which then closes us in order.
            start_new_session=True,
        )
        self._input = cast("BinaryIO", self.popen.stdin)
        wire.widen(cast("BinaryIO", self.popen.stdout))
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="limner-device-in")
        self.ended = asyncio.Event()
        for work in (self._read, self._read_words):
            threading.Thread(target=work, name="limner-device-out", daemon=True).start()

    def tell(self, message: Any) -> None:
        """Send it, some time soon; whoever is dead hears nothing."""
        self._writer.submit(self._write, message)

    def kill(self) -> None:
        """End it, whatever it is doing. Its group too: compilers have helpers."""
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        await self.ended.wait()

    def _write(self, message: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            wire.write(self._input, message)
            self._input.flush()

    def _read(self) -> None:
        stream = cast("BinaryIO", self.popen.stdout)
        while (message := wire.read(stream)) is not None:
            self._call(self._device.heard, self, message)
        self.popen.wait()
        stream.close()
        self._writer.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(OSError):
            self._input.close()
        self._call(self._gone)

    def _gone(self) -> None:
        self.ended.set()
        self._device.died(self)

    def _read_words(self) -> None:
        """What libraries say is kept for the day when it breaks, and not logged: it may quote a prompt."""
        stream = cast("BinaryIO", self.popen.stderr)
        with contextlib.suppress(OSError, ValueError), stream:
            for line in stream:
                self.tail.append(line.decode(errors="replace").strip()[:400])

    def _call(self, what: Any, *given: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(what, *given)


@dataclass(slots=True)
class _Call:
    """What a device is doing now."""

    number: int
    errands: list[_Errand]
    began: float
    timer: asyncio.TimerHandle | None = None
    is_overdue: bool = False


class _Device:
    """A device: its process, what it does, and how it fared."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.name = name
        self._pool = pool
        self.process: _Process | None = None
        self.is_ready = False
        self.call: _Call | None = None
        self._calls = 0
        self.tried = 0
        self.failed = 0
        self.trouble: str | None = None
        self._failures = 0
        self._memory_times = 0
        self._bytes_used: int | None = None
        self._opened: wire.Ready | None = None
        self._began = 0.0
        self._rests_until: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._seconds: float | None = None

    # life ----------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process, and let it load."""
        if self._is_closing or self.process is not None:
            return
        self._stop_timer()
        self._rests_until = None
        self._began = time.monotonic()
        event(logger, "device.starting", device=self.name, model=self._pool.options.model)
        options = self._pool.options
        self.process = _Process(self)
        self.process.tell(wire.Open(options.setup(device=self.name, recipe=self._pool.recipe), options.warm))
        self._timer = asyncio.get_running_loop().call_later(options.loading_seconds, self._loads_too_long)

    async def close(self) -> None:
        """End it for good."""
        self._is_closing = True
        self._stop_timer()
        if self.call is not None and self.call.timer is not None:
            self.call.timer.cancel()
        if self.process is not None:
            await self.process.end()

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.popen.pid

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.call is None

    @property
    def may_come(self) -> bool:
        """Whether it paints, or may soon: a request may wait for it."""
        return self.process is not None or self._rests_until is None or self._rests_until <= time.monotonic()

    @property
    def resting_seconds(self) -> float | None:
        if self._rests_until is None:
            return None
        return max(0.0, self._rests_until - time.monotonic())

    def wake(self) -> None:
        """Somebody wants something: try again what has rested long enough."""
        if self.process is None and self._timer is None and self.may_come:
            self.start()

    def _loads_too_long(self) -> None:
        self._timer = None
        self._fall(f"the model was not loaded after {self._pool.options.loading_seconds:g} seconds")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def died(self, process: _Process) -> None:
        """The process is gone."""
        if process is not self.process or self._is_closing:
            return
        code = process.popen.returncode
        if code is not None and code < 0:
            how = f"was killed by signal {-code}"
            if -code == signal.SIGKILL:
                how += ", which is what a computer does that has no memory left"
        else:
            how = f"ended with code {code}"
        words = process.tail[-1] if process.tail else ""
        self._fall(f"the device process {how}", said=words)

    def _fall(self, why: str, *, said: str = "", is_final: bool = False) -> None:
        """It is of no use any more: end what it did, end it, and start it again after a while."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
        self._stop_timer()
        self.is_ready, self._opened, self._bytes_used = False, None, None
        self.trouble = f"{why} ({said})" if said else why
        self._failures += 1
        call, self.call = self.call, None
        event(logger, "device.failed", level=logging.WARNING, device=self.name, why=why, times=self._failures)
        if call is not None:
            if call.timer is not None:
                call.timer.cancel()
            self.failed += 1
            trouble: EngineTrouble
            if call.is_overdue:
                trouble = self._too_long()
            else:
                trouble = EngineFailed(f"The engine broke while it painted: {why}.", said=said, part=self.name)
            for errand in call.errands:
                self._pool.end(errand, trouble)
        if is_final or self._failures > len(PAUSES):
            self._rests_until = time.monotonic() + REST_SECONDS
            event(logger, "device.rests", level=logging.ERROR, device=self.name, seconds=REST_SECONDS)
        else:
            pause = PAUSES[self._failures - 1]
            self._timer = asyncio.get_running_loop().call_later(pause, self._again)
        self._pool.look()

    def _again(self) -> None:
        self._timer = None
        self.start()

    # work ----------------------------------------------------------------------------------------------------------------

    def paint(self, errands: list[_Errand]) -> None:
        """Paint these in one go."""
        assert self.process is not None, "it is idle"
        self._calls += 1
        self.tried += 1
        loop = asyncio.get_running_loop()
        self.call = _Call(self._calls, errands, time.monotonic())
        self.call.timer = loop.call_later(self._pool.options.seconds, self._overdue)
        for number, errand in enumerate(errands):
            errand.where = (self, self._calls, number)
        self.process.tell(wire.Paint(self._calls, tuple(errand.job for errand in errands)))

    def cancel(self, call: int, number: int) -> None:
        """Nobody wants that one any more."""
        if self.process is not None and self.call is not None and self.call.number == call:
            self.process.tell(wire.Cancel(call, number))

    def _overdue(self) -> None:
        if self.call is None or self.process is None:
            return
        self.call.is_overdue = True
        for number in range(len(self.call.errands)):
            self.process.tell(wire.Cancel(self.call.number, number))
        self.call.timer = asyncio.get_running_loop().call_later(_CANCEL_SECONDS, self._stuck)

    def _stuck(self) -> None:
        self._fall("it did not stop when it was told to")

    def _too_long(self) -> EngineTimeout:
        return EngineTimeout(f"The picture took longer than {self._pool.options.seconds:g} seconds.", part=self.name)

    def heard(self, process: _Process, message: Any) -> None:
        """The process said something."""
        if process is not self.process:
            return
        match message:
            case wire.Ready():
                self._stop_timer()
                self._opened, self.is_ready, self.trouble = message, True, None
                self._bytes_used = message.opened.bytes_used
                event(logger, "device.ready", device=self.name, seconds=message.opened.seconds)
                self._pool.look()
            case wire.NotOpened(trouble):
                # What the settings or the disk lack is not there a second later either.
                self._fall(str(trouble), said=trouble.said, is_final=isinstance(trouble, Cannot))
            case wire.Heard() if self.call is not None and self.call.number == message.call:
                self._pool.tell(self.call.errands[message.number], message.told, self.name)
            case wire.Over() if self.call is not None and self.call.number == message.call:
                self._over(self.call, message)
            case _:
                pass

    def _over(self, call: _Call, message: wire.Over) -> None:
        if call.timer is not None:
            call.timer.cancel()
        trouble = message.trouble
        if isinstance(trouble, DeviceLost):
            self._fall(trouble.message, said=trouble.said)
            return
        self.call = None
        self._bytes_used = message.bytes_used if message.bytes_used is not None else self._bytes_used
        self._seconds = message.seconds
        if trouble is None:
            self._failures = self._memory_times = 0
        else:
            self._note(trouble)
        self._settle(call, trouble)
        if isinstance(trouble, OutOfMemory):
            self._memory_times += 1
            if self._memory_times >= _MEMORY_TIMES_MAX:
                # Memory that is in pieces comes back whole with a new process.
                self._memory_times = 0
                self._fall(trouble.message, said=trouble.said)
                return
        self._pool.look()

    def _settle(self, call: _Call, trouble: Trouble | None) -> None:
        """Tell everybody who waited for this call how it ended."""
        for errand in call.errands:
            if errand.done == errand.pictures or errand.is_left:
                self._pool.end(errand, None)
            elif call.is_overdue:
                self._pool.end(errand, self._too_long())
            elif trouble is None:
                self._pool.end(errand, EngineFailed("The model gave fewer pictures than asked for.", part=self.name))
            elif len(call.errands) > 1 and errand.done == 0:
                # What went wrong may be another's doing: each by itself.
                errand.alone, errand.where = True, None
                self._pool.put_back(errand)
            else:
                self._pool.end(errand, _raised(trouble, part=self.name))

    def _note(self, trouble: Trouble) -> None:
        if not isinstance(trouble, (Cannot, Refused)):
            self.failed += 1
            self.trouble = f"{trouble} ({trouble.said})" if trouble.said else str(trouble)
            event(logger, "device.trouble", level=logging.WARNING, device=self.name, why=str(trouble))

    # health --------------------------------------------------------------------------------------------------------------

    def health(self) -> Health:
        """How it is."""
        details = {"model": self._pool.options.model, "recipe": self._pool.recipe.name, "device": self.name}
        if self._opened is not None:
            opened = self._opened.opened
            details |= {"pipeline": opened.pipeline, "dtype": opened.dtype, "loaded in": f"{opened.seconds:.1f} s"}
            if opened.notes or self._opened.notes:
                details["notes"] = "; ".join((*opened.notes, *self._opened.notes))
        elif self.process is not None:
            details["loading since"] = f"{time.monotonic() - self._began:.0f} s"
        if self._bytes_used is not None:
            details["memory"] = f"{self._bytes_used / 2**30:.1f} GiB"
        if self.process is not None:
            details["process"] = str(self.process.popen.pid)
        rests = self.resting_seconds
        if self.is_ready:
            state = "well"
        elif rests:
            state = "resting"
        else:
            state = "trying" if self.process is not None or self._failures else "unknown"
        return Health(
            part=self.name,
            state=cast("Any", state),
            tried=self.tried,
            failed=self.failed,
            busy=0 if self.call is None else len(self.call.errands),
            at_once=1,
            seconds=self._seconds,
            last_trouble=self.trouble,
            resting_seconds=rests,
            details=details,
        )


class Pool:
    """A process for each device, and the line before them."""

    def __init__(self, options: LocalOptions, *, recipe: Recipe, devices: Sequence[str]) -> None:
        self.options = options
        self.recipe = recipe
        self._devices = [_Device(self, name) for name in devices]
        self._line: deque[_Errand] = deque()
        self._is_closed = False

    def open(self) -> None:
        """Start the processes; they load in their own time."""
        for device in self._devices:
            device.start()

    async def close(self) -> None:
        """End the processes, and everything that waits."""
        self._is_closed = True
        for errand in list(self._line):
            self.end(errand, EngineUnavailable("The engine is being closed."))
        self._line.clear()
        for device in self._devices:
            for errand in [] if device.call is None else device.call.errands:
                self.end(errand, EngineUnavailable("The engine is being closed."))
        await asyncio.gather(*(device.close() for device in self._devices))

    def pids(self) -> list[int]:
        """The ids of the processes."""
        return sorted(device.pid for device in self._devices if device.pid is not None)

    def health(self) -> list[Health]:
        """How each device is."""
        return [device.health() for device in self._devices]

    @property
    def is_loading(self) -> bool:
        """Whether a request would have to wait for a model to be loaded."""
        return not any(device.is_ready for device in self._devices)

    async def paint(self, job: Job) -> AsyncGenerator[tuple[int, int, Told, str]]:
        """Paint it: yields which part of it (from which picture on, how many), what there is to say, and which device said it.

        Closing it early cancels the rest within a step. Raises `EngineTrouble`.
        """
        self._admit(len(job.seeds))
        told: asyncio.Queue[tuple[_Errand, Told | EngineTrouble | None, str]] = asyncio.Queue()
        errands = self._parts(job, told)
        self._line.extend(errands)
        self.look()
        open_ones = set(errands)
        try:
            while open_ones:
                errand, what, device = await told.get()
                if isinstance(what, EngineTrouble):
                    raise what
                if what is None:
                    open_ones.discard(errand)
                else:
                    yield errand.offset, errand.pictures, what, device
        finally:
            for errand in open_ones:
                self._leave(errand)

    def _parts(self, job: Job, told: asyncio.Queue[Any]) -> list[_Errand]:
        """Over as many devices as there are: pictures of one request need not wait for each other."""
        count = len(job.seeds)
        devices = min(count, sum(device.may_come for device in self._devices)) or 1
        cuts = [round(count * part / devices) for part in range(devices + 1)]
        return [
            _Errand(job=replace(job, seeds=job.seeds[start:end]), offset=start, told=told)
            for start, end in itertools.pairwise(cuts)
        ]

    def _admit(self, pictures: int) -> None:
        if self._is_closed:
            raise EngineUnavailable("The engine is closed.")
        for device in self._devices:
            device.wake()
        if not any(device.may_come for device in self._devices):
            raise self._unavailable()
        waiting = sum(errand.pictures for errand in self._line)
        if waiting and waiting + pictures > self.options.waiting:
            raise EngineBusy(
                f"{waiting} pictures wait for this model already; no more than {self.options.waiting} may.",
                retry_after_seconds=5.0,
            )

    def _unavailable(self) -> EngineUnavailable:
        reasons = "; ".join(f"{device.name}: {device.trouble}" for device in self._devices if device.trouble)
        soonest = min((device.resting_seconds or 0.0 for device in self._devices), default=0.0)
        return EngineUnavailable(
            "The model on this machine cannot be used at the moment.",
            said=reasons,
            retry_after_seconds=max(1.0, round(soonest)),
        )

    # between devices and those who wait ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Give what waits to devices that are idle."""
        if self._line and not any(device.may_come for device in self._devices):
            trouble = self._unavailable()
            for errand in self._line:
                errand.told.put_nowait((errand, trouble, ""))
            self._line.clear()
        for device in self._devices:
            if device.is_idle and self._line:
                device.paint(self._next())

    def _next(self) -> list[_Errand]:
        """The first that waits, and others that go with it into one call of the model."""
        first = self._line.popleft()
        chosen = [first]
        key = None if first.alone else first.job.key
        if key is None:
            return chosen
        room = first.job.pictures_at_once - first.pictures
        for errand in list(self._line):
            if room <= 0:
                break
            if not errand.alone and errand.job.key == key and errand.pictures <= room:
                self._line.remove(errand)
                chosen.append(errand)
                room -= errand.pictures
        return chosen

    def put_back(self, errand: _Errand) -> None:
        """At the head of the line: it has waited its turn."""
        self._line.appendleft(errand)

    def tell(self, errand: _Errand, told: Told, device: str) -> None:
        """Pass on what was said of it."""
        if isinstance(told, Done):
            errand.done += 1
        if not errand.is_left:
            errand.told.put_nowait((errand, told, device))

    def end(self, errand: _Errand, trouble: EngineTrouble | None) -> None:
        """It is over."""
        errand.where = None
        if not errand.is_left:
            errand.told.put_nowait((errand, trouble, ""))

    def _leave(self, errand: _Errand) -> None:
        """Nobody waits for it any more."""
        errand.is_left = True
        with contextlib.suppress(ValueError):
            self._line.remove(errand)
        if errand.where is not None:
            device, call, number = errand.where
            device.cancel(call, number)


def _raised(trouble: Trouble, *, part: str) -> EngineTrouble:
    """What a device process said, in words for whoever asked."""
    said = trouble.said or trouble.message
    match trouble:
        case Cannot():
            return EngineCannot(trouble.message, param=trouble.param, said=said, part=part)
        case Refused():
            return EngineRefused("The model's own checker does not let this picture through.", said=said, part=part)
        case OutOfMemory():
            message = "The device's memory does not hold this request: ask for a smaller picture, or for fewer at once."
            return EngineFailed(message, said=said, part=part)
        case _:
            return EngineFailed("The engine broke while it painted this picture.", said=said, part=part)
