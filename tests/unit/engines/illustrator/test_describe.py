"""Prompt to description, by way of the real scene: what is said must be drawn, and what is not drawn must be said."""

from collections.abc import Callable

import pytest

from limner.domain.spec import Background, OutputFormat, Spec, Style
from limner.engines.illustrator.compose import compose
from limner.engines.illustrator.describe import describe
from limner.engines.illustrator.parse import parse
from limner.engines.illustrator.scene import Doubt, Said, Scene, Wish
from limner.engines.illustrator.studio import Studio

MakesSpec = Callable[..., Spec]


def described(studio: Studio, a_spec: MakesSpec, prompt: str, **changes: object) -> str:
    return studio.paint(a_spec(prompt, output_format=OutputFormat.SVG, **changes), index=0, seed=7).revised_prompt


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ("A cute baby sea otter", "a baby sea otter floating on the open sea at dawn."),
        ("please draw me a picture of a lovely tiny cat", "a tiny cat in a green meadow with flowers at dawn."),
        ("a tiny mouse and a giant elephant, by day", "a tiny mouse and a large elephant in a green meadow with flowers by day."),
        ("a young woman and a tall pine, by day", "a young woman and a tall pine in a green meadow with flowers by day."),
        ("a blue baby elephant, by day", "a blue baby elephant on the savanna by day."),
        ("two small blue kittens in a room", "two small blue kittens in a cosy room with a window."),
        ("a cat on a sofa in a room", "a cat and a couch with a lamp in a cosy room with a window. Not drawn: “cat on a sofa”."),
        ("two kittens holding hands in a room", "two kittens in a cosy room with a window. Not drawn: “holding hands”."),
        (
            "a girl riding a bicycle wearing a red hat in a room",
            "a girl, a bicycle and a red top hat in a cosy room with a window. Not drawn: “girl riding a bicycle” and “wearing a red hat”.",
        ),
        (
            "a sleepy, vintage, cinematic, photorealistic watercolour of a cat in a room, 4k, bokeh",
            "a cat in a cosy room with a window. Not drawn: “sleepy”, “vintage”, “cinematic”, “photorealistic”, “watercolour”, “4k” and “bokeh”.",
        ),
        ("a fox in a forest by the sea by day", "a fox in a forest clearing by day. Not drawn: “by the sea”."),
        ("a cat in a room, no people, without text or watermark", "a cat in a cosy room with a window."),
        ("a cat by day, no clouds", "a cat in a green meadow with flowers by day. Drawn all the same: “no clouds”."),
        ("12 cats in a room", "nine cats in a cosy room with a window. Not drawn: “12 cats” (only 9 drawn)."),
        ("a hundred dogs in a room", "nine dogs in a cosy room with a window. Not drawn: “a hundred dogs” (only 9 drawn)."),
        ("a red panda in a room", "a raccoon, standing in for the red panda, in a cosy room with a window."),
        ("three knights in a room", "three guards, standing in for the knights, in a cosy room with a window."),
        (
            "a knight and a cat in a room",
            "a guard (standing in for the knight) and a cat in a cosy room with a window.",
        ),
        ("a black and white cat in a room", "a black cat in a cosy room with a window. Not drawn: “white”."),
        ("an old wizard with a long beard in a room", "a wizard in a cosy room with a window. Not drawn: “old” and “long beard”."),
        ("a cat in a room, Taj Mahal", "a cat in a cosy room with a window. Not drawn: “Taj Mahal”."),
        ("a cup of coffee on a table in the morning", "a cup of coffee on a wooden table. Not drawn: “in the morning”."),
        ("a cat in a purple meadow by day", "a cat in a green meadow with flowers by day. Not drawn: “purple meadow”."),
        ("a cat in a room under the moon", "a cat in a cosy room with a window at night. Not drawn: “under the moon”."),
        ("a cat under the sun at night in the snow", "a cat in a snowy landscape with fir trees at night. Not drawn: “under the sun”."),
        ("a family of penguins in the snow by day", "three penguins in a snowy landscape with fir trees by day."),
        ("a dolphin swimming in the sea by day", "a dolphin floating on the open sea by day."),
        ("people in a room", "three people in a cosy room with a window."),
        ("an angel in a room", "an angel flying in a cosy room with a window."),
    ],
)  # fmt: skip
def test_english(studio: Studio, a_spec: MakesSpec, prompt: str, description: str) -> None:
    assert described(studio, a_spec, prompt) == f"A vivid illustration of {description}"


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ("一只可爱的小海獭", "黎明，大海，画中有一只小海獭。"),
        ("请画一张沙漠里的一头骆驼，白天", "白天，沙丘之间的沙漠，画中有一头骆驼。"),
        ("木桌上有一杯咖啡，水彩画风格", "木桌，画中有一杯咖啡。未画出：“水彩画”。"),
        ("猫在沙发上睡觉，房间里", "有窗户的温馨房间，画中有一只猫和一张带灯的沙发。未画出：“在沙发上”、“睡觉”。"),
        ("房间里的十二只小猫", "有窗户的温馨房间，画中有九只小猫。未画出：“十二只小猫”（只画了9个）。"),
        ("房间里有12只猫", "有窗户的温馨房间，画中有九只猫。未画出：“12只猫”（只画了9个）。"),
        ("房间里的骑士，没有人", "有窗户的温馨房间，画中有一位卫兵（代替“骑士”）。"),
        ("白天，森林里的孩子们，海边", "白天，森林空地，画中有三个孩子。未画出：“海边”。"),
        ("白天，草地上有一匹白马和一棵大树", "白天，开着花的绿色草地，画中有一匹白色的马和一棵大树。"),
        ("白天雪地里的三只企鹅，没有树", "白天，有杉树的雪地，画中有三只企鹅。未能避免：“没有树”。"),
        ("房间里的一双鞋和一件衬衫", "有窗户的温馨房间，画中有两只鞋和一件衬衫。"),
        ("白天的沙滩上有两把椅子和一把遮阳伞", "白天，海边的沙滩，画中有两把椅子和一把遮阳伞。"),
        ("一列火车、一架飞机和一艘船，白天，城市街道", "白天，城市街道，画中有一列火车、一架飞机和一艘帆船。"),
        ("房间里的悲伤的机器人", "有窗户的温馨房间，画中有一台机器人。未画出：“悲伤”。"),
    ],
)  # fmt: skip
def test_chinese(studio: Studio, a_spec: MakesSpec, prompt: str, description: str) -> None:
    assert described(studio, a_spec, prompt) == f"一幅色彩鲜明的插画：{description}"


