"""A search as Optuna's: its sampler and distributions, and the study beside it, `train.study.db`.

Other programs read the study, and may add trials or end them. It is written through Optuna's public
interface alone; what it loses is written again from our database.
"""

from __future__ import annotations

import copy
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from numbers import Real
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import StaticPool
from sqlalchemy.exc import DatabaseError

from trainui.model.definition import Choices, Range, Scalar, Search
from trainui.plugin import SearchTrial, StudyError

BUSY_TIMEOUT = 30.0
"""Seconds that a write waits for another program's."""

Distributions = Mapping[str, BaseDistribution]
"""Parameter -> distribution, in the file's order."""


def distributions(search: Search) -> Distributions:
    """Return the distributions of a search's space."""
    return {name: _distribution(values) for name, values in search.space.items()}


def _distribution(values: Range | Choices) -> BaseDistribution:
    if isinstance(values, Choices):
        return CategoricalDistribution(values.values)
    if values.whole:
        step = 1 if values.step is None else int(values.step)
        return IntDistribution(int(values.low), int(values.high), log=values.log, step=step)
    return FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def new_sampler(search: Search, seed: int) -> BaseSampler:
    """Return a new sampler."""
    options = dict(search.sampler_options)
    if search.sampler == "GridSampler":
        options["search_space"] = {name: list(one.grid()) for name, one in search.space.items()}
    kind: Any = getattr(optuna.samplers, search.sampler or "TPESampler")
    return kind(**options, seed=seed)  # type: ignore[no-any-return]


def is_compatible(before: BaseDistribution, after: BaseDistribution) -> bool:
    """Return True if trials of both can be in one study."""
    try:
        check_distribution_compatibility(before, after)
    except ValueError:
        return False
    return True


def fitted(
    space: Distributions, params: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], dict[str, BaseDistribution]]:
    """Return the values that a space can have, and distributions of its kinds that contain them.

    Values from before an edit may be outside its ranges; choices that were removed are left out.
    """
    known = {name: around(space[name], value) for name, value in params.items() if name in space}
    fitting = {name: one for name, one in known.items() if one is not None}
    return {name: params[name] for name in fitting}, fitting


def around(space: BaseDistribution, value: Scalar) -> BaseDistribution | None:
    """Return a distribution that contains a value from before an edit; None if none can."""
    if isinstance(space, CategoricalDistribution):
        return space if value in space.choices else None
    assert isinstance(space, IntDistribution | FloatDistribution)
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    is_fraction = isinstance(space, IntDistribution) and not number.is_integer()
    if is_fraction or (space.log and number <= 0):
        return None
    if _contains(space, number):
        return space
    kind = int if isinstance(space, IntDistribution) else float
    ends = {"low": kind(min(space.low, number)), "high": kind(max(space.high, number))}
    return type(space)(**ends, log=space.log)


def _contains(space: IntDistribution | FloatDistribution, number: float) -> bool:
    if space.step is None:
        return space.low <= number <= space.high
    steps = (number - space.low) / space.step
    return space.low <= number <= space.high and abs(steps - round(steps)) < 1e-8


_FINAL = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "fail": TrialState.FAIL,
}
"""The final states, as our database names them."""


_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

optuna.logging.set_verbosity(optuna.logging.ERROR)
optuna.logging.disable_default_handler()
optuna.logging.enable_propagation()


def final_state(trial: SearchTrial) -> TrialState | None:
    """Return the state in which a trial ended; None: it has not."""
    return _FINAL.get(trial.state)


