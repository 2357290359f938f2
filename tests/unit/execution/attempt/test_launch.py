"""A launch that failed is only given up where its process cannot have been started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.supervisor import launching
from trainui.execution.attempt import executors
from trainui.execution.attempt.launch import prevent_start
from trainui.plugin.backends import LaunchAnswer
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ProbeState
from trainui.supervisor.protocol import ExitReason, Spec


@pytest.fixture
def attempt_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "run" / ".trainui" / "stage" / "attempt-1"
    executors.make_records(directory)
    return directory


def test_a_prevented_attempt_has_ended_and_never_starts(attempt_dir: Path, tmp_path: Path) -> None:
    assert prevent_start(attempt_dir, ExitReason.POSTPONED, "no space")
    found = process.probe(attempt_dir)
    assert found.state == ProbeState.ENDED
    assert found.exit is not None
    assert (found.exit.reason, found.exit.message) == (ExitReason.POSTPONED, "no space")
    spec = Spec(argv=("touch", str(tmp_path / "made")), cwd="/", env={}, grace=1.0)
    assert launching.launch(attempt_dir, spec).state == LaunchAnswer.ALREADY
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("removed", [False, True], ids=["started", "records removed"])
def test_an_attempt_that_may_have_started_is_not_prevented(
    attempt_dir: Path, *, removed: bool
) -> None:
    """A stage that clears its records may run, though nothing in them says so."""
    if removed:
        (attempt_dir / protocol.LOCK_FILE).unlink()
    else:
        (attempt_dir / protocol.STARTED_FILE).touch()
    assert not prevent_start(attempt_dir, ExitReason.START_FAILED, "late")
    assert not (attempt_dir / protocol.EXIT_FILE).exists()
