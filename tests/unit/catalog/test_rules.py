from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from limner.catalog.models import FreeSizes, Model
from limner.catalog.profiles import PROFILES
from limner.catalog.rules import image_tokens, price, response_format_for, size_class, spec_for, text_tokens
from limner.domain.ask import Ask
from limner.domain.problem import InvalidValue, MissingParameter, UnknownParameter
from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style

EXAMPLES: dict[str, Any] = {
    "n": 1,
    "size": "1024x1024",
    "quality": "auto",
    "style": "natural",
    "response_format": "url",
    "output_format": "webp",
    "background": "opaque",
    "moderation": "low",
    "user": "grace",
    "safety_identifier": "grace",
    "seed": 7,
}
NAMES = (
    "dall-e-2",
    "dall-e-3",
    "gpt-image",
    "gpt-image-mini",
    "gpt-image-2",
    "gpt-image-2.5",
    "gpt-image-2.6",
    "open",
)


def model(profile: str) -> Model:
    return Model(
        name=profile,
        engine="fake",
        profile=PROFILES[profile],
        description="",
        prices={"1k": {Quality.STANDARD: 1}},
    )


def spec(profile: str, **given: Any) -> Spec:
    return spec_for(Ask(**{"prompt": "an otter", "model": profile, **given}), model=model(profile))


def refused(profile: str, **given: Any) -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        spec(profile, **given)
    return caught.value


def test_the_table_is_of_all_profiles() -> None:
    assert {*NAMES, "nano-banana"} == set(PROFILES), "that one lets everything pass: see test_pictures.py"


@pytest.mark.parametrize("profile", NAMES)
def test_what_is_not_given_is_chosen(profile: str) -> None:
    assert spec(profile) == Spec(
        prompt="an otter",
        n=1,
        width=1024,
        height=1024,
        quality=Quality.STANDARD,
        style=Style.VIVID,
        background=Background.OPAQUE,
        output_format=OutputFormat.PNG,
        output_compression=100,
        seed=None,
        model=profile,
    )


@pytest.mark.parametrize("profile", NAMES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_profile_takes_its_parameters_and_names_the_others(profile: str, name: str) -> None:
    if name in PROFILES[profile].parameters:
        assert spec(profile, **{name: EXAMPLES[name]})
    else:
        with pytest.raises(UnknownParameter, match=f"the model '{profile}' has no parameter '{name}'") as caught:
            spec(profile, **{name: EXAMPLES[name]})
        assert caught.value.param == name


@pytest.mark.parametrize(
    ("profile", "n_max"),
    [("dall-e-2", 10), ("dall-e-3", 1), ("gpt-image", 10), ("gpt-image-2", 10), ("gpt-image-2.5", 10), ("open", 10)],
)
def test_n_goes_from_one_to_the_profile_s_most(profile: str, n_max: int) -> None:
    assert spec(profile, n=n_max).n == n_max
    for n in (0, -1, n_max + 1):
        problem = refused(profile, n=n)
        assert problem.param == "n"
        assert str(n_max) in problem.message


@pytest.mark.parametrize(
    ("profile", "characters_max"),
    [
        ("dall-e-2", 1000),
        ("dall-e-3", 4000),
        ("gpt-image", 32_000),
        ("gpt-image-2", 32_000),
        ("gpt-image-2.5", 32_000),
        ("open", 32_000),
    ],
)
def test_prompts_have_a_length(profile: str, characters_max: int) -> None:
    assert spec(profile, prompt="獭" * characters_max).prompt == "獭" * characters_max

    problem = refused(profile, prompt="獭" * (characters_max + 1))

    assert problem.param == "prompt"
    assert f"has {characters_max + 1} characters" in problem.message
    assert f"at most {characters_max}" in problem.message


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(MissingParameter, match="say what to paint") as caught:
        spec("dall-e-3", prompt=prompt)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("profile", "size"),
    [
        ("dall-e-2", "256x256"),
        ("dall-e-2", "512x512"),
        ("dall-e-3", "1792x1024"),
        ("dall-e-3", "1024x1792"),
        ("gpt-image", "1536x1024"),
        ("gpt-image", "1024x1536"),
        ("gpt-image-2", "3840x2160"),
        ("gpt-image-2", "1024x640"),
        ("gpt-image-2.5", "1440x480"),
        ("open", "64x64"),
        ("open", "101x333"),
        ("open", "3840x2160"),
    ],
)
def test_sizes_that_a_profile_paints(profile: str, size: str) -> None:
    made = spec(profile, size=size)

    assert f"{made.width}x{made.height}" == size


