"""What a request would cost, if it were let in: the same checks, and nothing is written."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from limner.catalog import rules as catalog_rules
from limner.credits import service as credit_book
from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.flow.admit import check
from limner.flow.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What would be made, and at which price: `each` and `total` in micro-credits. Pixels for `width` and `height`.

    `quality`: in the model's words, and not auto.
    """

    model: str
    n: int
    width: int
    height: int
    quality: str
    each: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What there is to pay it with, in micro-credits: the account's free credits, and what its key may still spend.

    `key_left` None: the key has no limit of its own. `is_unlimited`: the account is counted, never stopped.
    """

    free: int
    key_left: int | None
    is_unlimited: bool

    def is_enough(self, amount: int) -> bool:
        """Whether so much could be held now."""
        return (self.is_unlimited or amount <= self.free) and (self.key_left is None or amount <= self.key_left)


def quote(
    house: House,
    *,
    ask: Ask,
    models: AbstractSet[str] | None = None,
    callback_url: str | None = None,
    is_lenient: bool = False,
) -> Quote:
    """The price of `ask`, for a key for these models (None: for all). Raises the `Problem` that would keep it out.

    `is_lenient`: what the model cannot do is left out, and costs nothing.
    """
    model, spec, _ = check(house, ask=ask, models=models, callback_url=callback_url, is_lenient=is_lenient)
    each = catalog_rules.price(model, width=spec.width, height=spec.height, quality=spec.quality)
    return Quote(
        model=model.name,
        n=spec.n,
        width=spec.width,
        height=spec.height,
        quality=spec.quality_told,
        each=each,
        total=each * spec.n,
    )


async def means_of(house: House, *, principal: Principal) -> Means:
    """What the caller has to pay with."""
    async with house.database.statement() as tx:
        balance = await credit_book.balance(tx, account_id=principal.account_id)
        budget = await credit_book.budget(tx, api_key_id=principal.api_key_id)
    left = None if budget.spend_limit is None else budget.spend_limit - budget.spent - budget.held
    return Means(free=balance.free, key_left=left, is_unlimited=balance.unlimited)
