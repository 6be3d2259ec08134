"""Signing pictures by C2PA. The library is loaded when a signer is made, and not before.

Without thumbnails, which would take forty times as long and a hundred times as many bytes, and without reading back what
was just written. The library's own way hands a file over in pieces of 8 KiB, each through Python: with pictures of
megabytes, threads that fight for the interpreter's lock halve what a server can do (docs/provenance.md has figures). So
what has no inputs goes by its C interface: we hash the file and put the claim where it belongs, and it makes the claim.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from limner.kit.xmp import kinds_before_pixels
from limner.provenance.certificates import algorithm_of
from limner.provenance.models import Authority, Origin
from limner.provenance.rules import label_of, manifest


class SigningFailedError(Exception):
    """The file cannot be signed: it is damaged, or not what it is said to be."""


class Signer:
    """Signs for an authority. May be used by several threads at once; the interpreter's lock is let go meanwhile.

    `version`: of the software that is named as having made the pictures.
    """

    def __init__(self, authority: Authority, *, version: str) -> None:
        import c2pa

        self.authority = authority
        self._c2pa = c2pa
        self._version = version
        self._context = c2pa.Context.from_dict(
            {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}
        )
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                algorithm_of(authority.key).encode(), authority.chain.encode(), authority.key.encode(), None
            )
        )
        self._claims = _claims_of(c2pa, self._signer)

    def signed(self, data: bytes, media_type: str, origin: Origin) -> bytes:
        """The file with the claim in it: png, jpeg, webp. Raises `SigningFailedError`.

        With `origin.is_foreign`, `data` is its own ingredient: the credentials that it has stay readable inside ours.
        """
        has_inputs = origin.is_foreign or bool(origin.inputs)
        place = None if has_inputs or self._claims is None else _place_in(data, media_type)
        c2pa = self._c2pa
        try:
            with c2pa.Builder(orjson.dumps(manifest(origin, version=self._version)).decode(), self._context) as builder:
                if place is not None and self._claims is not None:
                    return self._claims.put_in(data, place, builder)
                return self._signed_by_stream(data, media_type, origin, builder)
        except c2pa.C2paError as error:
            raise SigningFailedError(str(error)[:300]) from error

    def _signed_by_stream(self, data: bytes, media_type: str, origin: Origin, builder: Any) -> bytes:
        inputs = [(data, media_type)] if origin.is_foreign else origin.inputs
        for number, (one, its_type) in enumerate(inputs):
            builder.add_ingredient(_ingredient(number, inputs), its_type, io.BytesIO(one))
        written = io.BytesIO()
        builder.sign(self._signer, media_type, io.BytesIO(data), written)
        return written.getvalue()


def _ingredient(number: int, inputs: Sequence[tuple[bytes, str]]) -> str:
    title = "the picture" if len(inputs) == 1 else f"picture {number + 1} of {len(inputs)}"
    relation = "parentOf" if number == 0 else "inputTo"
    return orjson.dumps({"title": title, "relationship": relation, "label": label_of(number)}).decode()


# Where each format keeps them; a jpeg's segment may hold other things as well.
_MARKS: Final = {"image/png": b"caBX", "image/jpeg": b"\xff\xeb", "image/webp": b"C2PA"}


def has_credentials(data: bytes, media_type: str) -> bool:
    """Whether the file seems to come with content credentials: cheap, and at times wrong in saying that it does.

    Raises `ValueError` for a damaged file.
    """
    mark = _MARKS.get(media_type)
    return mark is not None and mark in kinds_before_pixels(data, media_type)


# by the library's C interface --------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where the claim goes: `at` so many bytes into the file, as the library writes it for `form`.

    `wrap` makes of it what stands in the file; `head` is how the file begins with so many bytes more in it; `is_even`: a
    byte follows where they are an odd number.
    """

    form: bytes
    at: int
    wrap: Callable[[bytes], bytes]
    head: Callable[[int], bytes]
    is_even: bool = False


_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_END: Final = 33


