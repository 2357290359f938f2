"""Checkpoints that no field declares: which are found, and how the newest is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.resume.test_checkpoints import put
from trainui import system
from trainui.model.definition import CheckpointRule, StageDefinition
from trainui.resume import undeclared
from trainui.resume.undeclared import Undeclared
from trainui.store.read.views import Overlap
from trainui.supervisor import protocol

STARTED, ENDED = 1_000, 2_000
WRITTEN = 1_500


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """An attempt that has ended."""
    put(tmp_path / "attempt-1" / protocol.STARTED_FILE, b"", mtime=STARTED)
    put(tmp_path / "attempt-1" / protocol.EXIT_FILE, b"", mtime=ENDED)
    (tmp_path / "stage").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path / "attempt-1"


def search(attempt: Path, *beside: Overlap, **fields: object) -> Undeclared | None:
    place = attempt.parent
    definition = StageDefinition("train", workdir=str(place / "work"), **fields)  # type: ignore[arg-type]

    def rivals() -> Sequence[Overlap]:
        return beside

    return undeclared.search(definition, place / "stage", [attempt], rivals)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("out/checkpoint-40", "out/checkpoint-*"),
        ("out/checkpoint-40/state.json", "out/checkpoint-*"),
        ("epoch=3-step=40.ckpt", "epoch=*-step=*.ckpt"),
        ("runs/a/step_0040/model.bin", "runs/a/step_*"),
        ("model.pth", "model.pth"),
        ("last.tar", "last.tar"),
    ],
)
def test_files_that_resemble_checkpoints_are_found(attempt: Path, name: str, pattern: str) -> None:
    for place in ("work", "stage"):
        data = b"\x80\x02} ." if name.endswith(".pth") else b"{}"
        file = Path(put(attempt.parent / place / name, data, mtime=WRITTEN))
        for directory in file.relative_to(attempt.parent / place).parents[:-1]:
            os.utime(attempt.parent / place / directory, (WRITTEN, WRITTEN))
        found = search(attempt)
        assert found is not None
        assert found.pattern == pattern
        assert found.attempt == attempt
        file.unlink() if "/" not in name else file.rename(attempt / "gone")
        if name.count("/") > 1 or name.startswith("out/checkpoint-40/"):
            file.parent.rmdir()
        assert search(attempt) is None


@pytest.mark.parametrize(
    "name",
    ["data.npz", "epoch_1/sample.png", "notes.txt", ".cache/model.pt", "a.h5", "train.py"],
)
def test_other_files_are_no_checkpoints(attempt: Path, name: str) -> None:
    file = Path(put(attempt.parent / "work" / name, b"x", mtime=WRITTEN))
    os.utime(file.parent, (WRITTEN, WRITTEN))
    assert search(attempt) is None


def test_only_what_was_written_while_an_attempt_ran_counts(attempt: Path) -> None:
    for written in (STARTED - 1, ENDED + 2):
        put(attempt.parent / "work" / "ckpt-1.bin", b"x", mtime=written)
        assert search(attempt) is None
    put(attempt.parent / "work" / "ckpt-1.bin", b"x", mtime=WRITTEN)
    assert search(attempt) is not None
    assert search(attempt, checkpoint=CheckpointRule("ckpt-*")) is None
    assert search(attempt, matrix={"a": "1"}) is None


def test_the_newest_complete_one_is_taken(attempt: Path) -> None:
    put(attempt.parent / "work" / "ckpt-1.bin", b"x", mtime=WRITTEN)
    put(attempt.parent / "work" / "ckpt-2.bin", b"x", mtime=WRITTEN + 1)
    put(attempt.parent / "work" / "ckpt-3.bin", b"", mtime=WRITTEN + 2)
    found = search(attempt)
    assert found is not None
    assert found.path.name == "ckpt-2.bin"


def test_a_shared_workdir_needs_a_sign_of_ownership(attempt: Path) -> None:
    path = put(attempt.parent / "work" / "ckpt-1.bin", b"x", mtime=WRITTEN)
    definition = StageDefinition("other", workdir=str(attempt.parent / "work"))
    other = Overlap("run", "other", definition, STARTED * 10**6, ENDED * 10**6)
    assert search(attempt, other) is None
    (attempt / protocol.WRITTEN_FILE).write_text(json.dumps(path) + "\n")
    assert search(attempt, other) is not None


def test_places_seen_written_elsewhere_are_searched(attempt: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "elsewhere" / "ckpt-40.bin", b"x", mtime=WRITTEN)
    assert search(attempt) is None
    (attempt / protocol.WRITTEN_FILE).write_text(json.dumps(path) + "\n")
    found = search(attempt)
    assert found is not None
    assert found.pattern == str(tmp_path / "elsewhere" / "ckpt-*.bin")


def test_where_an_option_leads_is_searched(attempt: Path, tmp_path: Path) -> None:
    put(tmp_path / "runs" / "a" / "ckpt-40.bin", b"x", mtime=WRITTEN)
    command, matrix = ("train", "--out", "../runs/a"), {"a": "1"}
    found = search(attempt, command=command, matrix=matrix)
    assert found is not None
    assert found.pattern == str(tmp_path / "runs" / "a" / "ckpt-*.bin")
    for out, is_found in (("../runs/b", True), ("../runs/a", False), ("../runs", False)):
        definition = StageDefinition(
            "other", workdir=str(tmp_path / "work"), command=("train", "--out", out)
        )
        other = Overlap("run", "other", definition, STARTED * 10**6, ENDED * 10**6)
        assert (search(attempt, other, command=command, matrix=matrix) is not None) == is_found


def test_each_state_of_a_checkpoint_is_copied_once(attempt: Path) -> None:
    directory = attempt.parent / "work" / "checkpoint-40"
    put(directory / "model.bin", b"first", mtime=WRITTEN)
    (directory / "link").symlink_to("model.bin")
    os.mkfifo(directory / "fifo")
    found = Undeclared(directory, "checkpoint-*", attempt)
    kept = attempt / undeclared.KEPT
    (kept / ".checkpoint-40.new").mkdir(parents=True)  # of a worker that was killed
    for _ in range(2):
        assert str(kept / "checkpoint-40") in undeclared.keep(found)
    assert [one.name for one in kept.iterdir()] == ["checkpoint-40"]
    put(directory / "model.bin", b"second", mtime=WRITTEN + 1)
    assert (kept / "checkpoint-40" / "model.bin").read_bytes() == b"first"
    undeclared.keep(found)
    assert (kept / "checkpoint-40~1" / "model.bin").read_bytes() == b"second"


def test_too_large_files_are_not_copied(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(put(attempt.parent / "work" / "ckpt.pt", b"x" * 100, mtime=WRITTEN))
    found = Undeclared(path, "ckpt.pt", attempt)
    monkeypatch.setattr(system, "free_bytes", lambda _: 399)
    assert "too large" in undeclared.keep(found)
    assert not (attempt / undeclared.KEPT).exists()
    monkeypatch.setattr(system, "free_bytes", lambda _: 400)
    assert "too large" not in undeclared.keep(found)
    assert (attempt / undeclared.KEPT / "ckpt.pt").read_bytes() == b"x" * 100
