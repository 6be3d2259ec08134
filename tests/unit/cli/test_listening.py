from __future__ import annotations

import socket

import pytest

from limner.cli.parts.listening import listen, url_of
from limner.cli.parts.trouble import Trouble


def test_port_0_takes_a_free_one() -> None:
    with listen(host="127.0.0.1", port=0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener, host="127.0.0.1") == f"http://127.0.0.1:{port}"
        assert url_of(listener, host="0.0.0.0") == f"http://127.0.0.1:{port}"
        assert url_of(listener, host="::1") == f"http://[::1]:{port}"
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_port_in_use_says_what_to_do() -> None:
    with listen(host="127.0.0.1", port=0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Trouble, match=f"port {port} on 127.0.0.1 is in use: stop what .* LIMNER_SERVER__PORT"):
            listen(host="127.0.0.1", port=port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Trouble, match=r"192\.0\.2\.1 is not an address of this machine"):
        listen(host="192.0.2.1", port=0)
