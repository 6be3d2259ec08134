"""What a tool answers with: a record for programs, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

_PROMPT_SHOWN: Final = 120
_USUAL_SIZE: Final = "1024x1024"


class PictureRecord(BaseModel):
    """One picture of a task."""

    number: Annotated[int, Field(description="1 for the first.")]
    link: Annotated[str | None, Field(description="Where it can be opened without a key, for about an hour.")] = None
    media_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    revised_prompt: Annotated[str | None, Field(description="What was really painted.")] = None


class Trouble(BaseModel):
    """Why a task has no pictures."""

    code: str | None = None
    message: str


class Waiting(BaseModel):
    """A task's place in the queue."""

    ahead: int
    estimated_seconds: float | None = None


class TaskRecord(BaseModel):
    """A task and what became of it."""

    task_id: str
    status: Annotated[str, Field(description="queued, running, succeeded, failed, cancelled or expired.")]
    model: str | None = None
    progress: Annotated[float | None, Field(description="From 0 to 1.")] = None
    queue: Waiting | None = None
    pictures: list[PictureRecord] = []
    credits: Annotated[str | None, Field(description="What it cost; null while that is open.")] = None
    engine: Annotated[str | None, Field(description="Who painted it.")] = None
    warnings: list[str] = []
    error: Trouble | None = None
    prompt: str | None = None
    created_at: Annotated[float | None, Field(description="Unix seconds.")] = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to end."""
        return self.status in {"queued", "running"}

    def shortened(self) -> TaskRecord:
        """The same with the beginning of its prompt, for lists."""
        return self.model_copy(update={"prompt": None if self.prompt is None else _beginning(self.prompt)})

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> TaskRecord:
        """The record of a task as the server tells it."""
        result = task.get("result") or {}
        by = task.get("performed_by") or {}
        engine = "/".join(one for one in (by.get("engine"), by.get("part")) if one) or None
        return cls(
            task_id=task["id"],
            status=task["status"],
            model=task.get("model"),
            progress=task.get("progress"),
            queue=Waiting.model_validate(task["queue"]) if task.get("queue") else None,
            pictures=[
                PictureRecord(number=number, link=one.get("url"), revised_prompt=one.get("revised_prompt"))
                for number, one in enumerate(result.get("data", ()), start=1)
            ],
            credits=(task.get("cost") or {}).get("charged"),
            engine=engine,
            warnings=task.get("warnings") or [],
            error=Trouble.model_validate(task["error"]) if task.get("error") else None,
            prompt=(task.get("request") or {}).get("prompt"),
            created_at=task.get("created_at"),
        )


class TaskPage(BaseModel):
    """Tasks, newest first."""

    tasks: list[TaskRecord]
    next: Annotated[str | None, Field(description="Give it as `after` for the next page; null: this is the last.")] = (
        None
    )


class ModelRecord(BaseModel):
    """One model in short; `parameters`, `together` and `price_list` only where one model was asked for."""

    name: str
    description: str | None = None
    engine: str | None = None
    takes: Annotated[list[str], Field(description="The names of its parameters.")] = []
    credits_for: Annotated[str | None, Field(description="The size whose prices `credits` are.")] = None
    credits: Annotated[dict[str, float], Field(description="What a picture costs, by quality.")] = {}
    parameters: dict[str, Any] | None = None
    together: list[dict[str, Any]] | None = None
    price_list: list[dict[str, Any]] | None = None

    @classmethod
    def of(cls, card: Mapping[str, Any], *, is_whole: bool) -> ModelRecord:
        """The record of a model as the server tells it."""
        abilities = card.get("abilities") or {}
        parameters, prices = abilities.get("parameters") or {}, abilities.get("price_list") or []
        sizes = [one["size"] for one in prices]
        size = _USUAL_SIZE if _USUAL_SIZE in sizes else next(iter(sizes), None)
        return cls(
            name=card["id"],
            description=card.get("description"),
            engine=card.get("engine"),
            takes=list(parameters),
            credits_for=size,
            credits={one["quality"]: one["credits"] for one in prices if one["size"] == size},
            parameters=parameters if is_whole else None,
            together=abilities.get("together") if is_whole else None,
            price_list=prices if is_whole else None,
        )


class ModelList(BaseModel):
    """Models."""

    models: list[ModelRecord]


class QuoteRecord(BaseModel):
    """What something would cost, in credits."""

    model: str
    n: int
    size: str | None = None
    quality: str | None = None
    credits_each: str
    credits: str
    credits_left: str | None = None
    is_enough: bool | None = None


# in words ----------------------------------------------------------------------------------------------------------------


def told(task: TaskRecord) -> str:
    """A task in words: what a model reads, and shows to a person."""
    return "\n".join(_lines(task))


def _lines(task: TaskRecord) -> Iterator[str]:
    yield f"Task {task.task_id}: {_standing(task)}"
    for picture in task.pictures:
        yield f"Picture {picture.number}{_measures(picture)}{f': {picture.link}' if picture.link else ''}"
        if picture.revised_prompt:
            yield f"  painted from: {picture.revised_prompt}"
    for warning in task.warnings:
        yield f"Note: {warning}"
    if task.pictures:
        yield "The links open for about an hour; the tool `task` gives new ones."


def _standing(task: TaskRecord) -> str:
    words = [task.status]
    if task.status == "queued" and task.queue is not None:
        words.append(waiting(task.queue))
    if task.status == "running" and task.progress:
        words.append(f"{task.progress:.0%}")
    if task.engine:
        words.append(f"painted by {task.engine}{f' as {task.model}' if task.model else ''}")
    if task.credits is not None:
        words.append(f"cost {task.credits} credits")
    if task.error is not None:
        words.append(task.error.message)
    return ", ".join(words)


def _measures(picture: PictureRecord) -> str:
    size = f"{picture.width}x{picture.height}" if picture.width and picture.height else ""
    facts = [one for one in (size, picture.media_type or "", _bytes(picture.bytes)) if one]
    return f" ({', '.join(facts)})" if facts else ""


def _bytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1000:,.0f} kB"


def waiting(queue: Waiting) -> str:
    """A place in the queue in words."""
    ahead = "next in the queue" if queue.ahead == 0 else f"{queue.ahead} ahead in the queue"
    seconds = queue.estimated_seconds
    return ahead if not seconds else f"{ahead}, about {seconds:.0f} seconds"


def page_told(page: TaskPage) -> str:
    """A page of tasks in words."""
    if not page.tasks:
        return "No tasks."
    lines = [f"{task.task_id}  {_standing(task)}{_excerpt(task.prompt)}" for task in page.tasks]
    if page.next:
        lines.append(f"There are more: after={page.next}")
    return "\n".join(lines)


def _excerpt(prompt: str | None) -> str:
    return f": {_beginning(prompt)}" if prompt else ""


def _beginning(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _PROMPT_SHOWN else line[: _PROMPT_SHOWN - 1] + "…"


def models_told(models: Sequence[ModelRecord]) -> str:
    """Models in words."""
    return "\n".join(f"{one.name}: {one.description or ''}{_prices(one)}" for one in models) or "No models."


def _prices(model: ModelRecord) -> str:
    if not model.credits:
        return ""
    each = ", ".join(f"{price:g} {quality}" for quality, price in model.credits.items())
    return f" Credits for a picture of {model.credits_for}: {each}."


def quote_told(quote: QuoteRecord) -> str:
    """A quote in words."""
    enough = "" if quote.is_enough is not False else " That is more than there is."
    left = "" if quote.credits_left is None else f" {quote.credits_left} credits are left."
    what = " ".join(one for one in (quote.size, quote.quality) if one)
    return f"{quote.n} x {quote.model} {what}: {quote.credits} credits.{left}{enough}"
