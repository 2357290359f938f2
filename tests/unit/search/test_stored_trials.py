"""The trials of a study's file are read as Optuna reads them."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import optuna
from optuna.trial import TrialState

from trainui.search import storage, stored_trials


def test_trials_of_each_state_are_those_that_optuna_reads(tmp_path: Path) -> None:
    file = storage.open_file(tmp_path / "study.db", is_shared=False)
    other = optuna.create_study(storage=file, study_name="other")
    other.tell(other.ask(), 1.0)
    study = optuna.create_study(storage=file, study_name="one", directions=["minimize"] * 2)
    for values in ((0.5, inf), (-inf, 0.25)):
        trial = study.ask()
        trial.suggest_float("lr", 1e-5, 1.0, log=True)
        trial.suggest_categorical("act", ["relu", "gelu", None])
        trial.set_user_attr("reason", {"why": ["none"]})
        study.tell(trial, values)
    failed, left = study.ask(), study.ask()
    left.suggest_int("n", 1, 9)
    study.tell(failed, state=TrialState.FAIL)
    study.enqueue_trial({"lr": 0.1})
    for step, value in enumerate((0.5, nan, inf, -inf)):
        file.set_trial_intermediate_value(left._trial_id, step * 3, value)
    file.set_trial_system_attr(left._trial_id, "completed_rung_0", 0.5)
    with file.engine.connect() as connection:
        found = stored_trials.read(connection, study._study_id)
    assert len(found) == 5
    assert list(map(repr, found)) == list(map(repr, file.get_all_trials(study._study_id)))
    assert [one._trial_id for one in found] == [one._trial_id for one in study.get_trials()]
    file.remove_session()
    file.engine.dispose()