@pytest.mark.parametrize(
    ("profile", "size", "says"),
    [
        ("dall-e-2", "1792x1024", "256x256, 512x512, 1024x1024 (or auto), not 1792x1024"),
        ("dall-e-3", "256x256", "1024x1024, 1792x1024, 1024x1792 (or auto), not 256x256"),
        ("gpt-image", "1792x1024", "1024x1024, 1536x1024, 1024x1536 (or auto)"),
        ("gpt-image-2", "1000x1024", "multiples of 16"),
        ("gpt-image-2", "4096x1024", "longest edge must be 3840 pixels or less"),
        ("gpt-image-2", "512x512", "655360 or more"),
        ("gpt-image-2", "3840x3840", "8294400 or less"),
        ("gpt-image-2", "3200x800", "3 times the short one"),
        ("open", "32x32", "shortest edge must be 64 pixels or more"),
        ("open", "1024x100", "8 times the short one"),
        ("dall-e-3", "1024", "like 1024x1024 or auto, not '1024'"),
        ("dall-e-3", "1024X1024", "like 1024x1024"),
        ("dall-e-3", "1024 x 1024", "like 1024x1024"),
        ("dall-e-3", "1024×1024", "like 1024x1024"),
        ("dall-e-3", "01024x1024", "like 1024x1024"),
        ("dall-e-3", "0x0", "like 1024x1024"),
        ("dall-e-3", "-1x1", "like 1024x1024"),
        ("dall-e-3", "١٠٢٤x١٠٢٤", "like 1024x1024"),
        ("dall-e-3", "999999x999999", "like 1024x1024"),
        ("dall-e-3", "1024x1024\n", "like 1024x1024"),
        ("dall-e-3", "", "like 1024x1024"),
        ("dall-e-3", "x" * 500, "x..."),
    ],
)
def test_sizes_that_a_profile_does_not_paint(profile: str, size: str, says: str) -> None:
    problem = refused(profile, size=size)

    assert problem.param == "size"
    assert says in problem.message
    assert len(problem.message) < 200


@pytest.mark.parametrize("profile", NAMES)
def test_auto_is_a_size(profile: str) -> None:
    assert (spec(profile, size="auto").width, spec(profile, size="auto").height) == (1024, 1024)


@pytest.mark.parametrize(
    ("profile", "quality", "work"),
    [
        ("dall-e-2", "standard", Quality.STANDARD),
        ("dall-e-3", "auto", Quality.STANDARD),
        ("dall-e-3", "hd", Quality.HD),
        ("gpt-image", "low", Quality.LOW),
        ("gpt-image", "medium", Quality.STANDARD),
        ("gpt-image", "high", Quality.HD),
        ("gpt-image-2.5", "xhigh", Quality.HD),
        ("gpt-image-2.5", "max", Quality.HD),
        ("open", "hd", Quality.HD),
        ("open", "low", Quality.LOW),
    ],
)
def test_the_wire_s_many_qualities_are_three(profile: str, quality: str, work: Quality) -> None:
    assert spec(profile, quality=quality).quality is work


