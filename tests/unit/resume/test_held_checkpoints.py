"""Held copies survive rotation and rewriting, and are whole or not there at all."""

from __future__ import annotations

import os
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from trainui import system
from trainui.resume import checkpoints, held_checkpoints, integrity
from trainui.resume.held_checkpoints import ChangedError, FoundCheckpoint, NoSpaceError
from trainui.store.read import evaluations

HEAD = "evaluate"


def written(path: Path, text: str) -> FoundCheckpoint:
    """A zip written in place, as it is found."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", text)
    return found_at(path)


def found_at(path: Path) -> FoundCheckpoint:
    state = checkpoints.state_of(path)
    return FoundCheckpoint(str(path), path.stat().st_mtime_ns, 1, state)


def read(directory: Path, key: str, found: FoundCheckpoint) -> str:
    with zipfile.ZipFile(evaluations.held_copy(directory, key, found.path)) as archive:
        return archive.read("data").decode()


def hold(directory: Path, found: FoundCheckpoint) -> str:
    return held_checkpoints.hold(directory, HEAD, found, complete=None)


def test_a_copy_survives_rewriting_in_place(tmp_path: Path) -> None:
    found = written(tmp_path / "last.npz", "first")
    key = hold(tmp_path / "held", found)
    written(tmp_path / "last.npz", "second")
    assert read(tmp_path / "held", key, found) == "first"
    assert held_checkpoints.problem(tmp_path / "held", key, found.path) is None


def test_a_copy_survives_rotation(tmp_path: Path) -> None:
    found = written(tmp_path / "step-1.npz", "kept")
    key = hold(tmp_path / "held", found)
    (tmp_path / "step-1.npz").unlink()
    assert read(tmp_path / "held", key, found) == "kept"


def test_directories_are_held_file_by_file(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint-5"
    (place / "deep").mkdir(parents=True)
    written(place / "deep" / "model.npz", "weights")
    (place / "done.json").write_text("{}")
    key = hold(tmp_path / "held", found_at(place))
    held = evaluations.held_copy(tmp_path / "held", key, str(place))
    assert (held / "done.json").read_text() == "{}"
    assert (held / "deep" / "model.npz").stat().st_size > 0


def test_links_in_a_directory_lead_where_they_led(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint-5"
    (place / "deep").mkdir(parents=True)
    written(place / "model.npz", "weights")
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "words.txt").write_text("a b")
    (place / "tokenizer").symlink_to("../tokenizer")
    (place / "deep" / "up").symlink_to("..")
    (place / "itself").symlink_to("itself")
    (place / "nowhere").symlink_to("nothing")
    held = tmp_path / "held"
    key = hold(held, found_at(place))
    copy = evaluations.held_copy(held, key, str(place))
    assert (copy / "tokenizer" / "words.txt").read_text() == "a b"
    assert (copy / "deep" / "up" / "model.npz").samefile(copy / "model.npz")
    assert held_checkpoints.problem(held, key, str(place)) is None


def linked(found: FoundCheckpoint, directory: Path, key: str) -> bool:
    held = evaluations.held_copy(directory, key, found.path)
    return held.stat().st_ino == Path(found.path).stat().st_ino


@pytest.fixture
def no_clones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that shares no blocks."""
    monkeypatch.setattr(held_checkpoints, "_clone", lambda _source, _target: False)


@pytest.mark.usefixtures("no_clones")
def test_only_a_renamed_file_with_its_step_is_linked(tmp_path: Path) -> None:
    inner = written(tmp_path / "new", "x")
    os.utime(inner.path, ns=(1, 10**18))  # so that the rename is in a later tick of the clock
    path = (tmp_path / "new").rename(tmp_path / "step-7.npz")
    named = replace(found_at(path), step=7)
    held = tmp_path / "held"
    assert linked(named, held, hold(held, named))
    unnamed = replace(named, step=None)
    assert not linked(unnamed, held, hold(held, unnamed))
    in_place = replace(written(tmp_path / "step-8.npz", "y"), step=8)
    future = 2 * 10**18
    os.utime(in_place.path, ns=(future, future))  # written after its last change of status
    assert not linked(in_place, held, hold(held, in_place))


