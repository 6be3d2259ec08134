"""How the tools are listed, what they are called with, and how what they answer reads."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from limner.mcp import arguments
from limner.mcp.arguments import ArgumentTrouble
from limner.mcp.results import ModelRecord, QuoteRecord, TaskPage, TaskRecord, models_told, page_told, quote_told, told
from limner.mcp.serve import listed
from limner.mcp.tools import Ladder

TASK = {
    "id": "019ab3c5",
    "status": "succeeded",
    "model": "dall-e-3",
    "progress": 1.0,
    "queue": None,
    "request": {"prompt": "A cute baby sea otter"},
    "performed_by": {"engine": "openai", "part": "main"},
    "warnings": ["made at 1024x1024"],
    "result": {"data": [{"url": "http://127.0.0.1/files/1.png", "revised_prompt": "An otter."}]},
    "error": None,
    "cost": {"held": "0.000000", "charged": "0.040000"},
    "created_at": 1795341261.5,
}
TOOLS = {tool.name: tool for tool in listed(reads_files=True, model="gpt-image-2")}


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_listed_with_plain_and_valid_schemas(name: str) -> None:
    tool = TOOLS[name]

    assert tool.description
    assert tool.title
    assert tool.output_schema is not None
    jsonschema.Draft202012Validator.check_schema(tool.input_schema)
    jsonschema.Draft202012Validator.check_schema(tool.output_schema)
    assert tool.input_schema["additionalProperties"] is False
    for argument in tool.input_schema["properties"].values():
        assert argument["description"]
        assert argument["type"] != "null"
        assert "anyOf" not in argument


def test_the_default_model_is_said_and_what_must_be_given_comes_first() -> None:
    schema = TOOLS["paint"].input_schema

    assert "gpt-image-2" in schema["properties"]["model"]["description"]
    assert next(iter(schema["properties"])) == "prompt"
    assert schema["required"] == ["prompt"]


def test_files_of_this_machine_are_offered_only_where_they_can_be_read() -> None:
    afar = {tool.name: tool for tool in listed(reads_files=False, model="m")}["edit"]

    assert "this machine" in TOOLS["edit"].input_schema["properties"]["images"]["description"]
    assert "this machine" not in afar.input_schema["properties"]["images"]["description"]


def test_a_wish_is_sent_as_the_server_takes_it() -> None:
    wish = arguments.read(
        arguments.Paint, {"prompt": "otter", "n": "2", "more": {"steps": 30, "n": 3}, "wait": False, "size": "auto"}
    )

    assert wish.body(model="m") == {"model": "m", "prompt": "otter", "n": 2, "steps": 30, "size": "auto"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "prompt is missing"),
        ({"prompt": "otter", "seize": 1}, "there is no argument 'seize': there are model, size"),
        ({"prompt": "otter", "n": 0}, "n: input should be greater than"),
        ({"prompt": 1, "size": 2}, "; "),
    ],
)
def test_wrong_arguments_are_told_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentTrouble) as trouble:
        arguments.read(arguments.Paint, given)

    assert words in trouble.value.message


def test_a_task_is_told_in_words_and_as_a_record() -> None:
    record = TaskRecord.of(TASK)
    jsonschema.validate(record.model_dump(mode="json"), TOOLS["task"].output_schema or {})

    assert not record.is_open
    assert told(record).splitlines() == [
        "Task 019ab3c5: succeeded, painted by openai/main as dall-e-3, cost 0.040000 credits",
        "Picture 1: http://127.0.0.1/files/1.png",
        "  painted from: An otter.",
        "Note: made at 1024x1024",
        "The links open for about an hour; the tool `task` gives new ones.",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": "queued", "queue": {"ahead": 3, "estimated_seconds": 12.3}}, "3 ahead in the queue, about 12 sec"),
        ({"status": "queued", "queue": {"ahead": 0, "estimated_seconds": None}}, "queued, next in the queue"),
        ({"status": "running", "progress": 0.4}, "running, 40%"),
        ({"status": "failed", "error": {"code": "x", "message": "the engine broke"}}, "failed, the engine broke"),
    ],
)
def test_how_a_task_stands(more: dict[str, Any], words: str) -> None:
    bare = {"id": "1", "cost": {"charged": None}, "result": None}

    assert words in told(TaskRecord.of(bare | more))


def test_lists_and_prices_are_told() -> None:
    page = TaskPage(tasks=[TaskRecord.of(TASK)], next="019ab3c5")
    prices = [("512x512", "low", 0.01), ("1024x1024", "low", 0.02), ("1024x1024", "high", 0.3)]
    price_list = [{"size": size, "quality": quality, "credits": credits_} for size, quality, credits_ in prices]
    card = {"id": "m", "description": "Otters.", "abilities": {"parameters": {"n": {}}, "price_list": price_list}}
    model = ModelRecord.of(card, is_whole=False)
    price = QuoteRecord(model="m", n=2, size="1x1", credits_each="1", credits="2", credits_left="1", is_enough=False)

    assert page_told(page).splitlines()[-1] == "There are more: after=019ab3c5"
    assert ": A cute baby sea otter" in page_told(page)
    assert page_told(TaskPage(tasks=[])) == "No tasks."
    assert models_told([model]) == "m: Otters. Credits for a picture of 1024x1024: 0.02 low, 0.3 high."
    assert (model.takes, model.price_list) == (["n"], None)
    assert ModelRecord.of(card, is_whole=True).price_list == price_list
    assert quote_told(price) == "2 x m 1x1: 2 credits. 1 credits are left. That is more than there is."


def test_progress_never_stands_still() -> None:
    ladder = Ladder()
    steps = [ladder.step(percent) for percent in (0, 0, 40, 40, 20, 100, 100)]

    assert steps == sorted(set(steps))
    assert steps[2] == 40
