"""A stage's directory is kept, or renamed away, and a crash at any point of that loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.execution.submitted import begin, of_stage, submit
from trainui import clock
from trainui.domain.states import Status
from trainui.execution import directories
from trainui.execution.preparation import Subject
from trainui.store import attempts, launching, stages
from trainui.store.attempts import Outcome
from trainui.store.engine import Store


def ready(store: Store, subject: Subject) -> Path:
    known = of_stage(subject.run.id, subject.stage.name)
    earlier = [one for one in known if one.number < subject.attempt.number]
    directories.move_away_if_fresh(store, subject.stage, earlier)
    return directories.make(subject.stage, subject.attempt)


def end_and_reopen(store: Store, subject: Subject, *, fresh: bool) -> None:
    with store.write() as connection:
        outcome = Outcome(Status.COMPLETED, clock.now())
        attempts.end(connection, subject.attempt.id, outcome)
        change = stages.Reopened(subject.stage.name, fresh=fresh)
        stages.reopen(connection, subject.run.id, [change])


@pytest.fixture
def subject(store: Store, tmp_path: Path) -> Subject:
    return begin(store, submit(tmp_path, "stages: [{name: a, run: x}]"), "a")


def test_the_directories_are_made_and_private(store: Store, subject: Subject) -> None:
    directory = ready(store, subject)
    assert directory == Path(subject.stage.directory, ".trainui", "attempt-1")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert ready(store, subject) == directory  # after a crash once more


def test_an_unfinished_stage_keeps_its_directory(store: Store, subject: Subject) -> None:
    kept = ready(store, subject).parent.parent / "ckpt-1"
    kept.write_text("x")
    end_and_reopen(store, subject, fresh=False)
    ready(store, begin(store, subject.run.id, "a"))
    assert kept.read_text() == "x"


def test_a_stage_that_begins_anew_leaves_its_old_directory_beside(
    store: Store, subject: Subject
) -> None:
    stage_dir = Path(subject.stage.directory)
    for number in (1, 2):
        (ready(store, subject).parent.parent / "made").write_text(str(number))
        end_and_reopen(store, subject, fresh=True)
        subject = begin(store, subject.run.id, "a")
    ready(store, subject)
    assert [path.name for path in stage_dir.iterdir()] == [".trainui"]
    assert Path(f"{stage_dir}~1", "made").read_text() == "1"
    assert Path(f"{stage_dir}~2", "made").read_text() == "2"
    found = [one.directory for one in of_stage(subject.run.id, "a")]
    assert found == [
        f"{stage_dir}~1/.trainui/attempt-1",
        f"{stage_dir}~2/.trainui/attempt-2",
        f"{stage_dir}/.trainui/attempt-3",
    ]
    assert all(Path(directory).is_dir() for directory in found)


def test_a_crash_between_the_renaming_and_its_record_is_made_good(
    store: Store, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(store, subject)
    end_and_reopen(store, subject, fresh=True)
    subject = begin(store, subject.run.id, "a")
    with monkeypatch.context() as crash:
        crash.setattr(launching, "record_move", _die)
        with pytest.raises(KeyboardInterrupt):
            ready(store, subject)
    assert not Path(subject.stage.directory).exists()
    ready(store, subject)
    first, second = of_stage(subject.run.id, "a")
    assert first.directory == f"{subject.stage.directory}~1/.trainui/attempt-1"
    assert second.directory == f"{subject.stage.directory}/.trainui/attempt-2"
    assert not Path(f"{subject.stage.directory}~2").exists()


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_directory_that_a_person_deleted_is_no_obstacle(store: Store, subject: Subject) -> None:
    end_and_reopen(store, subject, fresh=True)
    assert ready(store, begin(store, subject.run.id, "a")).is_dir()
