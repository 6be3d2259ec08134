"""The one way out: calls to addresses that strangers chose, without being talked into the network we stand in.

`address` says which addresses may be called and refuses the others at once; `client.Outbound` makes the calls and checks
again what a name leads to. aiohttp is imported only when a client is opened.
"""

from __future__ import annotations

from limner.kit.outbound.address import AddressRefusedError, Policy, check
from limner.kit.outbound.answer import Answer, CallFailedError, Reason
from limner.kit.outbound.client import Outbound
from limner.kit.outbound.names import Resolver, SystemResolver

__all__ = [
    "AddressRefusedError",
    "Answer",
    "CallFailedError",
    "Outbound",
    "Policy",
    "Reason",
    "Resolver",
    "SystemResolver",
    "check",
]
