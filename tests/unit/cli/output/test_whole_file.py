"""A file that appears only once it is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.cli.output import whole_file
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
def test_a_place_that_cannot_be_written_is_named_with_the_reason(
    target: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(UnfitEnvironmentError, match=f"{target} cannot be written: {why}"),
        whole_file.writing(Path(target)),
    ):
        pytest.fail("it was opened")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_is_left_of_a_file_whose_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_file.writing(tmp_path / "x") as stream:
        stream.write(b"some" * (1 // 0))
    assert not list(tmp_path.iterdir())
