"""Where the server is, for a command that is not the server: what links in answers and callbacks begin with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from limner.cli.parts.lock import holder_of

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.flow.house import House

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What links begin with. `is_guessed`: nothing says so, neither the settings nor a server on the same folder."""

    url: str
    is_guessed: bool


def reach_of(settings: Settings) -> Reach:
    """The public address as set, else that of the server that has the data folder, else where a server would listen."""
    if settings.server.public_url:
        return Reach(url=settings.server.public_url.rstrip("/"), is_guessed=False)
    holder = holder_of(settings.data_dir.expanduser().absolute())
    if holder is not None:
        return Reach(url=holder.url, is_guessed=False)
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    return Reach(url=f"http://{host}:{settings.server.port}", is_guessed=True)


def calls_itself(settings: Settings) -> bool:
    """Whether a worker's callbacks may go to this machine: as set, else as the server does that has the data folder.

    Without one, no: this process's own settings do not tell who can reach a server that was started elsewhere.
    """
    if settings.outbound.loopback is not None:
        return settings.outbound.loopback
    holder = holder_of(settings.data_dir.expanduser().absolute())
    return holder is not None and holder.calls_itself


def with_house(settings: Settings, act: Callable[[House], Awaitable[_Result]]) -> _Result:
    """Do `act` in the house that the server works in too, whether it runs or not. Raises `Trouble` if nothing is there."""
    import asyncio

    async def whole() -> _Result:
        async with _opened(settings) as house:
            return await act(house)

    return asyncio.run(whole())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[House]:
    from limner.bootstrap import opened_house
    from limner.cli.parts.books import refuse_unmade

    refuse_unmade(settings)
    async with opened_house(settings, public_url=reach_of(settings).url) as house:
        yield house
