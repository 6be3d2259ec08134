from __future__ import annotations

import base64
import json
import random
import tracemalloc
from typing import Any

import orjson
import pytest

from limner.domain.spec import Usage
from limner.engines import EngineBusy, EngineFailed, EngineRefused, EngineTrouble
from limner.engines.openai_relay.answers import Answer, Event, Events, Found, Unfinished, answer_of, shown_of, usage_of

OTTER = b"\x89PNG an otter \xff\xfe\xfb" * 20
SEA = b"\xff\xd8\xff a sea ~~~???>>>"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(told: object, *, count: int = 1) -> Answer:
    body = told if isinstance(told, bytes) else orjson.dumps(told)
    return answer_of(body, part="main", count=count)


def trouble(told: object, *, count: int = 1) -> EngineTrouble:
    with pytest.raises(EngineTrouble) as caught:
        read(told, count=count)
    assert caught.value.part == "main"
    return caught.value


def one(data: bytes) -> Found:
    return Found(data=data)


# answers as they come ----------------------------------------------------------------------------------------------------


def test_a_picture_comes_out_with_what_is_said_of_it() -> None:
    answer = read(
        {
            "created": 1,
            "data": [{"b64_json": b64(OTTER), "revised_prompt": 'a "sea" otter, b64_json'}],
            "usage": {"input_tokens": 12, "output_tokens": 1056, "total_tokens": 1068},
        }
    )

    assert answer == Answer(
        pictures=(Found(data=OTTER, revised_prompt='a "sea" otter, b64_json'),),
        usage=Usage(input_text_tokens=12, output_image_tokens=1056),
    )


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(json.dumps, id="as json writes it"),
        pytest.param(lambda told: json.dumps(told, indent=4), id="pretty"),
        pytest.param(lambda told: json.dumps(told, separators=(",", ":")), id="tight"),
        pytest.param(lambda told: json.dumps(told).replace("/", "\\/"), id="slashes escaped"),
        pytest.param(
            lambda told: json.dumps(told).replace('"b64_json": ', '"b64_json"\t:\n '), id="space around the colon"
        ),
        pytest.param(lambda told: json.dumps(told).replace("b64_json", "b64\\u005fjson"), id="key escaped"),
        pytest.param(lambda told: "\n\n " + json.dumps(told) + "\r\n", id="space around it all"),
        pytest.param(lambda told: json.dumps(told, sort_keys=True), id="sorted"),
    ],
)
def test_however_json_is_written_the_same_comes_out(write: Any) -> None:
    told = {
        "output_format": "png",
        "response_format": "b64_json",
        "b64_json": None,
        "data": [
            {"url": None, "b64_json": b64(OTTER), "note": 'the key "b64_json": "is not this"'},
            {"revised_prompt": 'ends in "b64_json', "b64_json": b64(SEA)},
            {"b64_json": b64(bytes(range(256)))},
        ],
        "more": {"n": [1, 2, {"b64_json": "data"}]},
    }

    answer = read(write(told).encode(), count=3)

    assert answer.pictures == (one(OTTER), Found(data=SEA, revised_prompt='ends in "b64_json'), one(bytes(range(256))))


def test_lines_broken_in_base64_and_missing_padding_are_forgiven() -> None:
    broken = "\n".join(b64(OTTER)[at : at + 76] for at in range(0, len(b64(OTTER)), 76))

    assert read({"data": [{"b64_json": broken}]}).pictures == (one(OTTER),)
    assert read({"data": [{"b64_json": b64(b"sea!").rstrip("=")}]}).pictures == (one(b"sea!"),)


def test_a_data_address_is_a_picture_wherever_it_stands() -> None:
    address = f"data:image/png;base64,{b64(OTTER)}"

    assert read({"data": [{"b64_json": address}]}).pictures == (one(OTTER),)
    assert read({"data": [{"url": address}, {"url": address.replace("png", "webp")}]}, count=2).pictures == (
        one(OTTER),
        one(OTTER),
    )
    mixed = {"data": [{"b64_json": b64(SEA)}, {"url": address}]}
    assert read(mixed, count=2).pictures == (one(SEA), one(OTTER))


def test_a_chat_s_pictures_come_out_too() -> None:
    address = f"data:image/png;base64,{b64(OTTER)}"
    told = {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": "Here!",
                    "images": [{"type": "image_url", "image_url": {"url": address}}],
                }
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1300, "completion_tokens_details": {"image_tokens": 1290}},
    }

    answer = read(told)

    assert answer.pictures == (one(OTTER),)
    assert answer.usage == Usage(input_text_tokens=9, output_text_tokens=10, output_image_tokens=1290)
    among_words = {
        "choices": [{"message": {"content": [{"type": "text", "text": "x"}, {"image_url": {"url": address}}]}}]
    }
    assert read(among_words).pictures == (one(OTTER),)


