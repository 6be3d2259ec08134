from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import orjson
import pytest
from PIL import Image

from limner.domain.spec import VARIATION, Background, OutputFormat, Quality, Source, Spec, Style
from limner.engines import EngineCannot
from limner.engines.openai_relay.options import DialectName, Links, RelayOptions, UpstreamOptions
from limner.engines.openai_relay.requests import (
    Call,
    call_of,
    extras_of,
    grey_mask,
    images_max_of,
    per_call,
    streams,
)

PLAIN = {
    "prompt": "an otter",
    "n": 1,
    "width": 1024,
    "height": 1024,
    "quality": Quality.STANDARD,
    "style": Style.VIVID,
    "background": Background.OPAQUE,
    "output_format": OutputFormat.PNG,
    "output_compression": 100,
    "seed": None,
    "model": "gpt-image-2",
}


def spec(**otherwise: Any) -> Spec:
    return Spec(**{**PLAIN, **otherwise})


def upstream(dialect: DialectName = "openai", **given: Any) -> UpstreamOptions:
    return UpstreamOptions(name="main", base="https://x/v1", dialect=dialect, **given)


def call(
    wanted: Spec,
    to: UpstreamOptions | None = None,
    *,
    count: int = 1,
    first_index: int = 0,
    stream: bool = False,
    links: Links = "host",
) -> Call:
    to = to or upstream()
    options = RelayOptions(upstreams=(to,), links=links)
    return call_of(wanted, upstream=to, options=options, count=count, first_index=first_index, stream=stream)


def told(sent: Call) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads(b"".join(sent.body))
    return fields


def form(sent: Call) -> list[tuple[str, str | None, bytes]]:
    """The parts of a form as a stranger reads them: name, file name, content."""
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + b"".join(sent.body))
    return [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]


def fields_of(sent: Call) -> dict[str, str]:
    return {name: data.decode() for name, filename, data in form(sent) if filename is None}


def png(*, size: tuple[int, int] = (4, 2), alpha: int = 255) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", size, (10, 20, 30, alpha)).save(file, "PNG")
    return file.getvalue()


OTTER = Source(data=png(), media_type="image/png")
SEA = Source(data=b"\xff\xd8\xff of a sea \x00\r\n--", media_type="image/jpeg")
MASK = Source(data=png(alpha=0), media_type="image/png")


# what is said to whom ----------------------------------------------------------------------------------------------------


def test_gpt_image_is_never_told_a_response_format() -> None:
    sent = call(spec())

    assert sent.url == "https://x/v1/images/generations"
    assert told(sent) == {
        "model": "gpt-image-2",
        "prompt": "an otter",
        "size": "1024x1024",
        "quality": "medium",
        "output_format": "png",
    }


def test_dall_e_is_asked_for_base64() -> None:
    sent = call(spec(model="dall-e-3", quality=Quality.HD, quality_word="hd"), upstream("dalle"))

    assert told(sent) == {
        "model": "dall-e-3",
        "prompt": "an otter",
        "size": "1024x1024",
        "quality": "hd",
        "style": "vivid",
        "response_format": "b64_json",
    }
    assert sent.output_format is None, "nobody can say what it comes as"


def test_addresses_are_asked_for_only_where_they_are_passed_on_and_can_be_had() -> None:
    wanted = spec(links_will_do=True)

    assert told(call(wanted, upstream("dalle"), links="pass"))["response_format"] == "url"
    assert told(call(wanted, upstream("dalle")))["response_format"] == "b64_json"
    assert told(call(spec(), upstream("dalle"), links="pass"))["response_format"] == "b64_json"
    assert "response_format" not in told(call(wanted, upstream("openai"), links="pass"))
    assert told(call(wanted, upstream("vllm_omni"), links="pass"))["response_format"] == "b64_json"


def test_a_picture_that_must_be_made_to_fit_is_not_left_elsewhere() -> None:
    wanted = spec(links_will_do=True, width=512, height=512)

    assert told(call(wanted, upstream("dalle"), links="pass"))["response_format"] == "b64_json"


