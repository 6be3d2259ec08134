from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from limner.kit.metrics import Board

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def samples(board: Board) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read_text(board.told("").body.decode())
        for sample in family.samples
    }


def test_a_counter_grows_for_each_of_its_labels() -> None:
    board = Board()
    otters = board.counter("otters_total", "Otters seen.", "river")
    otters.add(("thames",))
    otters.add(("thames",), by=2.5)
    otters.add(("rhine",))

    found = samples(board)

    assert found["otters_total", ("thames",)] == 3.5
    assert found["otters_total", ("rhine",)] == 1


def test_a_counter_without_labels_is_there_before_anything_happens() -> None:
    board = Board()
    board.counter("otters_total", "Otters seen.")

    assert samples(board)["otters_total", ()] == 0


def test_a_gauge_of_which_nothing_is_known_is_not_shown() -> None:
    board = Board()
    level = board.gauge("level", "Of the water.", "river")
    level.show({("thames",): 3})
    assert samples(board)["level", ("thames",)] == 3

    level.show({})

    assert not any(name == "level" for name, _ in samples(board))
    assert "Of the water." not in board.told("").body.decode()


def test_a_histogram_counts_each_range_with_those_below_it_and_bounds_belong_to_theirs() -> None:
    board = Board()
    dives = board.histogram("dive_seconds", "How long.", "river", bounds=(0.5, 1.0, 2.0))
    for seconds in (0.1, 0.5, 0.7, 1.5, 9):
        dives.observe(seconds, ("thames",))

    found = samples(board)

    buckets = {labels: value for (name, labels), value in found.items() if name == "dive_seconds_bucket"}
    assert buckets == {
        ("0.5", "thames"): 2,
        ("1.0", "thames"): 3,
        ("2.0", "thames"): 4,
        ("+Inf", "thames"): 5,
    }
    assert found["dive_seconds_count", ("thames",)] == 5
    assert found["dive_seconds_sum", ("thames",)] == 0.1 + 0.5 + 0.7 + 1.5 + 9


def test_two_boards_know_nothing_of_each_other() -> None:
    one, other = Board(), Board()
    one.counter("otters_total", "Otters seen.").add()
    other.counter("otters_total", "Otters seen.")

    assert samples(one)["otters_total", ()] == 1
    assert samples(other)["otters_total", ()] == 0


def test_labels_are_quoted_as_they_must_be() -> None:
    board = Board()
    board.counter("otters_total", "Otters seen.", "river").add(('a "b"\\\n',))

    assert samples(board)["otters_total", ('a "b"\\\n',)] == 1


def test_it_is_told_in_the_form_that_is_asked_for() -> None:
    board = Board()
    board.counter("otters_total", "Otters seen.").add()
    board.histogram("dive_seconds", "How long.", bounds=(1.0,)).observe(2)

    told = board.told(OPENMETRICS)

    assert told.media_type.startswith(OPENMETRICS)
    families = {family.name: family for family in read_openmetrics(told.body.decode())}
    assert families["otters"].type == "counter"
    assert families["dive_seconds"].type == "histogram"
    assert board.told("*/*").media_type.startswith("text/plain")
