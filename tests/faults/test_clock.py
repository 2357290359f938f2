"""The machine's clock is set back and forth by hours: timers and limits are not affected."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compiling import library
from tests.integration import background
from tests.integration.runs import Run
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db.engine import open_store
from trainui.store.runs import attempts

HOUR = 3600

TRAIN = """
report() { echo "{\\"step\\": $1, \\"loss\\": 1}" >> "$TRAINUI_METRICS_FILE"; }
report 0; touch begun; while [ ! -e back ]; do sleep 0.05; done
report 1; report 2; echo done > "$TRAINUI_STAGE_DIR/model"
"""


class Clock:
    """The clock of all processes that are started from now on, but not of this one."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "shift"
        self.set(0)

    def set(self, hours: int) -> None:
        """Set it so many hours off."""
        unfinished = self.file.with_suffix(".new")
        unfinished.write_text(str(hours * HOUR))
        unfinished.replace(self.file)


@pytest.fixture
def wall_clock(trainui_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    shifted = Clock(tmp_path)
    source = Path(__file__).with_name("clock.c")
    monkeypatch.setenv("LD_PRELOAD", str(library(source, "libclock.so")))
    monkeypatch.setenv("SHIFTED_CLOCK", str(shifted.file))
    return shifted


def trainui(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "trainui", *words, "--json"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


def took(timed: RunRecord | StageRecord | AttemptRecord) -> int:
    assert timed.started_at is not None
    assert timed.completed_at is not None
    return timed.completed_at - timed.started_at


def test_a_run_continues_and_no_time_is_negative(wall_clock: Clock, tmp_path: Path) -> None:
    background.start()
    again = "echo try >> tries; [ $(wc -l < tries) = 2 ]"
    run = Run(
        tmp_path / "p",
        {"name": "train", "run": TRAIN, "outputs": ["model"]},
        {"name": "again", "run": again, "retries": 1, "retry_delay": 4, "depends_on": ["train"]},
    )
    wait_for(lambda: (tmp_path / "p" / "begun").exists(), "the start of the training")
    wall_clock.set(-5)
    (tmp_path / "p" / "back").touch()
    run.until("again", lambda stage: stage.not_before is not None, "to be tried again")
    wall_clock.set(-10)
    assert run.wait().status == Status.COMPLETED, run.stages()
    tries = [one for name in ("train", "again") for one in run.attempts(name)]
    assert len(tries) == 3
    durations = [took(one) for one in tries] + [took(one) for one in run.stages().values()]
    assert all(0 <= duration < 60 * clock.SECOND for duration in durations)
    assert took(run.record()) >= 0  # from its first start by the clock to its last end
    series = trainui("metrics", run.id)["series"]
    assert [(one["name"], one["count"]) for one in series] == [("loss", 3)]


RECORDS = "$TRAINUI_RUN_DIR/.trainui/$TRAINUI_STAGE/attempt-$TRAINUI_ATTEMPT"
NEXT_MORNING = f'touch -d "+9 hours" "{RECORDS}/started"; '
"""So that, by the times of files, the clock was set back by nine hours since the start."""


@pytest.mark.long
def test_outputs_made_after_the_clock_was_set_back_count(
    trainui_home: Home, tmp_path: Path
) -> None:
    background.start()
    makes = {"run": NEXT_MORNING + "echo $TRAINUI_ATTEMPT > out; [ -e ${run_dir}/again ]"}
    leaves = {"run": NEXT_MORNING + "[ -e ${run_dir}/again ] || { echo 1 > out; exit 1; }"}
    run = Run(
        tmp_path / "p",
        {"name": "makes", "outputs": ["out"], "workdir": "${stage_dir}", **makes},
        {"name": "leaves", "outputs": ["out"], "workdir": "${stage_dir}", **leaves},
    )
    assert run.wait().status == Status.FAILED
    Path(run.record().directory, "again").touch()
    control.resume(run.id)
    run.wait_for("makes", Status.COMPLETED)
    stale = run.wait_for("leaves", Status.FAILED)
    assert stale.reason == "output out is older than this attempt"


def test_limits_use_a_monotonic_clock(wall_clock: Clock, tmp_path: Path) -> None:
    background.start()
    limit = {"name": "limit", "run": "touch limit; sleep 1000", "timeout": 3}
    quiet = {"name": "quiet", "run": "touch quiet; sleep 1000", "silence_timeout": 3}
    patient = {"name": "patient", "run": "touch patient; while [ ! -e go ]; do sleep 0.05; done"}
    patient |= {"timeout": "1h", "silence_timeout": "1h"}
    run = Run(tmp_path / "p", limit, quiet, patient)
    for name in ("limit", "quiet", "patient"):
        wait_for((tmp_path / "p" / name).exists, name)
    wall_clock.set(-5)
    failed = [run.wait_for(name, Status.FAILED) for name in ("limit", "quiet")]
    assert [stage.reason for stage in failed] == ["timed out after 3s", "was silent for 3s"]
    wall_clock.set(5)
    follows = Run(tmp_path / "q", {"name": "next", "run": "true"})
    assert follows.wait().status == Status.COMPLETED  # the worker looked meanwhile
    assert run.stage("patient").status == Status.RUNNING
    (tmp_path / "p" / "go").touch()
    assert run.wait_for("patient", Status.COMPLETED)


@pytest.mark.long
def test_the_newest_run_is_first_after_a_clock_change(wall_clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(json.dumps({"stages": [{"name": "a", "run": "true"}]}))
    submit = ["run", str(tmp_path / "p.yaml"), "--name", "same", "--detach"]
    first = trainui(*submit)["run"]
    wall_clock.set(-3)
    second = trainui(*submit)["run"]
    assert [one["run"] for one in trainui("ls")["runs"]] == [second, first]
    assert trainui("show", "same")["run"] == second
    wall_clock.set(0)
    assert trainui("ls")["runs"][0]["run"] == second


@pytest.mark.long
def test_an_idle_worker_ends_though_the_clock_was_set_back(
    wall_clock: Clock, trainui_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_IDLE_TIMEOUT", "2")
    background.start()
    wall_clock.set(-5)
    wait_for(lambda: background.is_all_gone(trainui_home), "idleness")


def test_a_message_lost_before_a_clock_change_is_sent_again(
    trainui_home: Home, tmp_path: Path
) -> None:
    run = Run(tmp_path / "p", {"name": "a", "run": "true"})
    store = open_store()
    with store.write() as connection:
        attempt = attempts.grant(connection, run.stage("a"), [], host="here")
        assert attempt is not None
        attempts.mark_sent(connection, attempt.id)
    with store.write() as connection:
        connection.execute("UPDATE attempts SET sent_at = sent_at + 3600000000")
    with store.read() as connection:
        lost = attempts.unclaimed(connection, sent_before=clock.now() - 10 * clock.SECOND)
    assert [one.id for one in lost] == [attempt.id]
