"""What people ask for."""

from __future__ import annotations

from limner.domain.ask import Ask
from limner.flow.admit import Terms
from limner.flow.deliver import Delivery
from limner.flow.generate import generate
from limner.flow.house import House
from support.people import Person

OTTER = "A cute baby sea otter"


async def paint(
    house: House,
    person: Person,
    *,
    prompt: str = OTTER,
    model: str = "dall-e-2",
    n: int | None = None,
    seed: int | None = None,
    as_links: bool = True,
) -> Delivery:
    """Ask as a request would."""
    ask = Ask(prompt=prompt, model=model, n=n, seed=seed)
    terms = Terms(as_links=as_links)
    return await generate(house, principal=person.principal, ask=ask, trace_id="trace-1", terms=terms)
