"""A stage's directory is kept, or renamed away, and a crash at any point of that loses nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.execution.submitted import begin, of_stage, submit
from tests.unit.supervisor.conftest import Stage
from tests.unit.supervisor.waiting import wait_for_exit
from trainui import clock
from trainui.errors import UnfitEnvironmentError
from trainui.execution.attempt import executors
from trainui.execution.attempt.executors import PreviousAttemptLivesError
from trainui.execution.attempt.prepared_process import AttemptContext, context_of
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.db.statements import set_values
from trainui.store.runs import attempts, stage_requests
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import process, protocol
from trainui.supervisor.process import ProbeState


def ready(store: Database, context: AttemptContext) -> Path:
    known = of_stage(context.run.id, context.stage.name)
    earlier = [one for one in known if one.number < context.attempt.number]
    executors.move_away_if_fresh(store, context.stage, earlier)
    Path(context.stage.directory).mkdir(exist_ok=True)  # as a launch does
    return Path(context.attempt.directory)


def end_and_reopen(store: Database, context: AttemptContext, *, fresh: bool) -> None:
    with store.write() as connection:
        outcome = Outcome(Status.COMPLETED, clock.now())
        attempts.end(connection, context.attempt.id, outcome)
        change = stage_requests.Reopened(context.stage.name, fresh=fresh)
        stage_requests.reopen(connection, context.run.id, [change])


@pytest.fixture
def context(store: Database, tmp_path: Path) -> AttemptContext:
    return begin(store, submit(tmp_path, "stages: [{name: a, run: x}]"), "a")


def test_the_directories_are_made_and_private(store: Database, context: AttemptContext) -> None:
    directory = ready(store, context)
    assert directory == Path(context.run.directory, ".trainui", "a", "attempt-1")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert ready(store, context) == directory  # after a crash once more


def test_an_unfinished_stage_keeps_its_directory(store: Database, context: AttemptContext) -> None:
    ready(store, context)
    kept = Path(context.stage.directory) / "ckpt-1"
    kept.write_text("x")
    end_and_reopen(store, context, fresh=False)
    ready(store, begin(store, context.run.id, "a"))
    assert kept.read_text() == "x"


def test_a_fresh_stage_keeps_its_old_directory_beside_the_new(
    store: Database, context: AttemptContext
) -> None:
    stage_dir, records = Path(context.stage.directory), Path(context.run.directory, ".trainui")
    for number in (1, 2):
        ready(store, context)
        (stage_dir / "made").write_text(str(number))
        end_and_reopen(store, context, fresh=True)
        context = begin(store, context.run.id, "a")
    ready(store, context)
    assert not list(stage_dir.iterdir())
    assert Path(f"{stage_dir}~1", "made").read_text() == "1"
    assert Path(f"{stage_dir}~2", "made").read_text() == "2"
    found = [one.directory for one in of_stage(context.run.id, "a")]
    assert found == [
        f"{records}/a~1/attempt-1",
        f"{records}/a~2/attempt-2",
        f"{records}/a/attempt-3",
    ]
    assert all(Path(directory).is_dir() for directory in found)


def test_a_stage_that_removed_its_directory_can_start_fresh(
    store: Database, context: AttemptContext
) -> None:
    stage_dir, records = Path(context.stage.directory), Path(context.run.directory, ".trainui")
    for _ in range(2):
        ready(store, context)
        stage_dir.rmdir()
        end_and_reopen(store, context, fresh=True)
        context = begin(store, context.run.id, "a")
    ready(store, context)
    found = [Path(one.directory) for one in of_stage(context.run.id, "a")]
    assert found == [
        records / f"{name}" for name in ("a~1/attempt-1", "a~2/attempt-2", "a/attempt-3")
    ]
    assert all(directory.is_dir() for directory in found)


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_move_that_was_cut_short_is_completed(
    store: Database, context: AttemptContext, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """After the attempt's directory is renamed, after the stage's, and before that is on record."""
    stage_dir, records = Path(context.stage.directory), Path(context.run.directory, ".trainui")
    ready(store, context)
    (stage_dir / "made").touch()
    end_and_reopen(store, context, fresh=True)
    context = begin(store, context.run.id, "a")
    with monkeypatch.context() as crash:
        if moment == 3:
            crash.setattr(attempts, "record_move", _die)
        else:
            crash.setattr(Path, "rename", _dying_after(moment))
        with pytest.raises(KeyboardInterrupt):
            ready(store, context)
    ready(store, context)
    first, second = of_stage(context.run.id, "a")
    assert first.directory == f"{records}/a~1/attempt-1"
    assert second.directory == f"{records}/a/attempt-2"
    assert Path(f"{stage_dir}~1", "made").exists()
    assert not Path(f"{stage_dir}~2").exists()
    assert {path.name for path in records.iterdir()} == {"a", "a~1"}


def test_a_move_before_a_restore_is_not_a_cut_one(store: Database, context: AttemptContext) -> None:
    stage_dir, first = Path(context.stage.directory), Path(context.attempt.directory)
    ready(store, context)
    end_and_reopen(store, context, fresh=True)
    ready(store, begin(store, context.run.id, "a"))
    (stage_dir / "forgotten").touch()
    first.mkdir()  # as the copy is unpacked
    with store.write() as connection:
        set_values(connection, "attempts", context.attempt.id, directory=str(first))
        set_values(connection, "stages", context.stage.id, fresh=True)

    ready(store, context_of(store, of_stage(context.run.id, "a")[-1].id))
    assert [path.name for path in stage_dir.iterdir()] == []
    assert (stage_dir.with_name("a~2") / "forgotten").exists()
    assert of_stage(context.run.id, "a")[0].directory == str(first.parents[1] / "a~2" / first.name)


def _dying_after(renamings: int) -> Callable[[Path, Path], Path]:
    real, done = Path.rename, itertools.count(1)

    def rename(path: Path, target: Path) -> Path:
        renamed = real(path, target)
        if next(done) == renamings:
            _die()
        return renamed

    return rename


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_directory_that_a_person_deleted_is_no_obstacle(
    store: Database, context: AttemptContext
) -> None:
    end_and_reopen(store, context, fresh=True)
    assert ready(store, begin(store, context.run.id, "a")).is_dir()


def test_a_forgotten_attempt_is_moved_away_unless_it_runs(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """An older database was restored: the next attempt has the number of one that ran."""
    stage = Stage(tmp_path)
    request.addfinalizer(stage.kill_everything)
    directory = stage.work / ".trainui" / "s" / "attempt-1"
    stage.dir = directory
    executors.make_records(directory)
    stage.launch("sleep 600")
    for earlier in (directory, directory.with_name("attempt-0")):
        with pytest.raises(PreviousAttemptLivesError, match="still runs: end it, then resume"):
            executors.move_forgotten(earlier)
    assert process.request_stop(directory)
    wait_for_exit(directory)
    executors.move_forgotten(directory)
    executors.make_records(directory)
    assert process.probe(directory).state == ProbeState.NONE
    assert process.probe(directory.with_name("attempt-1~1")).state == ProbeState.ENDED
    executors.move_forgotten(directory)
    executors.make_records(directory)
    assert len(list(directory.parent.iterdir())) == 2, "repeated after a crash"


def test_unreadable_records_of_a_forgotten_attempt_fail_the_stage(
    tmp_path: Path,
) -> None:
    """Such as those of another version: nobody knows whether it still runs."""
    stage = tmp_path / "run" / ".trainui" / "a"
    forgotten = stage / "attempt-2"
    forgotten.mkdir(parents=True)
    (forgotten / protocol.STARTED_FILE).touch()
    (forgotten / protocol.EXIT_FILE).write_text('{"version": 99}')
    with pytest.raises(UnfitEnvironmentError, match="attempt-2 belongs to an attempt that"):
        executors.move_forgotten(stage / "attempt-1")
    assert forgotten.is_dir()