def test_the_upstream_s_own_name_for_the_model_is_sent() -> None:
    assert told(call(spec(model="dall-e-3"), upstream(model="gpt-image-2")))["model"] == "gpt-image-2"
    assert (
        told(call(spec(model="dall-e-3"), upstream(models={"dall-e-3": "gpt-image-1.5"})))["model"] == "gpt-image-1.5"
    )


def test_a_server_of_one_model_is_told_none_unless_the_operator_names_it() -> None:
    assert "model" not in told(call(spec(model="dall-e-3"), upstream("vllm_omni")))
    assert told(call(spec(), upstream("vllm_omni", model="Qwen/Qwen-Image")))["model"] == "Qwen/Qwen-Image"
    assert "model" not in told(call(spec(), upstream("sd_server", model="any")))


def test_a_model_that_the_upstream_does_not_serve_cannot_be_asked_for() -> None:
    with pytest.raises(EngineCannot, match="no upstream serves the model 'gpt-image-2'") as caught:
        call(spec(), upstream(models={"dall-e-3": "x"}))

    assert (caught.value.param, caught.value.part) == ("model", "main")


@pytest.mark.parametrize(
    ("dialect", "model", "word", "quality", "sent"),
    [
        ("openai", "gpt-image-2", "auto", Quality.STANDARD, "medium"),
        ("openai", "gpt-image-2", "standard", Quality.STANDARD, "medium"),
        ("openai", "gpt-image-2", "hd", Quality.HD, "high"),
        ("openai", "gpt-image-2", "low", Quality.LOW, "low"),
        ("openai", "gpt-image-2.5-flare", "max", Quality.HD, "max"),
        ("openai", "gpt-image-1.5", "max", Quality.HD, "high"),
        ("dalle", "dall-e-3", "high", Quality.HD, "hd"),
        ("dalle", "dall-e-3", "low", Quality.LOW, "standard"),
        ("dalle", "dall-e-2", "standard", Quality.STANDARD, None),
        ("openrouter", "google/gemini-3-pro-image", "xhigh", Quality.HD, "xhigh"),
        ("vllm_omni", "Qwen/Qwen-Image", "hd", Quality.HD, None),
        ("sglang", "Qwen/Qwen-Image", "high", Quality.HD, None),
        ("sd_server", "any", "hd", Quality.HD, None),
    ],
)
def test_quality_is_said_in_the_upstream_s_words(
    dialect: DialectName, model: str, word: str, quality: Quality, sent: str | None
) -> None:
    assert told(call(spec(quality_word=word, quality=quality), upstream(dialect, model=model))).get("quality") == sent


def test_who_asks_for_hd_where_there_is_one_quality_is_told() -> None:
    assert call(spec(quality=Quality.HD, quality_word="hd"), upstream("vllm_omni")).notes == (
        "the upstream has one quality only: 'hd' made no difference",
    )
    assert call(spec(), upstream("vllm_omni")).notes == ()


def test_a_style_becomes_a_phrase_where_there_is_no_field_for_it() -> None:
    natural = call(spec(style=Style.NATURAL))
    vivid = call(spec(model="dall-e-3"), upstream(model="gpt-image-2"))

    assert told(natural)["prompt"] == natural.prompt == "an otter. Natural style: realistic and unexaggerated."
    assert vivid.prompt == "an otter. Vivid style: hyper-real and dramatic."
    assert call(spec()).prompt == "an otter", "gpt-image has no style, and nobody asked for one"
    assert "style" not in told(natural)


def test_a_phrase_never_makes_a_prompt_too_long() -> None:
    words = "otter " * 166
    wanted = spec(prompt=words[:990], style=Style.NATURAL)

    assert call(wanted, upstream("dalle", model="dall-e-2")).prompt == words[:990]


def test_a_size_that_is_not_made_is_asked_for_as_the_nearest_and_without_loss() -> None:
    wanted = spec(width=1792, height=1024, output_format=OutputFormat.JPEG, output_compression=70)

    near = call(wanted, upstream(model="gpt-image-1.5"))
    exact = call(wanted)

    assert (near.size, told(near)["size"], told(near)["output_format"]) == ((1536, 1024), "1536x1024", "png")
    assert (exact.size, told(exact)["output_format"], told(exact)["output_compression"]) == ((1792, 1024), "jpeg", 70)
    assert near.output_format is OutputFormat.PNG