def _place_in(data: bytes, media_type: str) -> _Place | None:
    """Where the claim goes in a file that has none. None: the library shall say what is wrong with the file."""
    if media_type == "image/png" and data.startswith(_PNG) and data[12:16] == b"IHDR" and _ends_well(data):
        return _Place(b"image/png", _PNG_HEADER_END, _as_it_is, _nothing)
    if media_type == "image/jpeg" and data.startswith(b"\xff\xd8\xff"):
        return _Place(b"image/jpeg", 2, _as_it_is, _nothing)
    if media_type == "image/webp" and data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        (size,) = struct.unpack_from("<I", data, 4)
        if size + 8 == len(data) and size % 2 == 0:
            return _Place(
                b"application/c2pa", len(data), _riff_chunk, lambda more: _riff_head(size + more), is_even=True
            )
    return None


def _ends_well(data: bytes) -> bool:
    return data.endswith(b"IEND\xaeB`\x82")


def _as_it_is(claim: bytes) -> bytes:
    return claim


def _nothing(_more: int) -> bytes:
    return b""


def _riff_chunk(claim: bytes) -> bytes:
    return b"C2PA" + struct.pack("<I", len(claim)) + claim


def _riff_head(size: int) -> bytes:
    return b"RIFF" + struct.pack("<I", size)


class _Claims:
    """The two calls by which the library makes a claim for a file that it never sees.

    They belong to its C interface and are not in the Python package's own, which is pinned to one version by the lock
    file; where they are missing, `Signer` goes the slower way.
    """

    def __init__(self, library: Any, signer: Any) -> None:
        out = ctypes.POINTER(ctypes.c_ubyte)
        self._out = out
        self._library = library
        self._signer = signer
        self._reserve: int = library.c2pa_signer_reserve_size(signer._handle)  # noqa: SLF001 - see above
        self._placeholder = library.c2pa_builder_data_hashed_placeholder
        self._placeholder.restype = ctypes.c_int64
        self._placeholder.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(out)]
        self._sign = library.c2pa_builder_sign_data_hashed_embeddable
        self._sign.restype = ctypes.c_int64
        self._sign.argtypes = [
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p),
            ctypes.POINTER(out),
        ]

    def put_in(self, data: bytes, place: _Place, builder: Any) -> bytes:
        """The file with the builder's claim in it. Raises `SigningFailedError`."""
        handle = ctypes.cast(builder._handle, ctypes.c_void_p)  # noqa: SLF001
        signer = ctypes.cast(self._signer._handle, ctypes.c_void_p)  # noqa: SLF001
        # The claim has to say how long it is, and where; so it is asked for twice, the first time with nothing in it.
        length = len(place.wrap(self._taken(self._placeholder, handle, self._reserve, place.form)))
        filler = b"\0" * (length % 2) if place.is_even else b""
        head = place.head(length + len(filler))
        view = memoryview(data)
        digest = hashlib.sha256(head)
        digest.update(view[len(head) :])
        digest.update(filler)
        told = {
            "exclusions": [{"start": place.at, "length": length}],
            "name": "jumbf manifest",
            "alg": "sha256",
            "hash": list(digest.digest()),
            "pad": "",
        }
        claim = place.wrap(self._taken(self._sign, handle, signer, orjson.dumps(told), place.form, None))
        if len(claim) != length:
            raise SigningFailedError("the claim is not as long as was said")
        return b"".join((head, view[len(head) : place.at], claim, filler, view[place.at :]))

    def _taken(self, call: Any, *arguments: object) -> bytes:
        """The bytes that a call hands out, which are the library's until they are given back."""
        told = self._out()
        length = call(*arguments, ctypes.byref(told))
        if length < 0:
            error = self._library.c2pa_error()
            said = ctypes.cast(error, ctypes.c_char_p).value or b""
            self._library.c2pa_free(error)
            raise SigningFailedError(said.decode("utf-8", "replace")[:300])
        taken = ctypes.string_at(told, length)
        self._library.c2pa_free(ctypes.cast(told, ctypes.c_void_p))
        return taken


def _claims_of(c2pa: Any, signer: Any) -> _Claims | None:
    try:
        return _Claims(c2pa.c2pa._lib, signer)  # noqa: SLF001
    except AttributeError:
        return None