def test_what_a_style_or_a_background_leaves_out_is_said(studio: Studio, a_spec: MakesSpec) -> None:
    prompt = "a vibrant apple on the beach"

    natural = described(studio, a_spec, prompt, style=Style.NATURAL)
    transparent = described(studio, a_spec, prompt, background=Background.TRANSPARENT)

    assert natural.endswith("Not drawn: “vibrant”.")
    assert transparent.endswith("on a transparent background. Not drawn: “on the beach”.")


def test_the_list_of_what_is_missing_is_bounded(studio: Studio, a_spec: MakesSpec) -> None:
    prompt = f"a cat, {'z' * 90}, " + ", ".join(f"Zzq{n}x, zzq{n}X" for n in range(40))

    missing = described(studio, a_spec, prompt).split("Not drawn: ")[1]

    assert missing.count("“") == 8
    assert "z…”" in missing
    assert missing.endswith("(and more).")
    assert len(missing) < 150


def scene_of(wish: Wish, studio: Studio) -> Scene:
    return compose(
        wish,
        width=256,
        height=256,
        detail=1,
        vivid=True,
        transparent=False,
        seed=1,
        kind_of=lambda slug: studio._lexicon.kinds.get(slug, ""),
        extent_of=studio._art.extent,
        mood=0,
    )


def test_the_words_of_a_prompt_do_not_change_its_scene(studio: Studio) -> None:
    lexicon = studio._lexicon
    plain = parse("an otter and a hut", lexicon=lexicon)
    wordy = parse("a cinematic sea otter holding a hut, vintage", lexicon=lexicon)

    assert scene_of(plain, studio) == scene_of(wordy, studio)
    assert Said(text="vintage", doubt=Doubt.NEVER) in wordy.said
    assert describe(scene_of(plain, studio), plain, names=lexicon.names, kinds=lexicon.kinds).count("“") == 0


def test_what_is_small_beside_others_is_drawn_smaller(studio: Studio) -> None:
    for word, smaller in (("baby", True), ("small", True), ("large", False)):
        wish = parse(f"a cat and a {word} cat", lexicon=studio._lexicon)
        spans = {thing.grants: thing.span for thing in scene_of(wish, studio).placed}
        assert (spans[1] < spans[0]) is smaller
