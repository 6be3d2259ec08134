"""Who rewrites prompts, and how much of that a node keeps in mind."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal
from uuid import UUID

from limner.flow.wording import Templates, our_templates
from limner.kit.chat import Chat, ChatTrouble
from limner.kit.logs import event

_log = logging.getLogger(__name__)
_KEPT_MAX: Final = 512
_TROUBLES_MAX: Final = 3
_REST_SECONDS: Final = 30.0

Mode = Literal["none", "engine", "chat"]


class Reviser:
    """Rewrites prompts, or leaves that to the engines (`mode` engine), or has nobody do it (none).

    `chat`: for the mode of that name, unopened. After three troubles in a row it is left alone for half a minute, so that a
    server that hangs does not hold up every picture.
    """

    def __init__(
        self,
        *,
        mode: Mode = "engine",
        chat: Chat | None = None,
        templates: Templates | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        assert (mode == "chat") == (chat is not None)
        self.mode: Final = mode
        self.templates: Final = our_templates() if templates is None else templates.over(our_templates())
        self._chat = chat
        self._monotonic = monotonic
        self._troubles = 0
        self._rests_until = 0.0
        # By task: one that is begun again, or asked of engine after engine, is not rewritten twice. No task is another's.
        self._kept: OrderedDict[UUID, str] = OrderedDict()

    async def open(self) -> None:
        """Get ready to call. Calls nobody."""
        if self._chat is not None:
            await self._chat.open()

    async def close(self) -> None:
        """Give the connections back."""
        if self._chat is not None:
            await self._chat.close()

    def kept(self, task_id: UUID) -> str | None:
        """What the task's prompt has become already."""
        return self._kept.get(task_id)

    def keep(self, task_id: UUID, text: str) -> None:
        """Remember it for a while."""
        self._kept[task_id] = text
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)

    async def ask(self, prompt: str, *, instruction: str) -> str:
        """The language model's answer, as it is. Raises `ChatTrouble`."""
        assert self._chat is not None
        if self._monotonic() < self._rests_until:
            raise ChatTrouble("resting")
        try:
            answer = await self._chat.ask(prompt, instruction=instruction)
        except ChatTrouble as trouble:
            self._note(trouble)
            raise
        self._troubles = 0
        return answer

    def _note(self, trouble: ChatTrouble) -> None:
        if not trouble.is_theirs:
            self._troubles = 0
            return
        self._troubles += 1
        if self._troubles >= _TROUBLES_MAX:
            self._troubles = 0
            self._rests_until = self._monotonic() + _REST_SECONDS
            event(_log, "revise.rests", level=logging.WARNING, reason=trouble.reason, seconds=_REST_SECONDS)
