"""What a language model is told about a prompt, and which of its answers will do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limner.catalog.profiles import PROFILES
from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style
from limner.flow import wording
from limner.flow.wording import Templates, cleaned, fault_of, instruction, opted_out, our_templates

OTTER = "A cute baby sea otter"
SPEC = Spec(
    prompt=OTTER,
    n=1,
    width=1024,
    height=1024,
    quality=Quality.STANDARD,
    style=Style.VIVID,
    background=Background.OPAQUE,
    output_format=OutputFormat.PNG,
    output_compression=100,
    seed=None,
)


# templates ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "pictures", "edits"),
    [
        ("dall-e-2", False, False),
        ("dall-e-3", True, True),
        ("gpt-image", True, True),
        ("gpt-image-2", True, True),
        ("gpt-image-2.5", True, True),
        ("open", False, False),
    ],
)
def test_each_profile_has_its_own_way(profile: str, *, pictures: bool, edits: bool) -> None:
    ours = our_templates()

    assert profile in PROFILES
    assert (ours.template([profile], is_edit=False) is not None) is pictures
    assert (ours.template([profile], is_edit=True) is not None) is edits


def test_an_edit_stays_an_instruction() -> None:
    text = our_templates().template(["dall-e-3"], is_edit=True)

    assert text is not None
    assert "instruction" in text
    assert text != our_templates().template(["dall-e-3"], is_edit=False)


def test_the_operator_s_words_go_before_ours_and_a_model_before_its_profile() -> None:
    theirs = Templates(pictures={"dall-e-3": "Be brief.", "mine": "Be long.", "gpt-image": ""}, edits={"open": "Edit!"})

    both = theirs.over(our_templates())

    assert both.template(["mine", "dall-e-3"], is_edit=False) == "Be long."
    assert both.template(["other", "dall-e-3"], is_edit=False) == "Be brief."
    assert both.template(["gpt-image"], is_edit=False) is None
    assert both.template(["gpt-image-2"], is_edit=False) is not None
    assert both.template(["open"], is_edit=True) == "Edit!"


@pytest.mark.parametrize(("width", "height", "shape"), [(1024, 1024, "square"), (1792, 1024, "wide"), (10, 30, "tall")])
def test_the_instruction_knows_what_was_asked_for(width: int, height: int, shape: str) -> None:
    template = our_templates().template(["dall-e-3"], is_edit=False) or ""

    told = instruction(template, spec=replace(SPEC, width=width, height=height), characters_max=4000)
    natural = instruction(template, spec=replace(SPEC, style=Style.NATURAL), characters_max=4000)

    assert f"The picture is {shape}" in told
    assert "4000 characters" in told
    assert "Lean towards the vivid" in told
    assert "Lean towards the natural" in natural
    assert OTTER not in told
    assert "{" not in told


def test_braces_in_an_operator_s_template_are_only_braces() -> None:
    assert instruction('Answer like {"this"} {x}', spec=SPEC, characters_max=9).startswith('Answer like {"this"} {x}')


# the caller's way out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt", [f"{wording.OPT_OUT} a pear", f"  {wording.OPT_OUT.lower()}\n\na pear ", f"{wording.OPT_OUT[:-1]} a pear"]
)
def test_the_sentence_that_keeps_a_prompt(prompt: str) -> None:
    assert opted_out(prompt) == "a pear"


def test_the_sentence_alone_is_a_prompt_and_so_is_any_other() -> None:
    assert opted_out(wording.OPT_OUT) == wording.OPT_OUT
    assert opted_out(f"a pear. {wording.OPT_OUT}") is None
    assert opted_out(OTTER) is None


# what comes back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        "An otter: small and wet.",
        "  An otter: small and wet.\n",
        '"An otter: small and wet."',
        "“An otter: small and wet.”",
        "```\nAn otter: small and wet.\n```",
        "```text\nAn otter: small and wet.\n```",
        "Here you go:\n\n```markdown\nAn otter: small and wet.\n```\nEnjoy!",
        "Sure! Here is the revised prompt:\n\nAn otter: small and wet.",
        "Revised prompt: An otter: small and wet.",
        "**Revised prompt:** An otter: small and wet.",
        '**Prompt:** "An otter: small and wet."',
        "# A prompt\nAn otter: small and wet.",
        "An **otter**: small and __wet__.",
        "<think>The user wants an otter.\nSure: otter.</think>\nAn otter: small and wet.",
        "The user wants an otter.</think>An otter: small and wet.",
        "An otter: small and \x00wet\x07.",
    ],
)
def test_what_is_put_around_an_answer_is_taken_off(answer: str) -> None:
    assert cleaned(answer) == "An otter: small and wet."


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("好的，以下是改写后的提示词：\n\n一只小海獭。", "一只小海獭。"),
        ("改写后的提示词：“一只小海獭。”", "一只小海獭。"),
        ("「一只小海獭。」", "一只小海獭。"),
        ('"OPEN" and "CLOSED"', '"OPEN" and "CLOSED"'),
        ("Sure-footed goats: three of them.", "Sure-footed goats: three of them."),
        ("A list:\n- one\n- two", "A list:\n- one\n- two"),
        ("Two paragraphs.\n\nOf text.", "Two paragraphs.\n\nOf text."),
        ("<think>never ending", ""),
        ("", ""),
        ("2 * 3 * 4 = 24 on a board", "2 * 3 * 4 = 24 on a board"),
    ],
)
def test_what_belongs_to_an_answer_stays(answer: str, left: str) -> None:
    assert cleaned(answer) == left


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("A baby sea otter floats on its back in the quiet water.", OTTER),
        ("一只可爱的小海獭仰面漂浮在平静的海面上，cinematic light。", "一只可爱的小海獭"),
        ("一只可爱的 baby sea otter 在海面上。", "画一只 cute baby sea otter"),
        ("Ein Schild mit der Aufschrift „Offen“ vor dem Haus und ein Hund.", "ein Schild „Offen“ und ein Hund"),
        ('A wooden sign that says "OPEN 24 HOURS" at dusk.', "sign “OPEN 24 HOURS”"),
        ("A sign that says 你好 in red.", 'a sign with the word "你好"'),
        ("かわいいラッコの赤ちゃんが海に浮かんでいる。", "かわいいラッコの赤ちゃん"),
        ("Маленькая выдра плывёт по морю.", "маленькая выдра"),
        ("I'm sorry written in icing on a cake.", "I'm sorry, on a cake"),
        ("A red 5.", "5"),
    ],
)
def test_good_answers_are_taken(text: str, prompt: str) -> None:
    assert fault_of(text, prompt=prompt, characters_max=4000) is None


@pytest.mark.parametrize(
    ("text", "prompt", "fault"),
    [
        ("", OTTER, "empty"),
        ("otter " * 700, OTTER, "too_long"),
        ("I'm sorry, but I can't help with that.", OTTER, "refused"),
        ("I’m sorry, I can’t.", OTTER, "refused"),
        ("Sorry, that is not possible.", OTTER, "refused"),
        ("As an AI I do not paint.", OTTER, "refused"),
        ("抱歉，我无法满足这个请求。", "一只小海獭", "refused"),
        ("申し訳ありませんが、できません。", "ラッコ", "refused"),
        ("Es tut mir leid, das geht nicht.", "ein Otter und ein Hund", "refused"),
        ("A cute baby sea otter on the water.", "一只可爱的小海獭", "other_language"),
        ("A cute baby sea otter 獭 on the wide and quiet water at dusk.", "一只可爱的小海獭", "other_language"),
        ("一只可爱的小海獭。", OTTER, "other_language"),
        ("一只可爱的海獭宝宝。", "かわいいラッコの赤ちゃん", "other_language"),
        ("A sea otter.", "маленькая выдра", "other_language"),
        ("The otter floats on the water with a shell.", "ein Otter mit einer Muschel auf dem Wasser", "other_language"),
        ("Une loutre dans la mer avec un coquillage.", "the otter on the sea with a shell", "other_language"),
        ("A sign that says hello.", 'a sign with the word "你好"', "other_language"),
        ('A wooden sign that says "Always open".', 'a sign "OPEN 24 HOURS"', "words_lost"),
        ("一块写着“晚安”的木牌", "一块写着“你好”的木牌", "words_lost"),
    ],
)
def test_bad_answers_are_not(text: str, prompt: str, fault: str) -> None:
    assert fault_of(text, prompt=prompt, characters_max=4000) == fault
