"""The expected last step of a running stage, from earlier runs of its pipeline."""

from __future__ import annotations

from tests.unit.tui.filled import Filler
from trainui.store.read import views
from trainui.tui.data.eta import EtaEstimator


def expected_last(filler: Filler, epochs: int, at: int, *earlier: int) -> float | None:
    """Return the expected last step of `train EPOCHS` at a step, after runs of so many epochs."""
    for last in earlier:
        run_id = filler.run({"train": ()}, command=f"train {last}")
        filler.complete(run_id, "train")
        filler.feed(run_id, "train", {"loss": [(last, 0.1)]})
    run_id = filler.run({"train": ()}, command=f"train {epochs}")
    filler.start(run_id, "train", ago=30)
    filler.feed(run_id, "train", {"loss": [(at, 0.1)]})
    estimator = EtaEstimator()
    with views.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        [stage] = views.stages(connection, run_id)
        estimator.look(connection, run, [stage])
    return estimator.goals.get(stage.id)


def test_the_last_step_is_that_of_a_run_of_the_same_work(filler: Filler) -> None:
    assert expected_last(filler, 100, 20, 100, 50) == 100


def test_a_run_that_is_further_than_the_earlier_one_has_no_last_step(filler: Filler) -> None:
    assert expected_last(filler, 400, 40, 50) == 50
    assert expected_last(filler, 400, 200, 50) is None
