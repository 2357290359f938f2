"""Another process locks the database for longer than a write waits, as stages are launched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration import background
from tests.integration.runs import NOTE, Run, home_with_worker, stage
from tests.unit.profiles import LONG
from trainui import paths
from trainui.pipeline.rules import fingerprint
from trainui.store.db import engine
from trainui.store.points import read_points

pytestmark = pytest.mark.usefixtures("only_on_sqlite")

PATIENCE = 30.0 if LONG else 4.0
"""Seconds that a write waits: less than in use, unless the tests are the long ones."""

HELD_FOR = (1.3 * PATIENCE, 3 * PATIENCE)
"""Seconds: longer than one write waits, and longer than three."""

LAUNCHED = 3
"""Stages that are being launched by then; the others are about to be claimed."""

NAMES = [f"s{n}" for n in range(12)]

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
query = "SELECT count(*) FROM attempts WHERE status = 'running' AND inputs_json IS NULL"
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    connection.execute("BEGIN EXCLUSIVE")
    if connection.execute(query).fetchone()[0] >= int(sys.argv[3]):
        break
    connection.execute("ROLLBACK")
    time.sleep(0.01)
else:
    sys.exit("no stages were seen while they were launched")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""
"""Locks the database while stages are being launched: claimed, and their inputs not yet noted."""

LOGS = (
    'for n in $(seq 50); do echo "{\\"step\\": $n, \\"loss\\": 1}"; done >> $TRAINUI_METRICS_FILE; '
    "sleep 2"
)


@contextmanager
def held(home: paths.Home, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Lock a home's database for so long, from when a stage of it is being launched."""
    command = [sys.executable, "-c", HOLD, str(home.database), str(seconds), str(LAUNCHED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        try:
            yield holder
        finally:
            holder.kill()


def submit(directory: Path) -> Run:
    directory.mkdir()
    inputs = [f"data{n}" for n in range(8)]
    for name in inputs:  # to hash them takes a moment
        with (directory / name).open("wb") as file:
            file.truncate(fingerprint.HASHED_UP_TO)
    launched = [stage(name, NOTE + LOGS, inputs=inputs) for name in NAMES]
    return Run(directory, *launched, stage("after", NOTE, *NAMES))


def check(run: Run) -> None:
    """See that nothing failed, nothing ran twice, and no point is lost."""
    run.completed_once(*NAMES, "after")
    assert {stage.retries_used for stage in run.stages().values()} == {0}
    assert all(run.attempt(name).metrics_complete for name in NAMES)
    ids = {stage.id: name for name, stage in run.stages().items()}
    with engine.reading() as connection:
        found = read_points.summaries(connection, ids)
    assert [(one.count, one.superseded) for one in found] == [(50, 0)] * len(NAMES)


@pytest.mark.long
def test_stages_that_are_launched_meanwhile_run_once(tmp_path: Path) -> None:
    hasty = background.with_less_patience(
        tmp_path / "at-start", store__db__sqlite_file__BUSY_TIMEOUT=PATIENCE
    )
    with ExitStack() as stack:
        waiting = []
        for seconds in HELD_FOR:
            place = tmp_path / str(seconds)
            place.mkdir()
            home = stack.enter_context(home_with_worker(place, hasty, cpus=str(len(NAMES))))
            holder = stack.enter_context(held(home, seconds))
            run = submit(place / "p")
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            waiting.append((home, holder, run))
        for home, holder, run in waiting:
            assert holder.wait(HELD_FOR[-1] + 30) == 0
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("TRAINUI_HOME", str(home.root))
                check(run)
