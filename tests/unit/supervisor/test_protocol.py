"""What reading an attempt's records makes of whole, torn, damaged and foreign ones."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest

from trainui.supervisor import protocol, supervise
from trainui.supervisor.protocol import (
    Exit,
    ExitReason,
    JournalError,
    Spec,
    last_growths,
    read_exit,
    read_pids,
    read_spec,
)


def test_unwritten_records_are_nothing(tmp_path: Path) -> None:
    assert read_spec(tmp_path) is None
    assert read_pids(tmp_path) is None
    assert read_exit(tmp_path) is None
    assert last_growths(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0\0\0\0"])
def test_a_torn_record_is_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid.json").write_text(text)
    assert read_pids(tmp_path) is None


def test_a_record_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text('{"version": 2}')
    with pytest.raises(JournalError, match=r"exit\.json is of version 2; this trainui reads 1"):
        read_exit(tmp_path)


def test_a_spec_is_read_as_it_was_written(tmp_path: Path) -> None:
    spec = Spec(
        argv=("python", "train.py"),
        cwd="/work",
        env=MappingProxyType({"PATH": "/bin", "ODD": "\udcff"}),
        umask=0o002,
        stop_signal="INT",
        timeout=3600.0,
        identity={"TRAINUI_RUN_ID": "r"},
        revive=("guard",),
        locks=("/tmp/gpu-0.lock",),
    )
    (tmp_path / "spec.json").write_text(spec.to_json())
    assert read_spec(tmp_path) == spec


def test_an_exit_is_read_whole_and_unknown_fields_ignored(tmp_path: Path) -> None:
    fields = {
        "version": 1,
        "exit_code": None,
        "signal": 9,
        "reason": "timeout",
        "message": None,
        "signalled": True,
        "started_at": 1,
        "completed_at": 2,
        "max_rss_bytes": 3,
        "oom_kill": False,
        "left": [7],
        "new": "x",
    }
    (tmp_path / "exit.json").write_text(json.dumps(fields))
    expected = Exit(None, 9, ExitReason.TIMEOUT, None, True, 1, 2, 3, False, (7,))
    assert read_exit(tmp_path) == expected


def test_a_torn_last_line_ends_and_damaged_ones_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "times.log").write_text("5 0 0\n10 1 0\n20 1\n\0\0\n30 5 2\n40 6")
    assert [time for time, _, _ in last_growths(tmp_path)] == [10, 30]


def test_the_supervisor_speaks_the_same_version() -> None:
    assert supervise.VERSION == protocol.VERSION
