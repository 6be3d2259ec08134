from __future__ import annotations

import itertools

import pytest

from limner.domain.spec import OutputFormat, Style
from limner.engines.openai_relay.dialects import DIALECTS, FreeSizes, dialect_of, formats_of, styled
from limner.engines.openai_relay.options import DIALECT_NAMES, DialectName, UpstreamOptions


def upstream(dialect: DialectName, **given: object) -> UpstreamOptions:
    return UpstreamOptions(name="main", base="https://x/v1", dialect=dialect, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "wanted", "asked"),
    [
        ("gpt-image-1.5", (1024, 1024), (1024, 1024)),
        ("gpt-image-1.5", (1792, 1024), (1536, 1024)),
        ("gpt-image-1.5", (1024, 1792), (1024, 1536)),
        ("gpt-image-1.5", (512, 512), (1024, 1024)),
        ("gpt-image-1.5", (1100, 1024), (1536, 1024)),
        ("openai/gpt-image-1-mini", (256, 256), (1024, 1024)),
        ("gpt-image-2", (1792, 1024), (1792, 1024)),
        ("gpt-image-2", (1000, 1000), (1008, 1008)),
        ("gpt-image-2", (512, 512), (816, 816)),
        ("gpt-image-2", (4096, 4096), (2880, 2880)),
        ("gpt-image-2", (3840, 2160), (3840, 2160)),
        ("gpt-image-2", (2000, 500), (2000, 672)),
        ("something-else", (1792, 1024), (1536, 1024)),
    ],
)
def test_the_size_asked_for_is_the_nearest_that_the_model_makes(
    model: str, wanted: tuple[int, int], asked: tuple[int, int]
) -> None:
    assert dialect_of(upstream("openai"), model=model).size_for(wanted) == asked


def test_whatever_is_wanted_the_free_sizes_keep_their_bounds() -> None:
    for sizes in (
        one.sizes for name in DIALECT_NAMES for one in (DIALECTS[name], dialect_of(upstream(name), model="gpt-image-2"))
    ):
        if not isinstance(sizes, FreeSizes):
            continue
        for wanted in itertools.product((1, 16, 63, 256, 512, 1000, 1024, 1792, 2160, 3840, 9999), repeat=2):
            width, height = sizes.nearest(wanted)
            assert width % sizes.step == height % sizes.step == 0
            assert sizes.edge_min <= min(width, height) <= max(width, height) <= sizes.edge_max, (wanted, width, height)
            assert max(width, height) <= sizes.ratio_max * min(width, height), (wanted, width, height)
            assert sizes.pixels_min <= width * height <= sizes.pixels_max, (wanted, width, height)
            if wanted[0] != wanted[1]:
                assert width == height or (width > height) == (wanted[0] > wanted[1])


def test_a_size_that_is_allowed_stays_as_it_is() -> None:
    for name, dialect in DIALECTS.items():
        assert dialect.size_for((1024, 1024)) == (1024, 1024), name


def test_an_operator_knows_better_than_the_table() -> None:
    dialect = dialect_of(upstream("openai", sizes=((512, 512), (768, 512)), pictures_per_call=2), model="gpt-image-1")

    assert dialect.size_for((1792, 1024)) == (768, 512)
    assert dialect.pictures_per_call == 2


def test_dall_e_2_is_otherwise_than_dall_e_3() -> None:
    three = dialect_of(upstream("dalle"), model="dall-e-3")
    two = dialect_of(upstream("dalle"), model="dall-e-2")

    assert (three.pictures_per_call, two.pictures_per_call) == (1, 10)
    assert (three.edits, two.edits) == (None, "/images/edits")
    assert (three.style, two.style) == ("field", "phrase")


def test_newer_models_know_more_words() -> None:
    words = {
        model: dialect_of(upstream("openai"), model=model).quality_words
        for model in ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst")
    }

    assert "max" not in words["gpt-image-2"]
    assert "max" in words["gpt-image-2.5-flare"]
    assert "max" in words["gpt-image-2.6-sunburst"]


def test_only_klein_looks_at_a_mask() -> None:
    assert dialect_of(upstream("vllm_omni"), model="black-forest-labs/FLUX.2-klein-4B").mask == "white"
    assert dialect_of(upstream("vllm_omni"), model="Qwen/Qwen-Image-Edit").mask is None


def test_what_writes_files_writes_png() -> None:
    for name, dialect in DIALECTS.items():
        assert not dialect.formats or OutputFormat.PNG in dialect.formats, name
        assert not dialect.edit_formats or OutputFormat.PNG in dialect.edit_formats, name


@pytest.mark.parametrize(
    ("prompt", "style", "expected"),
    [
        ("an otter", Style.VIVID, "an otter. Vivid style: hyper-real and dramatic."),
        ("An otter. ", Style.NATURAL, "An otter. Natural style: realistic and unexaggerated."),
        ("一只水獭", Style.VIVID, "一只水獭。风格鲜明：超写实，富有戏剧性。"),
        ("一只水獭！", Style.NATURAL, "一只水獭！风格自然：写实，不夸张。"),
        (
            "a poster that says 水獭",
            Style.NATURAL,
            "a poster that says 水獭. Natural style: realistic and unexaggerated.",
        ),
    ],
)
def test_a_style_is_said_in_the_language_of_the_prompt(prompt: str, style: Style, expected: str) -> None:
    assert styled(prompt, style) == expected


FILES = {OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP}


@pytest.mark.parametrize(
    ("dialect", "given", "written"),
    [
        ("openai", {"model": "gpt-image-2"}, FILES),
        ("openai", {"model": "gpt-image-2.6-flare"}, set(OutputFormat)),
        ("openai", {"models": {"a": "gpt-image-2", "b": "openai/gpt-image-2.6-sunburst"}}, set(OutputFormat)),
        ("openai", {}, set(OutputFormat)),
        ("dalle", {}, set()),
        ("sglang", {"model": "gpt-image-2.6-flare"}, FILES),
    ],
)
def test_what_an_upstream_writes_is_what_its_models_write(
    dialect: DialectName, given: dict[str, object], written: set[OutputFormat]
) -> None:
    assert formats_of(upstream(dialect, **given)) == written


def test_what_is_written_depends_on_the_model_that_is_asked() -> None:
    both = upstream("openai", models={"a": "gpt-image-2", "b": "gpt-image-2.6-flare"})

    assert formats_of(both, model="a") == FILES
    assert formats_of(both, model="b") == set(OutputFormat)
    assert formats_of(both, model="c") == frozenset(), "it does not serve that"
    assert formats_of(upstream("openai"), model="gpt-image-2") == FILES