def test_how_many_is_said_only_where_it_is_more_than_one() -> None:
    assert "n" not in told(call(spec(n=4)))
    assert told(call(spec(n=4), count=4))["n"] == 4


def test_what_the_upstream_makes_one_at_a_time_is_fanned_out() -> None:
    assert per_call(spec(n=4), upstream=upstream("openai")) == 4
    assert per_call(spec(n=4), upstream=upstream("dalle", model="dall-e-3")) == 1
    assert per_call(spec(n=4), upstream=upstream("vllm_omni")) == 1
    assert per_call(spec(n=4, partials=2), upstream=upstream("openai")) == 1, "nothing says which a partial one is of"
    assert per_call(spec(n=4, partials=2), upstream=upstream("sglang")) == 4, "it does not stream"


def test_partial_pictures_are_asked_for_where_they_stream() -> None:
    wanted = spec(partials=2)

    assert streams(wanted, upstream=upstream("openai"))
    assert not streams(wanted, upstream=upstream("sglang"))
    assert not streams(spec(), upstream=upstream("openai"))
    sent = call(wanted, stream=True)
    assert (told(sent)["stream"], told(sent)["partial_images"], sent.stream) == (True, 2, True)
    assert "text/event-stream" in sent.headers["Accept"]
    router = told(call(wanted, upstream("openrouter"), stream=True))
    assert router["stream"] is True
    assert "partial_images" not in router


def test_moderation_user_and_background_go_where_they_are_known() -> None:
    wanted = spec(moderation="low", user="grace-7", background=Background.TRANSPARENT)

    sent = told(call(wanted))

    assert (sent["moderation"], sent["user"], sent["background"]) == ("low", "grace-7", "transparent")
    assert "user" not in told(call(spec(user="grace-7"), upstream("sd_server")))
    assert "moderation" not in told(call(spec(moderation="low"), upstream("sglang")))


# seeds and extras --------------------------------------------------------------------------------------------------------


def test_a_seed_is_the_spec_s_and_counts_on_from_picture_to_picture() -> None:
    sent = call(spec(seed=7, n=4), upstream("sglang"), count=2, first_index=2)

    assert told(sent)["seed"] == 9
    assert [sent.seed_of(number) for number in range(2)] == [9, 10]


def test_a_server_that_would_always_paint_the_same_is_given_a_seed() -> None:
    for dialect in ("vllm_omni", "sglang"):
        first, second = call(spec(), upstream(dialect)), call(spec(), upstream(dialect))
        assert first.seed == told(first)["seed"]
        assert first.seed != second.seed


def test_who_takes_no_seed_is_given_none() -> None:
    sent = call(spec())

    assert "seed" not in told(sent)
    assert sent.seed_of(0) is None
    with pytest.raises(EngineCannot, match="the upstream takes no seed") as caught:
        call(spec(seed=7))
    assert caught.value.param == "seed"
    assert told(call(spec(seed=7), upstream("openrouter")))["seed"] == 7


def test_our_extras_are_sent_under_the_upstream_s_names() -> None:
    extras = {
        "steps": 9,
        "guidance_scale": 3.5,
        "negative_prompt": "rain",
        "lora": {"name": "ink", "path": "ink", "scale": 0.8},
    }

    sent = told(call(spec(extras=extras, seed=1), upstream("vllm_omni")))

    assert sent["num_inference_steps"] == 9
    assert sent["guidance_scale"] == 3.5
    assert sent["negative_prompt"] == "rain"
    assert sent["lora"] == extras["lora"]
    assert "steps" not in sent


def test_extras_for_sd_server_travel_in_the_prompt() -> None:
    extras = {"steps": 9, "guidance_scale": 3.5, "lora": [{"name": "ink.safetensors", "scale": 0.5}, "paper"]}

    sent = call(spec(extras=extras, seed=1), upstream("sd_server"))

    words, _, rest = told(sent)["prompt"].partition(" <sd_cpp_extra_args>")
    assert words == sent.prompt == "an otter"
    assert orjson.loads(rest.removesuffix("</sd_cpp_extra_args>")) == {
        "seed": 1,
        "sample_params": {"sample_steps": 9, "guidance": {"txt_cfg": 3.5}},
        "lora": [{"path": "ink.safetensors", "multiplier": 0.5}, {"path": "paper", "multiplier": 1.0}],
    }


