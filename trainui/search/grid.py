"""The study of a matrix that is pruned: its members are trials with fixed values.

Their numbers are stored with the run, in the file's order; the study follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from trainui.store.read.trials import TrialRecord


def fill(study: optuna.Study, trials: Sequence[TrialRecord]) -> None:
    """Add the members of a matrix that the study does not have yet.

    Args:
        study: the study.
        trials: all members, in the order of their numbers.
    """
    space = _space(trials)
    for trial in trials[len(study.get_trials(deepcopy=False)) :]:
        values = trial.stage.definition.matrix or {}
        study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(values),
                distributions={name: space[name] for name in values},
                user_attrs={"stage": trial.stage.name},
            )
        )


def _space(trials: Sequence[TrialRecord]) -> Mapping[str, CategoricalDistribution]:
    values: dict[str, dict[str, None]] = {}
    for trial in trials:
        for name, value in (trial.stage.definition.matrix or {}).items():
            values.setdefault(name, {})[value] = None
    return {name: CategoricalDistribution(tuple(known)) for name, known in values.items()}