def test_a_torn_checkpoint_is_not_held(tmp_path: Path) -> None:
    found = written(tmp_path / "last.npz", "x" * 1000)
    Path(found.path).write_bytes(Path(found.path).read_bytes()[:500])
    with pytest.raises(ChangedError):
        hold(tmp_path / "held", found)
    assert list((tmp_path / "held").iterdir()) == []


def test_a_file_written_while_it_is_copied_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written(tmp_path / "last.npz", "first")

    def clone(_source: object, _target: object) -> bool:
        written(tmp_path / "last.npz", "the second")
        return False

    monkeypatch.setattr(held_checkpoints, "_clone", clone)
    with pytest.raises(ChangedError):
        hold(tmp_path / "held", found)
    assert list((tmp_path / "held").iterdir()) == []


def test_a_large_file_written_soon_after_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written(tmp_path / "last.npz", "first")
    monkeypatch.setattr(integrity, "CHECKED_THROUGHOUT", 0)
    own = SimpleNamespace(sleep=lambda _seconds: written(tmp_path / "last.npz", "more"))
    monkeypatch.setattr(held_checkpoints, "time", own)
    with pytest.raises(ChangedError):
        hold(tmp_path / "held", found)


@pytest.mark.usefixtures("no_clones")
def test_a_copy_leaves_space_for_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written(tmp_path / "last.npz", "x")
    size = Path(found.path).stat().st_size
    monkeypatch.setattr(system, "free_bytes", lambda _path: system.LEAST_FREE + 2 * size - 1)
    with pytest.raises(NoSpaceError):
        hold(tmp_path / "held", found)
    assert list((tmp_path / "held").iterdir()) == []


def test_what_was_not_finished_is_removed(tmp_path: Path) -> None:
    found = written(tmp_path / "last.npz", "x")
    held = tmp_path / "held"
    key = hold(held, found)
    (held / ".evaluate-1").mkdir()
    (held / ".evaluate-1" / "last.npz").write_text("half")
    assert held_checkpoints.held(held)[key].found.path == found.path
    assert {one.name for one in held.iterdir()} == {key}


def test_a_copy_that_is_being_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, held = written(tmp_path / "last.npz", "x"), tmp_path / "held"

    def clone(_source: object, _target: object) -> bool:
        assert held_checkpoints.held(held) == {}  # as another process looks for what it left
        return False

    monkeypatch.setattr(held_checkpoints, "_clone", clone)
    key = hold(held, found)
    assert read(held, key, found) == "x"


def test_a_clone_is_made_where_the_file_system_can(tmp_path: Path) -> None:
    found = replace(written(tmp_path / "step-1.npz", "x"), step=1)
    other = tmp_path / "other"
    made = subprocess.run(["cp", "--reflink=always", found.path, other], capture_output=True)
    with Path(found.path).open("rb") as source, (tmp_path / "clone").open("wb") as target:
        assert held_checkpoints._clone(source, target) == (made.returncode == 0)
    held = tmp_path / "held"
    key = hold(held, found)
    assert read(held, key, found) == "x"
    if made.returncode == 0:
        assert not linked(found, held, key)


def test_a_changed_copy_is_noticed(tmp_path: Path) -> None:
    found = written(tmp_path / "last.npz", "x")
    held = tmp_path / "held"
    key = hold(held, found)
    evaluations.held_copy(held, key, found.path).write_text("other")
    assert held_checkpoints.problem(held, key, found.path) is not None
    held_checkpoints.drop(held, key)
    assert held_checkpoints.problem(held, key, found.path) is not None
    assert list(held.iterdir()) == []