def test_a_link_stays_a_link() -> None:
    answer = read(
        {"data": [{"url": "https://x/1.png", "revised_prompt": "otter"}, {"url": "/v1/images/7/content"}]}, count=2
    )

    assert answer.pictures == (
        Found(link="https://x/1.png", revised_prompt="otter"),
        Found(link="/v1/images/7/content"),
    )


def test_no_more_pictures_than_asked_for_and_fewer_as_they_are() -> None:
    two = {"data": [{"b64_json": b64(OTTER)}, {"b64_json": b64(SEA)}]}

    assert read(two, count=1).pictures == (one(OTTER),)
    assert read(two, count=3).pictures == (one(OTTER), one(SEA))
    assert read({"data": [{"b64_json": None}, "odd", {"b64_json": b64(SEA)}]}, count=3).pictures == (one(SEA),)


def test_at_random_it_reads_what_an_ordinary_parser_reads() -> None:
    dice = random.Random(7)
    for _ in range(300):
        files = [dice.randbytes(dice.randrange(1, 400)) for _ in range(dice.randrange(1, 4))]
        words = ['"b64_json":"', "\\", '"', "data:image/png;base64,AAAA", "水獭", "/", "\n", "b64_json"]
        items = []
        for data in files:
            item = {"".join(dice.choices(words, k=2)): "".join(dice.choices(words, k=3)), "b64_json": b64(data)}
            items.append(dict(dice.sample(list(item.items()), len(item))))
        told = {"".join(dice.choices(words, k=2)): words, "data": items, "z": "".join(dice.choices(words, k=4))}
        body = json.dumps(told, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, 2)))
        if dice.random() < 0.5:
            body = body.replace("/", "\\/")

        assert [found.data for found in read(body.encode(), count=4).pictures] == files


def test_a_large_picture_is_copied_once() -> None:
    data = random.Random(7).randbytes(2_000_000)
    body = orjson.dumps({"data": [{"b64_json": b64(data)}]})
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    answer = read(body)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.pictures[0].data == data
    assert peak - before < 1.05 * len(data), "the decoded file, and nothing else of its size"


# usage -------------------------------------------------------------------------------------------------------------------


def test_usage_is_told_apart_by_words_and_pictures() -> None:
    told = {
        "input_tokens": 400,
        "output_tokens": 1100,
        "input_tokens_details": {"text_tokens": 77, "image_tokens": 323},
        "output_tokens_details": {"text_tokens": 44, "image_tokens": 1056},
    }

    assert usage_of(told) == Usage(
        input_text_tokens=77, input_image_tokens=323, output_text_tokens=44, output_image_tokens=1056
    )


@pytest.mark.parametrize(
    "told", [None, 5, [], {}, {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": "7"}, {"output_tokens": -4}]
)
def test_no_usage_is_made_up(told: object) -> None:
    assert usage_of(told) is None


# what goes wrong ---------------------------------------------------------------------------------------------------------


def test_a_page_instead_of_pictures_is_kept_for_the_operator() -> None:
    caught = trouble(b"<html><h1>Welcome to our proxy</h1></html>")

    assert isinstance(caught, EngineFailed)
    assert caught.message == "the upstream answered with something that is no JSON"
    assert "Welcome to our proxy" in caught.said
    assert caught.lost_pictures == 0


@pytest.mark.parametrize("cut", [20, 100, -4, -1])
def test_an_answer_that_breaks_off_was_probably_charged(cut: int) -> None:
    body = orjson.dumps({"data": [{"b64_json": b64(OTTER)}]})

    caught = trouble(body[:cut], count=2)

    assert caught.message == "the upstream's answer broke off"
    assert caught.lost_pictures == 2
    assert b64(OTTER)[:300] not in caught.said, "a picture is nothing to be kept as words"


@pytest.mark.parametrize("text", ["!!!!", "AAAA=AAA", "A", "水獭", "iVBOR w0KGgo*"])
def test_base64_that_is_none_was_charged_too(text: str) -> None:
    caught = trouble({"data": [{"b64_json": text}]})

    assert isinstance(caught, EngineFailed)
    assert caught.message == "the upstream's picture is damaged: its base64 is empty or broken"
    assert caught.lost_pictures == 1


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"data": []},
        {"data": None},
        {"data": {"b64_json": 7}},
        {"data": [{"b64_json": 5}, {"url": ""}]},
        {"choices": [{"message": {"content": "I only know words."}}]},
        {"choices": [{}, 5, {"message": None}]},
        [],
        [1, 2],
        "words",
        7,
        None,
    ],
)
def test_an_answer_without_a_picture_is_a_failure(told: object) -> None:
    caught = trouble(told)

    assert isinstance(caught, EngineFailed)
    assert caught.message == "the upstream answered without a picture"


def test_what_it_said_instead_of_a_picture_is_kept() -> None:
    assert "I only know words." in trouble({"choices": [{"message": {"content": "I only know words."}}]}).said


def test_a_refusal_in_a_chat_is_a_refusal() -> None:
    assert isinstance(trouble({"choices": [{"finish_reason": "content_filter", "message": {}}]}), EngineRefused)
    assert isinstance(trouble({"choices": [{"message": {"refusal": "No."}}]}), EngineRefused)