def test_nobody_smuggles_orders_to_sd_server_through_words() -> None:
    with pytest.raises(EngineCannot, match="prompt may not contain <sd_cpp_extra_args>") as caught:
        call(spec(prompt="an otter <sd_cpp_extra_args>{}</sd_cpp_extra_args>"), upstream("sd_server"))
    assert caught.value.param == "prompt"

    sent = told(call(spec(extras={"negative_prompt": "</sd_cpp_extra_args> x"}), upstream("sd_server")))
    assert sent["prompt"].count("</sd_cpp_extra_args>") == 1
    inner = sent["prompt"].partition("<sd_cpp_extra_args>")[2].removesuffix("</sd_cpp_extra_args>")
    assert orjson.loads(inner)["negative_prompt"] == "</sd_cpp_extra_args> x"


def test_a_lora_that_is_none_is_refused() -> None:
    for value in (3, {"scale": 1}, {"name": "ink", "scale": "much"}, [None]):
        with pytest.raises(EngineCannot, match="lora is a name, or an object") as caught:
            call(spec(extras={"lora": value}), upstream("sd_server"))
        assert caught.value.param == "lora"


@pytest.mark.parametrize(
    ("dialect", "wanted", "param"),
    [
        ("openai", {"extras": {"steps": 9}}, "steps"),
        ("dalle", {"extras": {"negative_prompt": "x"}}, "negative_prompt"),
        ("sglang", {"extras": {"lora": "ink"}}, "lora"),
        ("sglang", {"extras": {"diffusers_kwargs": {}}}, "diffusers_kwargs"),
        ("vllm_omni", {"extras": {"strength": 0.5}}, "strength"),
        ("openai", {"output_format": OutputFormat.SVG}, "output_format"),
        ("dalle", {"background": Background.TRANSPARENT}, "background"),
        ("sglang", {"background": Background.TRANSPARENT}, "background"),
        ("openai", {"background": Background.TRANSPARENT, "output_format": OutputFormat.JPEG}, "background"),
        ("dalle", {"prompt": "x" * 4001}, "prompt"),
        ("dalle", {"images": (OTTER,)}, "image"),
        ("openai", {"images": (OTTER,) * 17}, "image"),
        ("sglang", {"images": (OTTER,), "mask": MASK}, "mask"),
        ("openrouter", {"images": (OTTER,), "mask": MASK}, "mask"),
        ("openai", {"mask": MASK}, "mask"),
        ("openai", {"output_format": OutputFormat.GIF}, "output_format"),
        ("sglang", {"output_format": OutputFormat.GIF}, "output_format"),
        ("openai", {"images": (OTTER,), "markup": MASK}, "markup"),
        ("openrouter", {"images": (OTTER,), "markup": MASK}, "markup"),
        ("dalle", {"images": (OTTER,), "is_variation": True}, "image"),
    ],
)
def test_what_an_upstream_has_no_word_for_is_refused_by_name(
    dialect: DialectName, wanted: Mapping[str, Any], param: str
) -> None:
    with pytest.raises(EngineCannot) as caught:
        call(spec(**wanted), upstream(dialect))

    assert (caught.value.param, caught.value.part) == (param, "main")


def test_an_upstream_says_which_extras_it_takes() -> None:
    assert extras_of(upstream("openai", model="gpt-image-2.6-flare"), model="x") == frozenset()
    assert extras_of(upstream("openrouter"), model="x") == {"seed"}
    assert {"seed", "steps", "strength", "lora"} <= extras_of(upstream("vllm_omni"), model="x")
    assert extras_of(upstream("sglang", models={"a": "b"}), model="x") == frozenset()


def test_an_upstream_says_how_many_pictures_it_can_start_from() -> None:
    assert images_max_of(upstream("openai")) == 16
    assert images_max_of(upstream("dalle")) == 0
    assert images_max_of(upstream("dalle", models={"a": "dall-e-2"})) == 1


