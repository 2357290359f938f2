"""A file that appears only once it is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.cli import printing
from trainui.errors import UnfitEnvironmentError


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("file/points.csv", "Not a directory"),
        ("missing/points.csv", "No such file or directory"),
        (".", "Is a directory"),
        ("..", "Is a directory"),
    ],
)
def test_an_unwritable_place_is_named_with_the_reason(
    target: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(UnfitEnvironmentError, match=f"{target} cannot be written: {why}"),
        printing.whole_file(Path(target)),
    ):
        pytest.fail("it was opened")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_is_left_of_a_file_whose_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), printing.whole_file(tmp_path / "x") as stream:
        stream.write(b"some" * (1 // 0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_there", [True, False])
def test_the_file_behind_a_link_is_written(tmp_path: Path, is_there: bool) -> None:
    file, link = tmp_path / "data" / "points.csv", tmp_path / "points.csv"
    file.parent.mkdir()
    if is_there:
        file.write_text("before")
    link.symlink_to(file)
    with printing.whole_file(link) as stream:
        stream.write(b"points")
    assert link.is_symlink()
    assert file.read_text() == "points"
    assert list(file.parent.iterdir()) == [file]