@pytest.mark.parametrize(
    ("profile", "name", "value", "right"),
    [
        ("dall-e-2", "quality", "hd", "auto, standard"),
        ("dall-e-3", "quality", "high", "auto, standard, hd"),
        ("gpt-image", "quality", "max", "auto, low, medium, high"),
        ("gpt-image", "quality", "HD", "auto, low, medium, high"),
        ("dall-e-3", "style", "baroque", "vivid, natural"),
        ("dall-e-3", "output_format", "gif", "png, jpeg, webp, svg"),
        ("dall-e-3", "background", "green", "transparent, opaque, auto"),
        ("gpt-image", "moderation", "none", "auto, low"),
        ("gpt-image", "output_compression", 101, "from 0 to 100"),
        ("gpt-image", "output_compression", -1, "from 0 to 100"),
        ("gpt-image", "seed", -1, "from 0 to 9223372036854775807"),
        ("gpt-image", "seed", 2**63, "from 0 to 9223372036854775807"),
        ("gpt-image", "user", "u" * 513, "at most 512"),
        ("gpt-image", "safety_identifier", "u" * 513, "at most 512"),
    ],
)
def test_a_wrong_value_is_told_with_the_right_ones(profile: str, name: str, value: object, right: str) -> None:
    problem = refused(profile, **{name: value})

    assert problem.param == name
    assert right in problem.message


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"output_compression": 50, "output_format": "svg"}, "output_compression"),
    ],
)
def test_values_that_do_not_go_together(given: dict[str, Any], param: str) -> None:
    assert refused("gpt-image", **given).param == param


@pytest.mark.parametrize(
    "given",
    [
        {"background": "transparent", "output_format": "webp"},
        {"background": "transparent", "output_format": "svg"},
        {"background": "auto", "output_format": "jpeg"},
        {"output_compression": 0, "output_format": "jpeg"},
        {"output_compression": 100, "output_format": "png"},
    ],
)
def test_values_that_do(given: dict[str, Any]) -> None:
    made = spec("gpt-image", **given)

    assert made.output_format == given["output_format"]
    assert made.output_compression == given.get("output_compression", 100)
    assert (made.background is Background.TRANSPARENT) == (given.get("background") == "transparent")


@pytest.mark.parametrize("word", ["url", "b64_json"])
def test_the_answer_s_form_is_the_one_asked_for(word: str) -> None:
    assert response_format_for(Ask(prompt="", model="", response_format=word), default="url") == word


def test_the_answer_s_form_has_a_default() -> None:
    assert response_format_for(Ask(prompt="", model=""), default="b64_json") == "b64_json"


@pytest.mark.parametrize("word", ["png", "URL", "", "x" * 90])
def test_another_form_of_answer_is_refused(word: str) -> None:
    with pytest.raises(InvalidValue, match="must be url or b64_json, not") as caught:
        response_format_for(Ask(prompt="", model="", response_format=word), default="url")
    assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    ("width", "height", "class_"),
    [
        (256, 256, "256"),
        (257, 256, "512"),
        (512, 512, "512"),
        (1024, 1024, "1k"),
        (1536, 1024, "wide"),
        (1792, 1024, "wide"),
        (2048, 2048, "2k"),
        (3840, 2160, "4k"),
    ],
)
def test_sizes_are_priced_by_class(width: int, height: int, class_: str) -> None:
    assert size_class(width=width, height=height) == class_


PRICED = replace(
    model("open"),
    prices={
        "512": {Quality.STANDARD: 2},
        "wide": {Quality.LOW: 10, Quality.HD: 30},
    },
)


@pytest.mark.parametrize(
    ("width", "quality", "micro_credits"),
    [
        (512, Quality.STANDARD, 2),
        (256, Quality.STANDARD, 2),  # the next larger class
        (1024, Quality.LOW, 10),
        (1024, Quality.STANDARD, 10),  # the dearest below
        (1024, Quality.HD, 30),
        (3000, Quality.HD, 30),  # the largest there is
        (512, Quality.LOW, 2),  # nothing cheaper is listed
        (512, Quality.HD, 2),
    ],
)
def test_no_picture_is_free_by_omission(width: int, quality: Quality, micro_credits: int) -> None:
    assert price(PRICED, width=width, height=width, quality=quality) == micro_credits


@pytest.mark.parametrize(("prompt", "tokens"), [("a", 1), ("abcd", 1), ("abcde", 2), ("獭獭", 2), ("", 1)])
def test_text_tokens_are_a_quarter_of_the_bytes(prompt: str, tokens: int) -> None:
    assert text_tokens(prompt) == tokens


