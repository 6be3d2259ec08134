import pytest

from limner.engines.illustrator.parse import parse
from limner.engines.illustrator.scene import SUBJECTS_MAX, Wanted
from limner.engines.illustrator.words import Lexicon


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("A cute baby sea otter", [Wanted(slug="otter", size="baby")]),
        ("three blue cats", [Wanted(slug="cat", count=3, colours=("blue",))]),
        (
            "a red car and a blue house",
            [Wanted(slug="automobile", colours=("red",)), Wanted(slug="house", colours=("blue",))],
        ),
        ("red, blue and green balloons", [Wanted(slug="balloon", count=3, colours=("red", "blue", "green"))]),
        ("the car is red", [Wanted(slug="automobile", colours=("red",))]),
        ("an orange on a table", [Wanted(slug="tangerine")]),
        ("an orange cat", [Wanted(slug="cat", colours=("orange",))]),
        ("a pair of foxes", [Wanted(slug="fox", count=2)]),
        ("children", [Wanted(slug="child", count=3)]),
        ("a cat without a hat", [Wanted(slug="cat")]),
        ("a red bokeh and a cat", [Wanted(slug="cat")]),
        ("三只蓝色的猫", [Wanted(slug="cat", count=3, colours=("blue",))]),
        ("一隻可愛的小海獺", [Wanted(slug="otter", size="baby")]),
        ("草地上有两匹马和一棵树", [Wanted(slug="horse", count=2), Wanted(slug="deciduous-tree")]),
        (
            "一辆红色的汽车和一座蓝色的房子",
            [Wanted(slug="automobile", colours=("red",)), Wanted(slug="house", colours=("blue",))],
        ),
        ("🦦", [Wanted(slug="otter")]),
    ],
)
def test_nouns_come_with_their_counts_colours_and_sizes(lexicon: Lexicon, prompt: str, wanted: list[Wanted]) -> None:
    assert list(parse(prompt, lexicon=lexicon).wanted) == wanted


@pytest.mark.parametrize(
    ("prompt", "place", "time", "weather"),
    [
        ("a boat on the sea at sunset", "sea", "sunset", None),
        ("a city street in the rain at night", "city", "night", "rain"),
        ("a house in the snow", "snow", None, None),
        ("a taxi in the city in the snow", "city", None, "snow"),
        ("夕阳下的沙漠", "desert", "sunset", None),
        ("雪地里的房子，夜晚", "snow", "night", None),
        ("a dog on the beach by the sea", "beach", None, None),
        ("a dog", None, None, None),
    ],
)
def test_settings_are_understood(lexicon: Lexicon, prompt: str, place: str, time: str, weather: str) -> None:
    wish = parse(prompt, lexicon=lexicon)

    assert (wish.place, wish.time, wish.weather) == (place, time, weather)


def test_what_it_does_not_know_is_named_once_and_bounded(lexicon: Lexicon) -> None:
    wish = parse("bokeh bokeh " + " ".join(f"zzq{n}x" for n in range(50)), lexicon=lexicon)

    texts = [said.text for said in wish.said]
    assert texts[0] == "bokeh"
    assert len(set(texts)) == len(texts) <= 64


def test_a_crowd_is_capped(lexicon: Lexicon) -> None:
    wish = parse("nine cats, nine dogs, nine cows, nine pigs and nine ducks", lexicon=lexicon)

    assert sum(wanted.count for wanted in wish.wanted) == SUBJECTS_MAX


def test_the_main_language_is_the_one_of_most_words(lexicon: Lexicon) -> None:
    assert parse("一只 cat 在海边", lexicon=lexicon).language == "zh"
    assert parse("a cat named 咪", lexicon=lexicon).language == "en"