# edits -------------------------------------------------------------------------------------------------------------------


def test_pictures_and_a_mask_travel_in_a_form() -> None:
    sent = call(spec(images=(OTTER, SEA), mask=MASK, n=2, user="grace-7"), count=2)

    assert sent.url == "https://x/v1/images/edits"
    assert form(sent) == [
        ("model", None, b"gpt-image-2"),
        ("prompt", None, b"an otter"),
        ("n", None, b"2"),
        ("size", None, b"1024x1024"),
        ("quality", None, b"medium"),
        ("output_format", None, b"png"),
        ("user", None, b"grace-7"),
        ("image[]", "0.png", OTTER.data),
        ("image[]", "1.jpeg", SEA.data),
        ("mask", "2.png", MASK.data),
    ]


def test_a_picture_is_never_copied_into_the_body() -> None:
    sent = call(spec(images=(OTTER,)))

    assert any(piece is OTTER.data for piece in sent.body)
    assert sent.length == len(b"".join(sent.body)) == int(sent.headers["Content-Length"])


def test_edits_leave_out_what_they_do_not_know() -> None:
    sent = fields_of(
        call(
            spec(images=(OTTER,), moderation="low", extras={"strength": 0.5, "lora": {"name": "a", "path": "b"}}),
            upstream("vllm_omni"),
        )
    )

    assert "moderation" not in sent
    assert sent["strength"] == "0.5"
    assert orjson.loads(sent["lora"]) == {"name": "a", "path": "b"}


def test_sd_server_writes_no_webp_when_it_edits() -> None:
    wanted = spec(images=(OTTER,), output_format=OutputFormat.WEBP)

    assert fields_of(call(wanted, upstream("sd_server")))["output_format"] == "png"
    assert told(call(spec(output_format=OutputFormat.WEBP), upstream("sd_server")))["output_format"] == "webp"


def test_diffusion_servers_get_masks_in_black_and_white() -> None:
    left_open = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    left_open.putpixel((0, 0), (0, 0, 0, 0))
    file = io.BytesIO()
    left_open.save(file, "PNG")
    mask = Source(data=file.getvalue(), media_type="image/png")

    sent = call(spec(images=(OTTER,), mask=mask), upstream("vllm_omni", model="FLUX.2-klein-4B"))

    name, _, data = form(sent)[-1]
    assert name == "mask_image"
    with Image.open(io.BytesIO(data)) as grey:
        assert (grey.mode, grey.size) == ("L", (4, 2))
        assert grey.getpixel((0, 0)) == 255
        assert grey.getpixel((1, 1)) == 0
    assert data == grey_mask(mask.data)


def test_openrouter_gets_pictures_as_data_addresses_in_json() -> None:
    sent = call(spec(images=(OTTER, SEA), model="google/gemini-3-pro-image"), upstream("openrouter"))

    assert sent.url == "https://x/v1/images"
    assert sent.headers["Content-Type"] == "application/json"
    assert told(sent)["input_references"] == [
        {
            "type": "image_url",
            "image_url": {"url": f"data:{one.media_type};base64,{base64.b64encode(one.data).decode()}"},
        }
        for one in (OTTER, SEA)
    ]
    assert sent.length == int(sent.headers["Content-Length"])


# headers -----------------------------------------------------------------------------------------------------------------


def test_each_call_says_who_we_are_and_has_a_key_of_its_own() -> None:
    to = upstream(key="very-secret", organization="org-1", project="proj-1", headers={"X-Title": "limner"})

    first, second = call(spec(), to), call(spec(), to)

    assert first.headers["Authorization"] == "Bearer very-secret"
    assert first.headers["OpenAI-Organization"] == "org-1"
    assert first.headers["OpenAI-Project"] == "proj-1"
    assert first.headers["X-Title"] == "limner"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert "very-secret" not in repr(first)
    assert "otter" not in repr(first)


def test_who_has_no_key_sends_none() -> None:
    assert "Authorization" not in call(spec(), upstream("sglang")).headers


# what only some have -----------------------------------------------------------------------------------------------------

FLARE = "gpt-image-2.6-flare"


