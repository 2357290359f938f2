"""The expected last step of a running stage, from earlier runs of its pipeline."""

from __future__ import annotations

import pytest

from tests.unit.tui.filled import Filler
from trainui import clock
from trainui.store.db import engine
from trainui.store.read import run_list, views
from trainui.store.runs import stages
from trainui.tui.readers.progress import EtaEstimator
from trainui.tui.run_list.columns import RowContext, to_go_cells


def expected_last(
    filler: Filler, epochs: int, at: int, *earlier: int, option: str = ""
) -> float | None:
    """Return the expected last step of `train EPOCHS` at a step, after runs of so many epochs."""
    for last in earlier:
        run_id = filler.run({"train": ()}, command=f"train {option}{last}")
        filler.complete(run_id, "train")
        filler.feed(run_id, "train", {"loss": [(last, 0.1)]})
    run_id = filler.run({"train": ()}, command=f"train {option}{epochs}")
    filler.start(run_id, "train", ago=30)
    filler.feed(run_id, "train", {"loss": [(at, 0.1)]})
    estimator = EtaEstimator()
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        [stage] = views.stages(connection, run_id)
        estimator.look(connection, run, [stage])
    return estimator.goals.get(stage.id)


def test_the_last_step_is_an_equal_works(filler: Filler) -> None:
    assert expected_last(filler, 100, 20, 100, 50) == 100


def test_a_run_beyond_the_earlier_one_has_no_last_step(filler: Filler) -> None:
    assert expected_last(filler, 400, 40, 50) == 50
    assert expected_last(filler, 400, 200, 50) is None


def test_a_run_that_was_given_other_epochs_has_no_last_step(filler: Filler) -> None:
    assert expected_last(filler, 13, 4, 11, option="--lr 0.1 --epochs ") is None
    assert expected_last(filler, 11, 4, option="--lr 0.3 --epochs ") == 11


def test_a_stalled_run_has_no_remaining_time_and_says_so(filler: Filler) -> None:
    earlier = filler.run({"train": ()}, command="train 9")
    filler.complete(earlier, "train", took=600)
    run_id = filler.run({"train": ()}, command="train 9")
    attempt = filler.start(run_id, "train", ago=30)
    shown = []
    for stalled in (False, True):
        with filler.store.write() as writing:
            stages.set_stalled(writing, attempt, stalled, "no output")
        with engine.reading() as connection:
            endings = EtaEstimator().of_list(connection, [run_id])
            (run, _) = run_list.run_lines(connection)
        moment = RowContext(clock.now(), endings, {}, {})
        shown.append([segment.text[:4] for segment in to_go_cells(moment.of(run), 8)])
    assert shown == [["~9m "], ["stal"]]


@pytest.mark.parametrize(
    ("command", "goal"),
    [("train --max_steps 2200", 2200), ("train --n_steps 2048", None), ("train --steps 5", None)],
)
def test_a_parameter_announces_the_last_step(
    filler: Filler, command: str, goal: float | None
) -> None:
    run_id = filler.run({"train": ()}, command=command)
    filler.start(run_id, "train", ago=30)
    filler.feed(run_id, "train", {"loss": [(at, 0.1) for at in range(1, 221)]})
    estimator = EtaEstimator()
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        [stage] = views.stages(connection, run_id)
        left = estimator.look(connection, run, [stage])
    assert estimator.goals.get(stage.id) == goal
    assert (left.run is not None) == (goal is not None)
