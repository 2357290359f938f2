"""Optuna's storage of a study: its file, and a copy in memory that answers all reads.

Optuna reads all running trials from the file at each value that a sampler chooses, which takes
longer than the sampler. Each write goes to the file first and then to the copy, over one
connection: SQLite's `data_version` changes on it only when another program has written. A new trial
is written in one transaction once all its values are chosen.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages._rdb.models import TrialIntermediateValueModel as StoredValue
from optuna.storages._rdb.models import (
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialValueModel,
)
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import StaticPool, Table, bindparam, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from trainui.search import stored_trials
from trainui.store.db import sqlite_file

_TRIALS: Table = TrialModel.__table__

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# Built once, since they are executed for each trial: building costs more than running.
_NEW_TRIAL = insert(_TRIALS).returning(_TRIALS.c.trial_id)
_NEW_PARAMS = insert(TrialParamModel.__table__)
_NEW_ATTRIBUTES = insert(TrialSystemAttributeModel.__table__)
_NEW_VALUES = insert(StoredValue.__table__).prefix_with("OR IGNORE")
_OBJECTIVE = insert(TrialValueModel.__table__)
_COUNT = select(func.count()).where(_TRIALS.c.study_id == bindparam("study"))
_END = update(_TRIALS).where(
    _TRIALS.c.trial_id == bindparam("trial"),
    _TRIALS.c.state.in_((TrialState.RUNNING, TrialState.WAITING)),
)


class StudyStorage(InMemoryStorage):
    """The storage of the one study in a file that this process writes."""

    def __init__(self, study: optuna.Study, file: RDBStorage) -> None:
        """Copy a study."""
        super().__init__()
        self._file = file
        self._study = file.get_study_id_from_name(study.study_name)
        self._ids: list[int] = []
        """The trials' ids in the file, by number; in memory, a trial's id is its number."""
        self._is_new_held = False
        """True while a new trial is kept in memory until it has all its values."""
        self._new: int | None = None
        """The new trial that the file does not have yet."""
        super().create_new_study(study.directions, study.study_name)
        self._version = self._data_version()
        for key, value in file.get_study_system_attrs(self._study).items():
            super().set_study_system_attr(0, key, value)
        with file.engine.connect() as connection:
            for trial in stored_trials.read(connection, self._study):
                self._ids.append(trial._trial_id)
                values, trial.intermediate_values = trial.intermediate_values, {}
                number = super().create_new_trial(0, trial)  # which copies it deeply
                self.get_trial(number).intermediate_values = values

    @property
    def is_changed(self) -> bool:
        """True if another program has added or ended a trial since the file was opened.

        Values at steps do not count: another host reports the same ones as this.
        """
        before, self._version = self._version, self._data_version()
        if before == self._version:
            return False
        query = select(_TRIALS.c.state).where(_TRIALS.c.study_id == self._study)
        with self._file.engine.connect() as connection:
            states = Counter(connection.execute(query).scalars())
        return states != Counter(one.state for one in self.get_all_trials(0, deepcopy=False))

    def _data_version(self) -> int:
        with self._file.engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    @contextmanager
    def new_trial(self) -> Iterator[None]:
        """Write the trial that is made here when all its values are chosen."""
        self._is_new_held = True
        yield
        self._is_new_held = False
        number, self._new = self._new, None
        if number is not None:
            self._insert(self.get_trial(number))

    def _insert(self, trial: FrozenTrial) -> None:
        """Write a new trial; Optuna would use some twenty statements and two transactions."""
        fields = ("number", "state", "datetime_start")
        row = {"study_id": self._study, **{name: getattr(trial, name) for name in fields}}
        params = [
            {
                "param_name": name,
                "param_value": one.to_internal_repr(trial.params[name]),
                "distribution_json": distribution_to_json(one),
            }
            for name, one in trial.distributions.items()
        ]
        attributes = [
            {"key": key, "value_json": json.dumps(one)} for key, one in trial.system_attrs.items()
        ]
        with self._file.engine.begin() as connection:
            written = connection.execute(_NEW_TRIAL, row).scalar_one()
            if connection.execute(_COUNT, {"study": self._study}).scalar_one() != trial.number + 1:
                raise StorageInternalError("another program has added a trial")
            for statement, rows in ((_NEW_PARAMS, params), (_NEW_ATTRIBUTES, attributes)):
                if rows:
                    connection.execute(statement, [{"trial_id": written, **r} for r in rows])
        self._ids.append(written)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial."""
        if template_trial is not None:
            self._ids.append(self._file.create_new_trial(self._study, template_trial))
            return super().create_new_trial(study_id, template_trial)
        trial_id = super().create_new_trial(study_id)
        if self._is_new_held:
            self._new = trial_id
        else:
            self._insert(self.get_trial(trial_id))
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a value that the sampler chose."""
        value = param_name, param_value_internal, distribution
        if trial_id != self._new:
            self._file.set_trial_param(self._ids[trial_id], *value)
        super().set_trial_param(trial_id, *value)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set a trial's state and its objective."""
        if state.is_finished():
            self._end(trial_id, state, values or ())
        elif not self._file.set_trial_state_values(self._ids[trial_id], state, values):
            return False
        return super().set_trial_state_values(trial_id, state, values)

    def _end(self, number: int, state: TrialState, values: Sequence[float]) -> None:
        """End a trial in the file; Optuna would use some ten statements."""
        trial = self._ids[number]
        with self._file.engine.begin() as connection:
            ended = {"state": state, "datetime_complete": datetime.now()}
            if not connection.execute(_END, {"trial": trial, **ended}).rowcount:
                raise UpdateFinishedTrialError(f"trial {number} has ended already")
            for objective, value in enumerate(values):
                stored, kind = TrialValueModel.value_to_stored_repr(value)
                row = {"objective": objective, "value": stored, "value_type": kind}
                connection.execute(_OBJECTIVE, {"trial_id": trial, **row})

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set the objective at a step."""
        self.set_intermediate_values([(trial_id, step, intermediate_value)])

    def set_intermediate_values(self, values: Iterable[tuple[int, int, float]]) -> None:
        """Set the objective of trials at steps, in one transaction; those known already stay."""
        new = [
            (trial, step, value)
            for trial, step, value in values
            if step not in self.get_trial(trial).intermediate_values
        ]
        rows = []
        for one, at, value in new:
            number, kind = StoredValue.intermediate_value_to_stored_repr(value)
            row = {"intermediate_value": number, "intermediate_value_type": kind}
            rows.append({"trial_id": self._ids[one], "step": at, **row})
        if rows:
            with self._file.engine.begin() as connection:
                connection.execute(_NEW_VALUES, rows)
        for one, at, value in new:  # in place: Optuna copies all values of a trial for each
            trial = self.get_trial(one)
            self.check_trial_is_updatable(one, trial.state)
            trial.intermediate_values[at] = value

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a note on a trial."""
        if trial_id != self._new:
            self._file.set_trial_user_attr(self._ids[trial_id], key, value)
        super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set what a sampler or pruner stores with a trial."""
        if trial_id != self._new:
            self._file.set_trial_system_attr(self._ids[trial_id], key, value)
        super().set_trial_system_attr(trial_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set what a sampler stores with the study."""
        self._file.set_study_system_attr(self._study, key, value)
        super().set_study_system_attr(study_id, key, value)

    def remove_session(self) -> None:
        """Close the connection to the file."""
        self._file.remove_session()
        self._file.engine.dispose()


def open_file(file: Path, *, is_shared: bool) -> RDBStorage:
    """Open a study's file with one connection; create it if it does not exist."""

    def connect() -> sqlite3.Connection:
        found = sqlite3.connect(file, timeout=sqlite_file.BUSY_TIMEOUT, check_same_thread=False)
        if not is_shared:  # as in the store: Optuna commits each value of a trial
            try:
                found.execute("PRAGMA journal_mode = WAL")
                found.execute("PRAGMA synchronous = NORMAL")
            except sqlite3.Error:  # e.g. a damaged file
                found.close()
                raise
        return found

    # not by the path in the URL, which would end at a `?`
    options = {"creator": connect, "poolclass": StaticPool}
    return RDBStorage("sqlite:///study.db", engine_kwargs=options)


def is_damage(error: BaseException) -> bool:
    """Return True if an error says that the file is no longer a database, or a broken one."""
    cause = error.orig if isinstance(error, DatabaseError) else error
    return isinstance(cause, sqlite3.DatabaseError) and (
        getattr(cause, "sqlite_errorcode", None) in _DAMAGE
    )
