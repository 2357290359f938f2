"""Outputs of completed stages that were deleted or emptied since, as far as that can be seen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import paths
from trainui.model.definition import StageDefinition
from trainui.resume import outputs


def made(*outputs: str, **fields: Any) -> StageDefinition:
    return StageDefinition("a", outputs=outputs, workdir="/", **fields)


def test_deleted_outputs_are_reported_where_they_can_be_seen(tmp_path: Path) -> None:
    stage_dir, other = tmp_path / "run" / "stage", tmp_path / "other"
    stage_dir.mkdir(parents=True)
    other.mkdir()
    assert outputs.gone(made(), stage_dir) is None
    assert outputs.gone(made("a/*.pt"), stage_dir) == "its output a/*.pt no longer exists"
    assert outputs.gone(made(f"{other}/x"), stage_dir) == f"its output {other}/x no longer exists"
    assert outputs.gone(made(f"{tmp_path}/not mounted/*"), stage_dir) is None
    (stage_dir / "model.pt").touch()
    assert outputs.gone(made("model.pt"), stage_dir) == "its output model.pt is now empty"
    (stage_dir / "model.pt").write_text("x")
    assert outputs.gone(made("model.pt", "*.pt"), stage_dir) is None
    assert outputs.gone(made("model.pt"), tmp_path / "another host's" / "stage") is None


def test_a_relative_output_may_be_in_an_unshared_workdir(tmp_path: Path) -> None:
    stage_dir, work = tmp_path / "run" / "stage", tmp_path / "work"
    attempt_dir = paths.attempt_directory(stage_dir, 1)
    for directory in (stage_dir, work, attempt_dir):
        directory.mkdir(parents=True)
    alone = replace(made("m.pt"), workdir=str(work))
    member = replace(alone, matrix={"lr": "1"})
    (work / "m.pt").write_text("of another run")
    outputs.note(alone, stage_dir, attempt_dir)
    (attempt_dir / "started").touch()
    later(attempt_dir / "started", work / "m.pt")
    old = "output m.pt is older than this attempt"
    assert outputs.problem(alone, attempt_dir, continued=False) == old
    missing = (
        f"output m.pt is missing: searched in {stage_dir} ({work}/m.pt does not count: members"
    )
    assert str(outputs.problem(member, attempt_dir, continued=False)).startswith(missing)
    (work / "m.pt").write_text("its own")
    assert outputs.problem(alone, attempt_dir, continued=False) is None
    assert outputs.gone(alone, stage_dir) is None
    (work / "m.pt").unlink()
    missing = f"output m.pt is missing: searched in {stage_dir}, {work}"
    assert outputs.problem(alone, attempt_dir, continued=False) == missing
    assert outputs.gone(alone, stage_dir) == "its output m.pt no longer exists"
    work.rmdir()
    assert outputs.gone(alone, stage_dir) is None, "its disk may not be mounted"


def later(path: Path, other: Path) -> None:
    """Let a file be newer than another, whatever the resolution of times."""
    status = other.stat()
    newest = max(status.st_mtime_ns, status.st_ctime_ns) + 1
    os.utime(path, ns=(newest, newest))
