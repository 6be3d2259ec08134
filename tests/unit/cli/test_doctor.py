from __future__ import annotations

from pathlib import Path

from limner.cli.doctor import check_art, check_folder, check_fonts, check_python, check_space


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
