"""Packs pages for their way, where the browser can unpack them."""

from __future__ import annotations

from typing import Final

from isal import igzip

_WORTH_BYTES: Final = 1024


def packed(body: bytes, *, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """The body as it is to be sent, and the headers that say so."""
    if len(body) < _WORTH_BYTES or "gzip" not in accept_encoding:
        return body, {"vary": "accept-encoding"}
    return igzip.compress(body, compresslevel=2, mtime=0), {"vary": "accept-encoding", "content-encoding": "gzip"}