def test_image_tokens_are_openai_s_at_1024_and_in_proportion_elsewhere() -> None:
    assert [image_tokens(width=1024, height=1024, quality=quality) for quality in Quality] == [272, 1056, 4160]
    assert image_tokens(width=2048, height=1024, quality=Quality.STANDARD) == 2112


@pytest.mark.parametrize("profile", NAMES)
def test_the_profiles_are_sound(profile: str) -> None:
    it = PROFILES[profile]

    assert "auto" in it.qualities
    assert {"model", "prompt", "n", "size", "quality", "response_format"} <= it.parameters
    assert isinstance(it.sizes, FreeSizes) or it.default_size in it.sizes
    assert set(it.output_formats) <= {form.value for form in OutputFormat}


# what engines take beyond a profile --------------------------------------------------------------------------------------


def with_extras(profile: str, *names: str, **given: Any) -> Spec:
    known = {name: value for name, value in given.items() if name in EXAMPLES}
    extras = {name: value for name, value in given.items() if name not in EXAMPLES}
    ask = Ask(**{"prompt": "an otter", "model": profile, **known}, extras=extras)
    return spec_for(ask, model=model(profile), extras=names)


@pytest.mark.parametrize("profile", NAMES)
def test_what_the_engine_takes_is_handed_to_it_as_it_came(profile: str) -> None:
    made = with_extras(profile, "steps", "loras", steps=4, loras=[{"name": "ink", "weight": 0.5}])

    assert made.extras == {"steps": 4, "loras": [{"name": "ink", "weight": 0.5}]}


@pytest.mark.parametrize("profile", NAMES)
def test_what_it_does_not_take_is_refused_by_name(profile: str) -> None:
    with pytest.raises(UnknownParameter, match=f"the model '{profile}' has no parameter 'cfg'") as caught:
        with_extras(profile, "steps", steps=4, cfg=1)
    assert caught.value.param == "cfg"


@pytest.mark.parametrize(
    ("typed", "meant"), [("step", "'steps'"), ("promts", "'prompt'"), ("callbackurl", "'callback_url'"), ("zzz", None)]
)
def test_a_name_that_was_misspelt_is_told_with_the_nearest(typed: str, meant: str | None) -> None:
    with pytest.raises(UnknownParameter) as caught:
        with_extras("dall-e-3", "steps", **{typed: 1})
    assert ("leave it out" if meant is None else f"did you mean {meant}?") in caught.value.message


def test_a_seed_is_for_engines_that_have_one() -> None:
    assert with_extras("dall-e-3", "seed", seed=7).seed == 7
    with pytest.raises(UnknownParameter, match="no parameter 'seed'"):
        with_extras("dall-e-3", "steps", seed=7)


def test_the_caller_s_own_words_go_along() -> None:
    made = spec("gpt-image-2.5", quality="xhigh", size="1536x1024", moderation="low", user="u-1")
    newer = spec("gpt-image-2.5", user="u-1", safety_identifier="s-1")
    nothing = spec("gpt-image-2.5", moderation="auto", size="auto", quality="auto")

    assert (made.model, made.quality_word, made.size_word) == ("gpt-image-2.5", "xhigh", "1536x1024")
    assert (made.moderation, made.user, newer.user) == ("low", "u-1", "s-1")
    assert nothing == spec("gpt-image-2.5")
    assert (nothing.moderation, nothing.user) == (None, None)


def test_a_spec_with_extras_is_kept_and_comes_back() -> None:
    made = with_extras("open", "steps", steps=4, quality="auto")

    assert Spec.of(prompt=made.prompt, choices=made.choices()) == made


def test_a_request_comes_back_from_how_it_is_kept() -> None:
    asked = Ask(prompt="an otter", model="open", n=2, seed=0, extras={"steps": 4, "size_hint": {"a": [1]}})

    assert asked.given() == {
        "prompt": "an otter", "model": "open", "n": 2, "seed": 0, "steps": 4, "size_hint": {"a": [1]},
    }  # fmt: skip
    assert Ask.of(asked.given()) == asked
