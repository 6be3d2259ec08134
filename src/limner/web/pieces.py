"""An answer in pieces that stay where they are: megabytes of a picture are not copied into one body first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override


class PiecesResponse(Response):
    """All of the body is there, and its length is known; `OneWriteProtocol` hands the pieces on together."""

    def __init__(self, pieces: Sequence[bytes], *, media_type: str, headers: Mapping[str, str]) -> None:
        self._pieces = pieces
        length = sum(map(len, pieces))
        super().__init__(media_type=media_type, headers={**headers, "content-length": str(length)})

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