class StudyFile:
    """A study that this process has open."""

    def __init__(self, file: Path, name: str, search: Search, *, is_shared: bool) -> None:
        """Open a study's file; create it if it does not exist.

        Earlier trials are converted to an edited space. `is_shared`: another host may open the
        file, so that it needs locks of the file system.
        """
        self._file, self.name, self._is_shared = file, name, is_shared
        self._space = distributions(search)
        self._open(search)
        if any(self._is_unfit(trial) for trial in self.trials()):
            self._convert(search)

    def _open(self, search: Search) -> None:
        self._connection = _connect(self._file, is_shared=self._is_shared)
        self._storage = _storage(self._connection)
        try:
            self._study = _study(self._storage, self.name, search)
        except BaseException:
            self.close()
            raise
        self._id = self._storage.get_study_id_from_name(self.name)
        self._trial_ids: dict[int, int] = {}
        """By number, as far as they were asked for: each query costs a third of a report."""

    def close(self) -> None:
        """Close the connection to the file."""
        self._storage.remove_session()
        self._connection.close()

    def trials(self) -> list[FrozenTrial]:
        """Return the trials in the order of their numbers; they are not to be changed."""
        return self._study.get_trials(deepcopy=False)

    def trial(self, number: int) -> FrozenTrial:
        """Return one trial."""
        return self._storage.get_trial(self._trial_id(number))

    def _trial_id(self, number: int) -> int:
        if number not in self._trial_ids:
            found = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
            self._trial_ids[number] = found
        return self._trial_ids[number]

    def add(self, trial: SearchTrial, space: Distributions | None = None) -> None:
        """Add a trial."""
        params, distributions = fitted(space or self._space, trial.params)
        values = {} if trial.value is None else {int(trial.step or 0): trial.value}
        reason = {} if trial.reason is None else {"reason": trial.reason}
        self._study.add_trial(
            create_trial(
                state=final_state(trial) or TrialState.RUNNING,
                params=params,
                distributions=distributions,
                value=None if trial.state == "fail" else trial.value,
                intermediate_values=values if trial.state == "pruned" else {},
                user_attrs={"stage": trial.stage, **reason},
            )
        )

    def begin_enqueued(self) -> None:
        """Begin the first of the trials that another program has enqueued."""
        self._study.ask(dict(self._space))

    def end(self, number: int, state: str, value: float | None, reason: str | None) -> FrozenTrial:
        """End a trial, unless it has ended; return it as the study has it."""
        if (trial := self.trial(number)).state.is_finished():
            return trial
        if reason is not None:
            self._storage.set_trial_user_attr(self._trial_id(number), "reason", reason)
        self._study.tell(number, value, _FINAL[state], skip_if_finished=True)
        return self.trial(number)

    def report(
        self, values: Iterable[tuple[int, int, float]], notes: Iterable[tuple[int, str, float]] = ()
    ) -> None:
        """Write values of trials at steps, and what a pruner notes about trials."""
        for number, step, value in values:
            with suppress(UpdateFinishedTrialError):  # by another program
                self._storage.set_trial_intermediate_value(self._trial_id(number), step, value)
        for number, key, note in notes:
            with suppress(UpdateFinishedTrialError):
                self._storage.set_trial_system_attr(self._trial_id(number), key, note)

    def restore(self, stored: Sequence[SearchTrial], search: Search) -> None:
        """Add what our database has of trials and the study lost, as after a power failure.

        The members of a pruned matrix get into the study this way, too.
        """
        known = self.trials()
        space = None if search.asks else _matrix_space(known, stored)
        for trial in stored:
            if trial.number >= len(known):
                self.add(trial, space)
            elif final_state(trial) is not None and not known[trial.number].state.is_finished():
                value = trial.value if trial.state == "complete" else None
                self.end(trial.number, trial.state, value, trial.reason)

    def importance(self) -> dict[str, float]:
        """Return each parameter's share of the objective's variation, most important first.

        The shares add up to 1. Empty if Optuna cannot compute them, e.g. if all values are equal.
        Source: Watanabe et al., "PED-ANOVA", IJCAI 2023 (of Optuna's, it needs NumPy only).
        """
        completed = [one for one in self.trials() if one.state == TrialState.COMPLETE]
        if len({trial.value for trial in completed}) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            try:
                shares = optuna.importance.get_param_importances(
                    self._study, evaluator=PedAnovaImportanceEvaluator()
                )
            except (RuntimeError, ValueError):
                return {}
        return {name: round(float(share), 6) for name, share in shares.items()}

    def _is_unfit(self, trial: FrozenTrial) -> bool:
        known = trial.distributions.items()
        return any(
            name in self._space and not is_compatible(one, self._space[name]) for name, one in known
        )

    def _convert(self, search: Search) -> None:
        """Give the trials distributions of the space, which Optuna cannot change in a study.

        A trial keeps its other values if the space cannot have one of them. The file is replaced
        in one transaction.
        """
        with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
            storage = _storage(connection)
            study = _study(storage, self.name, search)
            for trial in self.trials():
                study.add_trial(self._converted(trial))
            for name in optuna.get_all_study_names(self._storage):
                if name != self.name:
                    optuna.copy_study(
                        from_study_name=name, from_storage=self._storage, to_storage=storage
                    )
            storage.remove_session()
            self.close()
            with closing(_connect(self._file, is_shared=self._is_shared)) as target:
                connection.backup(target)
        self._open(search)

    def _converted(self, trial: FrozenTrial) -> FrozenTrial:
        edited = {name: value for name, value in trial.params.items() if name in self._space}
        params, distributions = fitted(self._space, edited)
        converted = copy.copy(trial)
        others = trial.params.keys() - self._space.keys()
        converted.params = {name: trial.params[name] for name in others} | params
        known = {name: trial.distributions[name] for name in others}
        converted.distributions = known | distributions
        return converted


def _matrix_space(known: Sequence[FrozenTrial], stored: Sequence[SearchTrial]) -> Distributions:
    """Return the values of a matrix as choices.

    Optuna's choices cannot change: a value that an edit has added is in a stage's name only.
    """
    choices: dict[str, dict[Scalar, None]] = {}
    for trial in stored:
        for name, value in trial.params.items():
            choices.setdefault(name, {})[value] = None
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: CategoricalDistribution(tuple(values)) for name, values in choices.items()
    }
    for frozen in known:
        space |= frozen.distributions
    return space


def _study(storage: RDBStorage, name: str, search: Search) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # names of metrics
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction=search.goal,
            sampler=RandomSampler(),  # the one that stores nothing: values are chosen elsewhere
            pruner=optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        if study.metric_names is None:
            study.set_metric_names([search.metric])  # for the axes of dashboards
    return study


def _storage(connection: sqlite3.Connection) -> RDBStorage:
    """Return Optuna's storage over one connection: a path in a URL would end at a `?`."""
    options = {"creator": lambda: connection, "poolclass": StaticPool}
    return RDBStorage("sqlite:///study.db", engine_kwargs=options)


def _connect(file: Path, *, is_shared: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT, check_same_thread=False)
    if not is_shared:  # as in the store: Optuna commits each value of a trial
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:  # e.g. a damaged file
            connection.close()
            raise
    return connection


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Raise a StudyError where the file is no longer a database, or a broken one."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        if getattr(cause, "sqlite_errorcode", None) in _DAMAGE:
            raise StudyError(
                f"{file} is damaged; move it away, and trainui rebuilds the study from its database"
            ) from error
        raise
