from __future__ import annotations

from pathlib import Path

import pytest

from limner.cli.parts.files import path_for, save, slug
from limner.cli.parts.trouble import Trouble


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A cute baby sea otter", "a-cute-baby-sea-otter"),
        ("  Otter!! (wet)  ", "otter-wet"),
        ("可爱的小海獭", "可爱的小海獭"),
        ("../../etc/passwd", "etc-passwd"),
        ("!?", "picture"),
        (
            "one two three four five six seven eight nine ten eleven twelve thirteen",
            "one-two-three-four-five-six-seven-eight-nine-ten-eleven",
        ),
        ("獭" * 100, "獭" * 20),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_file_is_called_after_its_prompt(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_pictures_find_their_paths(tmp_path: Path) -> None:
    def path(out: Path | None, count: int) -> Path:
        return path_for(out, prompt="an otter", seed=7, suffix="png", number=2, count=count)

    assert path(None, 1) == Path("an-otter-7.png")
    assert path(tmp_path, 3) == tmp_path / "an-otter-7.png"
    assert path(tmp_path / "o.png", 1) == tmp_path / "o.png"
    assert path(tmp_path / "o.png", 3) == tmp_path / "o-2.png"


def test_a_picture_is_saved_over_nothing_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "otter.png"
    save(path, b"first", force=False)
    with pytest.raises(Trouble, match="is there already"):
        save(path, b"second", force=False)
    assert path.read_bytes() == b"first"
    save(path, b"second", force=True)
    assert path.read_bytes() == b"second"
    assert [*tmp_path.iterdir()] == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match=r"otter\.png cannot be written: Not a directory"):
        save(tmp_path / "file" / "otter.png", b"x", force=False)
