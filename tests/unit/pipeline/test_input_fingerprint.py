"""An input is identified quickly: small files by content, large ones by size and time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainui.pipeline.rules import fingerprint
from trainui.pipeline.rules.fingerprint import is_same, observe


def test_a_small_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = observe(file)
    os.utime(file, ns=(1, 1))
    assert is_same(before, observe(file, before))
    file.write_text("two")
    assert not is_same(before, observe(file, before))


def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = observe(file)
    file.chmod(0)
    assert observe(file, before) is before


def test_a_large_file_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "HASHED_UP_TO", 10)
    file = tmp_path / "a"
    file.write_text("x" * 11)
    file.chmod(0o200)  # it could not even be
    before = observe(file)
    assert "sha256" not in before
    os.utime(file, ns=(1, 1))
    assert not is_same(before, observe(file))


def test_a_directory_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("1")
    before = observe(tmp_path)
    assert before["files"] == 1
    assert is_same(before, observe(tmp_path))
    (tmp_path / "y").touch()
    assert not is_same(before, observe(tmp_path))
    (tmp_path / "y").unlink()
    assert is_same(before, observe(tmp_path))
    (tmp_path / "b" / "x").write_text("22")
    assert not is_same(before, observe(tmp_path))


def test_a_directory_is_looked_at_up_to_a_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "MOST_FILES", 3)
    for number in range(9):
        (tmp_path / str(number)).touch()
    assert observe(tmp_path)["files"] == 3


def test_what_is_gone_or_of_another_kind_is_not_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    before = observe(file)
    file.unlink()
    assert observe(file) == {"missing": True}
    assert not is_same(before, observe(file))
    assert is_same(observe(file), observe(file))
    file.mkdir()
    assert not is_same(before, observe(file))
