from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from limner.cli.doctor import (
    Waiting,
    check_art,
    check_folder,
    check_fonts,
    check_python,
    check_queue,
    check_receivers,
    check_space,
)
from limner.kit.ids import uuid7
from limner.webhooks.models import Endpoint

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOTHING = Waiting(count=0, oldest=timedelta(), running=0)


def test_an_old_python_fails() -> None:
    assert check_python((3, 10, 14)).state == "fail"
    assert check_python((3, 11, 0)).state == "ok"


def test_missing_art_fails_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "glyphs.zip").touch()
    finding = check_art(tmp_path)
    assert finding.state == "fail"
    assert "words.json.gz" in finding.detail
    assert "hatch_build.py" in finding.advice


def test_room_on_the_disk(tmp_path: Path) -> None:
    states = [check_space(free, folder=tmp_path).state for free in (50_000_000, 500_000_000, 5_000_000_000)]
    assert states == ["fail", "warn", "ok"]


def test_a_folder_that_can_be_made_is_not_made(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "new").state == "ok"
    assert not (tmp_path / "new").exists()


def test_a_folder_below_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert check_folder(tmp_path / "file" / "data").state == "fail"


def test_fonts_for_both_scripts_are_fine() -> None:
    finding = check_fonts({"Latin": "DejaVu Sans", "Chinese": "Noto Sans CJK SC"})

    assert (finding.state, finding.detail) == ("ok", "Latin: DejaVu Sans, Chinese: Noto Sans CJK SC")


def test_a_script_without_a_font_is_named_with_what_to_install() -> None:
    finding = check_fonts({"Latin": "DejaVu Sans"})

    assert finding.state == "warn"
    assert "Chinese" in finding.detail
    assert "fonts-noto-cjk" in finding.advice


def waiting(count: int, *, minutes: float, running: int = 0) -> Waiting:
    return Waiting(count=count, oldest=timedelta(minutes=minutes), running=running)


def test_tasks_that_nobody_performs_are_named_with_what_to_start() -> None:
    engines = {"fake": waiting(1, minutes=9, running=2), "illustrator": waiting(3, minutes=5)}
    finding = check_queue(engines, callbacks=NOTHING)
    assert finding.state == "warn"
    assert finding.detail == "3 tasks wait for the engine illustrator, the oldest for 5m; nobody performs any"
    assert "`limner worker --engines illustrator`" in finding.advice


def test_a_queue_that_moves_is_fine() -> None:
    assert check_queue({}, callbacks=NOTHING).detail == "nothing waits, 0 under way"
    busy = check_queue({"fake": waiting(1, minutes=9, running=2)}, callbacks=waiting(3, minutes=0.5))
    assert (busy.state, busy.detail) == ("ok", "1 task waits, the oldest for 9m; 2 under way")
    assert check_queue({"fake": waiting(3, minutes=0.5)}, callbacks=NOTHING).state == "ok"


def test_callbacks_that_nobody_sends_are_named() -> None:
    finding = check_queue({}, callbacks=waiting(7, minutes=90))
    assert (finding.state, finding.detail) == (
        "warn",
        "7 callbacks have waited for up to 1h; nobody sends any",
    )


def receiver(*, failing: bool = False, paused: bool = False) -> Endpoint:
    return Endpoint(
        account_id=uuid7(),
        origin="https://good.example:443",
        failing_since=NOON if failing else None,
        last_success_at=NOON,
        paused_at=NOON if paused else None,
    )


def test_a_paused_receiver_is_named() -> None:
    one = receiver(failing=True, paused=True)
    finding = check_receivers([receiver(), one, one])
    assert finding.state == "warn"
    assert finding.detail == "https://good.example:443 and 1 more paused: nothing was answered well for days"
    assert "`limner webhooks resume RECEIVER`" in finding.advice


def test_receivers_that_answer_are_fine() -> None:
    assert check_receivers([]).state == "ok"
    assert check_receivers([]).detail == "none yet"
    answering = check_receivers([receiver()])
    assert (answering.state, answering.detail) == ("ok", "1 known, all answer well")


def test_receivers_that_fail_for_now_are_a_warning() -> None:
    failing = check_receivers([receiver(), receiver(failing=True)])
    assert (failing.state, failing.detail) == ("warn", "1 of 2 fail at present")
    assert "`limner webhooks receivers`" in failing.advice
