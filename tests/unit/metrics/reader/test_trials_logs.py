"""The logs of trials: read at once where they have the metric of the search in other trials too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, start_trials
from tests.unit.metrics.reading import all_points
from trainui.metrics.discovery import fallback_sources
from trainui.metrics.reader.attempt import AttemptReader
from trainui.model.definition import Search
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.runs import stages

SEARCH = Search("val/loss", "minimize")
LINE = "step {step} val/loss {value}\n"


BAR = "\rEpoch {step}: 100%|##| 3/3 [00:00<00:00, 9.1it/s, val/loss={value}]"


@pytest.fixture
def trials(store: Database, tmp_path: Path) -> list[Attempt]:
    return start_trials(store, tmp_path, SEARCH, 3)


@contextmanager
def reading(store: Database, attempt: Attempt) -> Iterator[AttemptReader]:
    reader = AttemptReader(store, attempt.to_read)
    yield reader
    reader.close()


def look(reader: AttemptReader) -> None:
    reader.scan()
    while reader.advance().more:
        pass


def values(store: Database, attempt: Attempt) -> list[float]:
    return [value for _name, _step, value in all_points(store, attempt.stage_id)]


def print_lines(attempt: Attempt, *lines: str) -> None:
    with (attempt.directory / "stdout.log").open("a") as log:
        log.writelines(lines)


def read_after_wait(store: Database, attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, reading(store, attempt) as reader:
        patch.setattr(fallback_sources, "WAIT", 0.0)
        look(reader)


def test_a_trials_log_is_read_at_once_like_anothers(
    store: Database, trials: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = trials
    print_lines(first, LINE.format(step=1, value=3))
    read_after_wait(store, first, monkeypatch)
    assert values(store, first) == [3], "one line that shows the metric is no chance match"
    print_lines(second, LINE.format(step=1, value=4))
    with reading(store, second) as reader:
        look(reader)
        assert values(store, second) == [4]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_a_log_waits_where_another_trial_has_a_file(
    store: Database, trials: list[Attempt], monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    first, second, _ = trials
    if status == Status.FAILED:
        print_lines(first, LINE.format(step=1, value=3))
    else:
        first.own_file.write_text('{"step": 100, "val/loss": 3}\n')
    read_after_wait(store, first, monkeypatch)
    with store.write() as connection:
        stages.change(connection, stages.get(connection, first.stage_id), status)
    assert values(store, first) == [3]
    print_lines(second, LINE.format(step=1, value=4))
    if status == Status.COMPLETED:  # it waits long for its file, and not only as usual
        monkeypatch.setattr(fallback_sources, "WAIT", 0.0)
    with reading(store, second) as reader:
        look(reader)
        assert values(store, second) == []
        second.own_file.write_text('{"step": 100, "val/loss": 5}\n')
        look(reader)
        reader.finish(clean=True)
    assert values(store, second) == [5]


def test_the_first_trials_log_waits_less_with_steps(
    store: Database, trials: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback_sources, "WAIT_IF_SEARCHED", 0.0)
    print_lines(trials[0], "step 1 loss 9\n", "step 2 val/loss 3 loss 8\n")
    print_lines(trials[1], "step 1 acc 9\n", "step 2 acc 8\n")
    print_lines(trials[2], *(BAR.format(step=step, value=9) for step in range(4)))
    for attempt, found in ((trials[1], []), (trials[2], []), (trials[0], [3, 8, 9])):
        with reading(store, attempt) as reader:
            look(reader)
            assert sorted(values(store, attempt)) == found


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("is_found", [False, True])
def test_no_curve_mixes_a_log_and_a_later_file(
    store: Database,
    trials: list[Attempt],
    monkeypatch: pytest.MonkeyPatch,
    restarts: bool,
    is_found: bool,
) -> None:
    """A file that was found adds what the log lacks; the attempt's own file takes its place."""
    first, second, _ = trials
    print_lines(first, LINE.format(step=1, value=3))
    read_after_wait(store, first, monkeypatch)
    print_lines(second, LINE.format(step=1, value=4))
    reader = AttemptReader(store, second.to_read)
    look(reader)
    path = second.stage_dir / "metrics.jsonl" if is_found else second.own_file
    path.write_text('{"step": 100, "val/loss": 9, "lr": 0.5}\n')
    if restarts:
        reader.close()
        reader = AttemptReader(store, second.to_read)
    look(reader)
    print_lines(second, LINE.format(step=2, value=5))
    look(reader)
    reader.finish(clean=True)
    reader.close()
    log = [("val/loss", 1, 4), ("val/loss", 2, 5)] if is_found else []
    file = [("lr", 100, 0.5)] if is_found else [("lr", 100, 0.5), ("val/loss", 100, 9)]
    assert sorted(all_points(store, second.stage_id)) == sorted([*log, *file])


def test_a_series_whose_steps_stand_still_is_dropped_again(
    store: Database, trials: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback_sources, "WAIT", 0.0)
    line = "TRAIN Batch {}/200 loss 2.{} acc 0.{}\n"
    print_lines(trials[0], *(line.format(0, at, 5) for at in (0, 20)), "step 3 f1 7\n")
    with reading(store, trials[0]) as reader:
        look(reader)
        assert sorted(values(store, trials[0])) == [0.5, 0.5, 2.0, 2.2, 7]
        print_lines(trials[0], *(line.format(1, at, at) for at in range(10, 190, 10)))
        look(reader)
        reader.finish(clean=True)
    assert values(store, trials[0]) == [7]
