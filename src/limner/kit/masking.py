"""What may be shown of addresses with secrets in them."""

from __future__ import annotations

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r"://[^/]*@")
_QUERY: Final = re.compile(r"\?.*", re.DOTALL)


def without_password(text: str) -> str:
    """An address without whoever may come in and how; any other text as it is."""
    if "://" not in text:
        return text
    return _QUERY.sub("?***", _CREDENTIALS.sub("://***@", text))
