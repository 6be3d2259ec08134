"""How the pool and a painting process talk: each message is its length in eight bytes, and then its bytes."""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">Q")
READY = b"ready"
