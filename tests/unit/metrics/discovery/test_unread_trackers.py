"""Files of trackers that are not read are left alone, and it is said whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics.attempts import start_attempt
from trainui.metrics.discovery import default_sources, stage_sources, trainings
from trainui.store.db.engine import Database

FILES = {
    "SwanLab": (
        "swanlog/run-20261127_000427-b2ejdvtx/logs/1/1000.log",
        '{"index": 0, "data": 2.5, "create_time": "2026-11-27T00:04:27.521562+00:00"}\n',
    ),
    "Neptune": (
        ".neptune/offline/run__d056f7c6/data-1.log",
        '{"obj": {"type": "AssignInt", "path": ["a"], "value": 1}, "version": 1, "at": 1.5}\n',
    ),
}


@pytest.mark.parametrize("tracker", FILES)
def test_such_files_are_no_metrics(store: Database, tmp_path: Path, tracker: str) -> None:
    name, line = FILES[tracker]
    attempt = start_attempt(store, tmp_path)
    file = attempt.workdir / name
    file.parent.mkdir(parents=True)
    file.write_text(3 * line)
    (attempt.workdir / "beside.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    found = default_sources.candidates(attempt.workdir)
    assert [one.path.name for one in found] == ["beside.jsonl"]
    said = stage_sources.searched_places(
        attempt.directory, attempt.stage_dir, attempt.to_read.definition
    )
    assert f"{tracker}'s" in said
    left_out: trainings.LeftOut = {}
    assert [one.kind for one in trainings.below(attempt.workdir, left_out)] == ["jsonl"]
    ((place, why),) = left_out.items()
    assert (place, tracker in why) == (attempt.workdir / name.partition("/")[0], True)
