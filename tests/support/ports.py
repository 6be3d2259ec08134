"""Ports for servers that come back to the one they had."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Below those that the system hands out: nobody else gets it while its server is dead."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