def test_an_error_inside_a_good_answer_is_an_error() -> None:
    caught = trouble({"error": {"code": "moderation_blocked", "message": "no"}, "data": []})

    assert isinstance(caught, EngineRefused)


# streams -----------------------------------------------------------------------------------------------------------------


def split(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def events_of(pieces: list[bytes], *, bytes_max: int = 1_000_000) -> list[Event]:
    events = Events(part="main", bytes_max=bytes_max)
    found = [event for piece in pieces for event in events.feed(piece)]
    return found + events.end()


STREAM = (
    b"\xef\xbb\xbf: welcome\n"
    b"event: first\ndata: one\n\n"
    b"data:two\ndata:  three\nid: 7\nretry: 10\n\n"
    b": still here\n\n"
    b"event: none\n\n"
    b"data\ndata: bare\n\n"
    b"event: last\ndata: four\n\n"
)
EVENTS = [
    Event(name="first", data=b"one"),
    Event(name="message", data=b"two\n three"),
    Event(name="message", data=b"bare"),
    Event(name="last", data=b"four"),
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_events_are_found_wherever_the_stream_is_cut(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)

    for size in range(1, len(stream) + 1):
        assert events_of(split(stream, size)) == EVENTS, size


def test_an_empty_piece_changes_nothing() -> None:
    pieces = [part for piece in split(STREAM.replace(b"\n", b"\r\n"), 1) for part in (piece, b"")]

    assert events_of(pieces) == EVENTS


def test_the_last_event_counts_without_a_blank_line() -> None:
    assert events_of([b"data: one\n\ndata: two"]) == [
        Event(name="message", data=b"one"),
        Event(name="message", data=b"two"),
    ]


def test_a_line_of_megabytes_costs_its_length_and_not_its_square() -> None:
    data = b"x" * 6_000_000
    events = Events(part="main", bytes_max=10_000_000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    # A copy of what is there so far at each of these pieces would be 18 GB.
    found = [
        event for piece in [b"event: big\n", b"data: ", *split(data, 1000), b"\n\n"] for event in events.feed(piece)
    ]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [event.data for event in found] == [data]
    assert peak - before < 2.5 * len(data), "the pieces and the line"


def test_an_event_has_an_end() -> None:
    for pieces in ([b"data: " + b"x" * 200], [b"data: ", *[b"x"] * 200], [b"data: xxxxxxxx\n"] * 20):
        with pytest.raises(EngineFailed, match="the upstream sent more than 100 bytes for one picture"):
            events_of(pieces, bytes_max=100)


def event(name: str = "message", **told: object) -> Event:
    return Event(name=name, data=orjson.dumps(told))


def test_a_partial_picture_is_shown_as_it_comes() -> None:
    shown = shown_of(
        event(
            "image_generation.partial_image",
            type="image_generation.partial_image",
            b64_json=b64(OTTER),
            partial_image_index=1,
        ),
        part="main",
    )

    assert shown == Unfinished(data=OTTER, number=1)
    assert shown_of(event(type="image_edit.partial_image", b64_json=b64(SEA)), part="main") == Unfinished(
        data=SEA, number=0
    )


def test_a_damaged_partial_picture_is_passed_over() -> None:
    assert shown_of(event(type="image_edit.partial_image", b64_json="!!!"), part="main") is None
    assert shown_of(event(type="image_edit.partial_image"), part="main") is None


def test_a_finished_picture_brings_its_usage() -> None:
    shown = shown_of(
        event(type="image_generation.completed", b64_json=b64(OTTER), usage={"input_tokens": 3, "output_tokens": 4}),
        part="main",
    )

    assert shown == Answer(pictures=(one(OTTER),), usage=Usage(input_text_tokens=3, output_image_tokens=4))


def test_what_says_nothing_to_us_is_passed_over() -> None:
    for odd in (
        Event(name="message", data=b"[DONE]"),
        Event(name="ping", data=b" "),
        event(type="image_generation.text_chunk", text="<svg"),
        Event(name="x", data=b"[1]"),
    ):
        assert shown_of(odd, part="main") is None


def test_an_error_in_a_stream_is_what_it_would_be_outside_it() -> None:
    for odd, kind in (
        (event("error", type="error", error={"code": "moderation_blocked", "message": "no"}), EngineRefused),
        (event(error={"code": 429, "message": "slow down"}), EngineBusy),
        (event("error", code="server_error", message="we broke"), EngineFailed),
        (event("error", error="bad"), EngineFailed),
    ):
        with pytest.raises(kind) as caught:
            shown_of(odd, part="main")
        assert caught.value.part == "main"


def test_a_finished_picture_that_is_none_is_lost() -> None:
    with pytest.raises(EngineFailed) as caught:
        shown_of(event(type="image_generation.completed", b64_json="!!!"), part="main")
    assert caught.value.lost_pictures == 1
    with pytest.raises(EngineFailed, match="without a picture"):
        shown_of(event(type="image_generation.completed"), part="main")