def test_a_gif_is_asked_for_with_its_frames() -> None:
    wanted = spec(model=FLARE, output_format=OutputFormat.GIF, frames=4, frame_milliseconds=120, width=512, height=512)

    sent = told(call(wanted))

    assert (sent["output_format"], sent["frame_count"], sent["frame_duration_ms"]) == ("gif", 4, 120)
    assert sent["size"] == "512x512", "its frames have their pixels together"
    assert "output_compression" not in sent
    assert not streams(replace(wanted, partials=2), upstream=upstream())


def test_the_frames_of_a_gif_share_their_pixels() -> None:
    sent = call(spec(model=FLARE, output_format=OutputFormat.GIF, frames=16, width=1024, height=1024))

    assert sent.size == (720, 720)
    assert sent.output_format is OutputFormat.GIF, "a gif is not made smaller here"


def test_a_drawing_is_asked_for_with_what_to_think_with() -> None:
    svg = {"model": "gpt-6", "reasoning": {"effort": "low"}}

    drawn = told(call(spec(model=FLARE, output_format=OutputFormat.SVG, svg=svg)))
    edited = fields_of(call(spec(model=FLARE, output_format=OutputFormat.SVG, svg=svg, images=(OTTER,))))

    assert (drawn["output_format"], drawn["svg"]) == ("svg", svg)
    assert (edited["svg[model]"], edited["svg[reasoning][effort]"]) == ("gpt-6", "low")
    assert "svg" not in edited


def test_fidelity_and_complexity_go_where_they_are_known() -> None:
    wanted = spec(images=(OTTER,), input_fidelity="high", complexity="low")

    older, newer = call(wanted, upstream(model="gpt-image-1.5")), call(wanted, upstream(model=FLARE))

    assert fields_of(older)["input_fidelity"] == "high"
    assert "complexity" not in fields_of(older)
    assert older.notes == ("the upstream does not take complexity 'low', and was not told",)
    assert fields_of(newer)["complexity"] == "low"
    assert "input_fidelity" not in fields_of(newer)
    assert newer.notes == ("the upstream does not take input_fidelity 'high', and was not told",)


def test_the_small_model_knows_one_fidelity() -> None:
    mini = upstream(model="gpt-image-1-mini")

    assert fields_of(call(spec(images=(OTTER,), input_fidelity="low"), mini))["input_fidelity"] == "low"
    assert "input_fidelity" not in fields_of(call(spec(images=(OTTER,), input_fidelity="high"), mini))


def test_what_is_drawn_over_a_picture_goes_along() -> None:
    sent = call(spec(images=(OTTER,), markup=MASK), upstream(model="gpt-image-2.5-flare"))

    assert form(sent)[-2:] == [("image[]", "0.png", OTTER.data), ("markup", "1.png", MASK.data)]


def test_variations_are_asked_for_where_they_are_made() -> None:
    wanted = spec(images=(OTTER,), is_variation=True, prompt=VARIATION, n=2, partials=2)

    there = call(wanted, upstream("dalle", model="dall-e-2"), count=2)

    assert there.url == "https://x/v1/images/variations"
    assert form(there) == [
        ("model", None, b"dall-e-2"),
        ("n", None, b"2"),
        ("size", None, b"1024x1024"),
        ("response_format", None, b"b64_json"),
        ("image", "0.png", OTTER.data),
    ]


def test_elsewhere_they_are_edits_in_words() -> None:
    wanted = spec(images=(OTTER,), is_variation=True, prompt=VARIATION)

    for dialect in ("openai", "vllm_omni", "sglang", "sd_server", "openrouter"):
        sent = call(wanted, upstream(dialect))
        words = told(sent)["prompt"] if dialect == "openrouter" else fields_of(sent)["prompt"]
        assert words.startswith(VARIATION)
        assert sent.url == f"https://x/v1/images{'' if dialect == 'openrouter' else '/edits'}"


def test_nobody_is_left_out_of_what_was_not_said() -> None:
    assert call(spec(images=(OTTER,), moderation="low")).notes == (
        "the upstream does not take moderation 'low', and was not told",
    )
    assert call(spec(moderation="low")).notes == ()
