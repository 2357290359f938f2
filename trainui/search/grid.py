"""The study of a matrix that is pruned: its members are trials with fixed values.

Their numbers are stored with the run, in the file's order; the study follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from trainui.store.read.trials import TrialRecord


def fill(study: optuna.Study, trials: Sequence[TrialRecord]) -> None:
    """Add the members of a matrix that the study does not have yet.

    `trials` are all members, in the order of their numbers.
    """
    known = study.get_trials(deepcopy=False)
    space: dict[str, Any] = _space(trials)
    for one in known:
        space |= one.distributions
    for trial in trials[len(known) :]:
        # Optuna's choices cannot change: a value that an edit has added is in the name only
        values = (trial.stage.definition.matrix or {}).items()
        params = {name: value for name, value in values if value in space[name].choices}
        study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions={name: space[name] for name in params},
                user_attrs={"stage": trial.stage.name},
            )
        )


def _space(trials: Sequence[TrialRecord]) -> dict[str, CategoricalDistribution]:
    values: dict[str, dict[str, None]] = {}
    for trial in trials:
        for name, value in (trial.stage.definition.matrix or {}).items():
            values.setdefault(name, {})[value] = None
    return {name: CategoricalDistribution(tuple(known)) for name, known in values.items()}
