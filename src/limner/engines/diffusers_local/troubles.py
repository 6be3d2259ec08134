"""What a library's exception means for a device process, read from its type's name and its words. Pure."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["memory", "lost", "broke"]

_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "not enough memory",
    "defaultcpuallocator",
)
_LOST: Final = (
    "cuda error",
    "hip error",
    "cuda driver error",
    "device-side assert",
    "unspecified launch failure",
    "illegal memory access",
    "illegal instruction",
    "uncorrectable ecc",
    "gpu is lost",
    "fallen off the bus",
    "execution_failed",
    "cublas_status_internal_error",
    "cudnn_status_internal_error",
    "nvml_error",
    "device lost",
    "device_lost",
    "driver shutting down",
    "mps backend error",
)
_MEMORY_TYPES: Final = ("OutOfMemoryError", "MemoryError")
_LOST_TYPES: Final = ("AcceleratorError",)


def kind_of(error: BaseException) -> Kind:
    """Whether memory ran out, the device is lost, or something else broke. Also for what the error was raised from."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        kind = _kind(type(seen), str(seen))
        if kind != "broke":
            return kind
        seen = seen.__cause__ or seen.__context__
    return "broke"


def _kind(error: type[BaseException], words: str) -> Kind:
    words = words.lower()
    if any(base.__name__ in _MEMORY_TYPES for base in error.__mro__):
        return "memory"
    if issubclass(error, RuntimeError) and any(mark in words for mark in _MEMORY):
        return "memory"
    if any(base.__name__ in _LOST_TYPES for base in error.__mro__):
        return "lost"
    if issubclass(error, RuntimeError) and any(mark in words for mark in _LOST):
        return "lost"
    return "broke"
