"""Every change of state is printed once, also those between two polls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.execution.submitted import begin
from trainui import clock, control
from trainui.cli.waiting import EventPrinter, hints
from trainui.model.states import NAN, Status
from trainui.pipeline import loader
from trainui.pipeline.filling import with_trial_params
from trainui.store.db import engine
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests, stages, trials

TWO = 'name: two\nstages: [{name: a, run: "true"}, {name: b, run: "true", depends_on: [a]}]\n'


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Database]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    store = open_store()
    yield store
    store.close()


def play(store: Database, run_id: str, name: str, outcome: attempts.Outcome) -> None:
    """Let a queued stage start and end at once."""
    with store.write() as connection:
        stage = views.stage(connection, run_id, name)
        assert stage is not None
        attempt = attempts.grant(connection, stage, [], host="h")
        assert attempt is not None
        assert attempts.claim(connection, run_id, name, attempt.celery_task_id or "")
        attempts.mark_started(connection, attempt, started_at=clock.now(), pid=1, supervisor=2)
        attempts.end(connection, attempt.id, outcome)


def words(lines: Iterator[str]) -> list[str]:
    """The lines without their times and durations."""
    shown = []
    for line in lines:
        kept = [word for word in line.split()[1:] if not word.endswith("s") and word != "after"]
        shown.append(" ".join(kept))
    return shown


def test_changes_between_two_polls_are_all_reported(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    with engine.reading() as connection:
        narrator = EventPrinter(connection, run_id, from_start=True)
        assert list(narrator.new_lines()) == []
        play(store, run_id, "a", attempts.Outcome(Status.COMPLETED, clock.now()))
        assert words(narrator.new_lines()) == ["● running a", "✓ completed a", "◔ queued b"]
        failed = attempts.Outcome(Status.FAILED, clock.now(), error="exit code 3\nmore")
        play(store, run_id, "b", failed)
        assert words(narrator.new_lines()) == ["● running b", "✗ failed b - exit code 3"]
        assert list(narrator.new_lines()) == []


def test_an_earlier_attempt_has_its_own_number(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    with engine.reading() as connection:
        narrator = EventPrinter(connection, run_id, from_start=True)
        failed = attempts.Outcome(Status.FAILED, clock.now(), error="exit code 1")
        play(store, run_id, "a", failed)
        control.resume(run_id)
        begin(store, run_id, "a")
        told = [line for line in words(narrator.new_lines()) if "running" in line]
        assert told == ["● running a", "● running a (attempt 2)"]


def test_a_queued_stage_lacks_its_last_attempts_number(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    failed = attempts.Outcome(Status.FAILED, clock.now(), error="exit code 1")
    for _ in range(2):
        play(store, run_id, "a", failed)
        control.resume(run_id)
    with engine.reading() as connection:
        narrator = EventPrinter(connection, run_id, from_start=False)
        assert words(narrator.new_lines()) == ["◔ queued a"]


def test_a_late_reader_sees_the_state_and_then_changes(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    play(store, run_id, "a", attempts.Outcome(Status.FAILED, clock.now(), error="exit code 1"))
    with engine.reading() as connection:
        narrator = EventPrinter(connection, run_id, from_start=False)
        assert words(narrator.new_lines()) == ["✗ failed a - exit code 1", "▣ blocked b - a failed"]
        control.resume(run_id)
        assert words(narrator.new_lines()) == ["◔ queued a"]
        play(store, run_id, "a", attempts.Outcome(Status.COMPLETED, clock.now()))
        assert words(narrator.new_lines()) == [
            "● running a",
            "✓ completed a (attempt 2)",
            "◔ queued b",
        ]


def test_a_late_reader_sees_the_alerts_of_the_last_attempts(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    attempt = begin(store, run_id, "a").attempt
    found = [stage_requests.AlertRecord(NAN, "loss is NaN", metric="loss", step=3)]
    with store.write() as connection:
        stage_requests.record_alerts(connection, attempt.stage_id, attempt.number, found)
        stages.set_stalled(connection, attempt, True, "no output for 2m")
        stages.set_stalled(connection, attempt, False, "active again")
        stages.set_stalled(connection, attempt, True, "no output for 3m")
    with engine.reading() as connection:
        lines = list(EventPrinter(connection, run_id, from_start=False).new_lines())
    assert ["! nan" in line and "loss is NaN" in line for line in lines] == [False, True, False]
    assert "! stalled" in lines[2]
    assert lines[2].endswith("a: no output for 3m")
    assert len(lines) == 3


def test_a_running_stages_problem_is_a_line(store: Database) -> None:
    run_id = control.submit(loader.load_text(TWO))
    stage_id = begin(store, run_id, "a").attempt.stage_id
    with engine.reading() as connection:
        printer = EventPrinter(connection, run_id, from_start=False)
        list(printer.new_lines())
        for reason in ("no data so far", None):
            with store.write() as writing:
                stages.warn(writing, stage_id, reason)
        lines = [line.partition("  ! ")[2].split(maxsplit=1) for line in printer.new_lines()]
    assert lines == [["warning", "a: no data so far"], ["warning", "a: has recovered"]]


SEARCH = """\
name: s
stages:
  - name: a
    search: {space: {x: [1, 2]}, metric: loss, goal: minimize, trials: 2, sampler: random}
    run: echo ${search.x}
"""


@pytest.mark.folders
def test_no_resume_is_proposed_for_trials_that_count(store: Database) -> None:
    run_id = control.submit(loader.load_text(SEARCH))
    key = trials.SearchKey(run_id, "a")
    members = []
    for number in range(2):
        name = f"a[trial={number}]"
        with store.write() as connection:
            stage = views.stage(connection, run_id, name)
            assert stage is not None
            trials.add(connection, key, stage, with_trial_params(stage.definition, {"x": 1}))
        members.append(stage)
        status = (Status.FAILED, Status.CANCELLED)[number]
        play(store, run_id, name, attempts.Outcome(status, clock.now(), exit_code=1))
    for stage, resumes in zip(members, (True, False), strict=True):
        with store.write() as connection:
            trials.end(connection, stage, trials.TrialOutcome("fail", reason="exit code 1"))
            lines = list(hints(connection, run_id))
        assert any("trainui resume" in line for line in lines) is resumes
