"""Studies that other programs record: in Optuna's database or its journal, and as they print them.

A study is a run, and so is each of its trials. A study has a series `trial N` of intermediate
values for each trial, and their values in `value`.

A journal is JSON lines of which each is a change of a study or a trial; these are numbered by the
lines that create them. It is a format, and, as a database in memory, a tracker. A change that
Optuna ignores, like one of a trial that has ended, is ignored here.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf, nan
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from trainui.plugin import Answer, FoundFile, LineReader, NumberRow, Printed, TrackedRun
from trainui.plugin.reading import (
    MOST_ROWS,
    Decoded,
    Decoder,
    SparseRows,
    columns,
    files,
    look_at,
    plain_files,
    to_number,
)
from trainui.plugin.records import TRIAL, study_of

_STATES = {
    "COMPLETE": "completed",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "running",
}

_OBJECTIVES: dict[tuple[str, ...], tuple[str, str]] = {
    (goal,): ("value", goal) for goal in ("minimize", "maximize")
}
"""Of a study with one goal; of several goals no trial is the best."""

_TYPES = {"INF_POS": inf, "INF_NEG": -inf, "NAN": nan}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all studies; one runs as long as a trial does."""
    rows = connection.execute(
        "SELECT study_name, min(datetime_start), max(datetime_complete), "
        "sum(state = 'RUNNING') FROM studies LEFT JOIN trials USING (study_id) "
        "GROUP BY study_id ORDER BY study_id"
    ).fetchall()
    return [
        TrackedRun(
            id=name,
            name=name,
            status="running" if running else None,
            started=first and datetime.fromisoformat(first).timestamp(),
            ended=last and datetime.fromisoformat(last).timestamp(),
        )
        for name, first, last, running in rows
    ]


def jobs(connection: Connection) -> list[TrackedRun]:
    """Return all trials, with their parameters."""
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial, name, value, distribution in connection.execute(
        "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
    ):
        params[trial][name] = _parameter(value, json.loads(distribution))
    goals: dict[str, list[str]] = defaultdict(list)
    for study, goal in connection.execute(
        "SELECT study_name, direction FROM study_directions JOIN studies USING (study_id)"
    ):
        goals[study].append(str(goal).lower())
    rows = connection.execute(
        "SELECT trial_id, study_name, number, state, datetime_start, datetime_complete "
        "FROM trials JOIN studies USING (study_id) ORDER BY trial_id"
    ).fetchall()
    return [
        TrackedRun(
            id=f"{study}{TRIAL}{number}",
            name=f"trial {number}",
            params=params[trial],
            status=_STATES.get(state),
            started=begun and datetime.fromisoformat(begun).timestamp(),
            ended=ended and datetime.fromisoformat(ended).timestamp(),
            objective=_OBJECTIVES.get(tuple(goals[study])),
        )
        for trial, study, number, state, begun, ended in rows
    ]


def _parameter(value: float, distribution: Mapping[str, Any]) -> Any:
    """Return a parameter's value, which is stored as a number."""
    if "choices" in distribution["attributes"]:
        return distribution["attributes"]["choices"][int(value)]
    return int(value) if distribution["name"].startswith("Int") else value


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a study, or of one of its trials, after some rows, and the last rows."""
    kinds = {
        table: kind if kind in columns(connection, table) else "NULL"  # since version 3
        for table, kind in (
            ("trial_intermediate_values", "intermediate_value_type"),
            ("trial_values", "value_type"),
        )
    }
    study = study_of(run)
    _, is_trial, only = run.rpartition(TRIAL)
    found = SparseRows()
    position = dict(after)
    which = "study_name = ? AND number = ?" if is_trial else "study_name = ? AND ? = ''"
    for id_, number, step, value, kind in connection.execute(
        "SELECT trial_intermediate_value_id, number, step, intermediate_value, "
        f"{kinds['trial_intermediate_values']} "
        "FROM trial_intermediate_values JOIN trials USING (trial_id) "
        f"JOIN studies USING (study_id) WHERE {which} "
        "AND trial_intermediate_value_id > ? ORDER BY 1 LIMIT ?",
        (study, is_trial and only, after.get("trial_intermediate_values", 0), MOST_ROWS),
    ).fetchall():
        name = "intermediate value" if is_trial else f"trial {number}"
        found.add(step, [(name, _number(kind, value))])
        position["trial_intermediate_values"] = id_
    for id_, number, objective, value, kind, state, goals in connection.execute(
        f"SELECT trial_value_id, number, objective, value, {kinds['trial_values']}, state, "
        "(SELECT count(*) "
        "FROM study_directions AS goals WHERE goals.study_id = studies.study_id) "
        "FROM trial_values JOIN trials USING (trial_id) JOIN studies USING (study_id) "
        f"WHERE {which} AND trial_value_id > ? ORDER BY 1 LIMIT ?",
        (study, is_trial and only, after.get("trial_values", 0), MOST_ROWS),
    ).fetchall():
        if state == "COMPLETE":
            name = "value" if goals == 1 else f"value {objective}"
            found.add(0 if is_trial else number, [(name, _number(kind, value))])
        position["trial_values"] = id_
    return found.decoded(), position


def _number(kind: str | None, value: float | None) -> float:
    return _TYPES.get(kind or "", nan if value is None else value)


_CREATED = re.compile(rb"A new study created in (?:RDB|Journal) with name: ([^\r\n]+)")


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield the studies that some output says were created."""
    del memory
    for found in _CREATED.finditer(text):
        yield Printed(run=found[1].decode("utf-8", "replace").rstrip())


_NAMED = re.compile(
    r".*\.jsonl|(?!.*\.(log|out|err|csv|tsv)$).*(journal|optuna|study|storage|trial|hpo).*", re.I
)
"""Names of journals, but for endings that are looked into anyway."""

FIELDS = frozenset({"op_code", "worker_id"})
"""Fields of all lines."""

STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""States of a trial, by the numbers in a journal."""

_CREATE_STUDY, _DELETE_STUDY, _CREATE_TRIAL = 0, 1, 4
_CHANGES = _SET_PARAMETER, _SET_STATE, _SET_INTERMEDIATE = 5, 6, 7
_RUNNING, _COMPLETE, _WAITING = 0, 1, 4


@dataclass(frozen=True, slots=True)
class Change:
    """What a line changes of a study or a trial."""

    study: int
    study_name: str
    goals: int
    """The study's number of objectives."""
    is_new_study: bool = False
    is_deleted: bool = False
    """True if the study was deleted."""
    is_new_trial: bool = False
    trial: int = 0
    number: int = 0
    """The trial's number in its study."""
    state: int | None = None
    params: Sequence[tuple[str, float, str]] = ()
    """Name, value and distribution."""
    intermediate: Sequence[tuple[int, float]] = ()
    """Step and value."""
    values: Sequence[float] = ()
    is_step: bool = False
    """True if it is only the value of a trial at a step."""


class JournalNumbers:
    """The studies and trials of a journal so far; a part of them is stored as plain JSON."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.state = state if state is not None else {}
        for key in ("studies", "trials", "counts", "deleted"):
            self.state.setdefault(key, [])

    def apply(self, entry: Mapping[str, Any]) -> Change | None:
        """Note the change of a line, and return it; None if there is none that matters."""
        code, studies, deleted = entry["op_code"], self.state["studies"], self.state["deleted"]
        if code == _CREATE_STUDY:
            name, goals = entry["study_name"], len(entry["directions"])
            if any(one[0] == name for index, one in enumerate(studies) if index not in deleted):
                return None  # several workers created it at once
            studies.append([name, goals])
            self.state["counts"].append(0)
            return self._change(len(studies) - 1, is_new_study=True)
        if code == _DELETE_STUDY:
            deleted.append(entry["study_id"])
            return self._change(entry["study_id"], is_deleted=True)
        if code == _CREATE_TRIAL:
            return self._create_trial(entry)
        return self._change_trial(code, entry) if code in _CHANGES else None

    def _change(self, study: int, **changed: Any) -> Change:
        return Change(study, *self.state["studies"][study], **changed)

    def _create_trial(self, entry: Mapping[str, Any]) -> Change | None:
        study = entry["study_id"]
        if study in self.state["deleted"] or study >= len(self.state["studies"]):
            return None
        number = self.state["counts"][study]
        state = entry.get("state", _RUNNING)
        self.state["trials"].append([study, number, *_mark(state)])
        self.state["counts"][study] += 1
        kinds, steps = entry.get("distributions", {}), entry.get("intermediate_values", {})
        return self._change(
            study,
            is_new_trial=True,
            trial=len(self.state["trials"]) - 1,
            number=number,
            state=state,
            params=[(name, one, kinds[name]) for name, one in entry.get("params", {}).items()],
            intermediate=[(int(at), one) for at, one in steps.items()],
            values=_values(entry),
        )

    def _change_trial(self, code: int, entry: Mapping[str, Any]) -> Change | None:
        trial = entry["trial_id"]
        study, number, *ended = self.state["trials"][trial]
        if ended:
            return None
        changed: dict[str, Any]
        if code == _SET_PARAMETER:
            value = (entry["param_name"], entry["param_value_internal"], entry["distribution"])
            changed = {"params": [value]}
        elif code == _SET_INTERMEDIATE:
            changed = {"intermediate": [(entry["step"], entry["intermediate_value"])]}
            changed["is_step"] = True
        else:
            self.state["trials"][trial] += _mark(entry["state"])
            changed = {"state": entry["state"], "values": _values(entry)}
        return self._change(study, trial=trial, number=number, **changed)


def _mark(state: int) -> list[bool]:
    """Return what is added to a trial's numbers once it has ended."""
    return [] if state in (_RUNNING, _WAITING) else [True]


def _values(entry: Mapping[str, Any]) -> list[float]:
    """Return the values of a trial, one for each objective."""
    value = entry.get("value")
    return list(entry.get("values") or ([] if value is None else [value]))


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a journal by its first line."""
    del path, complete
    try:
        first = json.loads(head)
    except (ValueError, RecursionError):
        return Answer.NO
    return Answer.YES if isinstance(first, dict) and first.keys() >= FIELDS else Answer.NO


class OptunaJournal(Decoder):
    """Decodes a journal; the state has what the studies and trials are numbered by."""

    name = "optuna"
    has_marked_ends = True

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        del first_row
        rows, numbers = SparseRows(), JournalNumbers(self.state)
        for line in block.split(b"\n"):
            with suppress(ValueError, LookupError, TypeError):  # a damaged line
                _add(numbers.apply(json.loads(line)), rows)
        return rows.decoded()


def _add(change: Change | None, rows: SparseRows) -> None:
    """Add the values of a change; one without adds an empty row, so that lines are counted."""
    if change is None:
        rows.add(0, [])
        return
    prefix = f"{change.study_name}/" if change.study else ""
    for step, value in change.intermediate:
        rows.add(step, [(f"{prefix}trial {change.number}", float(value))])
    if change.state == _COMPLETE:
        goals = range(change.goals)
        names = ["value"] if change.goals == 1 else [f"value {goal}" for goal in goals]
        values = zip(names, change.values, strict=True)
        rows.add(change.number, [(prefix + name, float(value)) for name, value in values])
    elif not change.intermediate:
        rows.add(0, [])


_GOALS = {1: "MINIMIZE", 2: "MAXIMIZE"}
_TABLES = """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT);
CREATE TABLE study_directions (study_id INTEGER, direction TEXT, objective INTEGER);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state TEXT,
    datetime_start TEXT, datetime_complete TEXT);
CREATE TABLE trial_params (trial_id INTEGER, param_name TEXT, param_value FLOAT,
    distribution_json TEXT);
CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER, objective INTEGER,
    value FLOAT);
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER PRIMARY KEY,
    trial_id INTEGER, step INTEGER, intermediate_value FLOAT);
"""


def is_journal(path: Path) -> bool:
    """Return True if a file begins as a journal."""
    head = files.known_head(path, look_at(path)).partition(b"\n")[0]
    return head.startswith(b"{") and all(f'"{name}"'.encode() in head for name in FIELDS)


def is_usual(path: Path) -> bool:
    """Return True for a journal whose name says so, whatever its ending is."""
    return _NAMED.fullmatch(path.name) is not None and is_journal(path)


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how such a journal is read; other names are found by their content."""
    del root
    return FoundFile(is_sure=True) if is_usual(path) else None


def as_database(path: Path) -> sqlite3.Connection:
    """Return a journal as a database; a line that is not whole yet is left out."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(_TABLES)
    numbers, steps = JournalNumbers(), list[tuple[Any, ...]]()
    whole, _, _torn = plain_files.read_bytes(path).rpartition(b"\n")
    for line in whole.split(b"\n"):
        with suppress(ValueError, LookupError, TypeError, AttributeError):  # a damaged line
            entry = json.loads(line)
            if (change := numbers.apply(entry)) is not None:
                steps += [(change.trial, *one) for one in change.intermediate]
                if not change.is_step:
                    _apply(connection, change, entry)
    connection.executemany(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value) "
        "VALUES (?, ?, ?)",
        steps,
    )
    return connection


def _apply(connection: sqlite3.Connection, change: Change, entry: Mapping[str, Any]) -> None:
    """Make the change of a line, apart from values at steps."""
    if change.is_deleted:
        connection.execute("DELETE FROM studies WHERE study_id = ?", (change.study,))
        return
    goals = range(change.goals) if change.is_new_study else ()
    trial = (change.trial, change.number, change.study, "RUNNING", None, None)
    values = enumerate(change.values)
    added: dict[str, list[tuple[Any, ...]]] = {
        "studies": [(change.study, change.study_name)] if change.is_new_study else [],
        "study_directions": [
            (change.study, _GOALS.get(entry["directions"][goal]), goal) for goal in goals
        ],
        "trials": [trial] if change.is_new_trial else [],
        "trial_params": [(change.trial, *one) for one in change.params],
        "trial_values": [(None, change.trial, objective, value) for objective, value in values],
    }
    for table, rows in added.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    for column in ("datetime_start", "datetime_complete"):
        if entry.get(column):
            moment = datetime.fromisoformat(entry[column]).isoformat()
            connection.execute(
                f"UPDATE trials SET {column} = ? WHERE trial_id = ?", (moment, change.trial)
            )
    if change.state is not None:
        connection.execute(
            "UPDATE trials SET state = ? WHERE trial_id = ?", (STATES[change.state], change.trial)
        )


# Lines of Optuna's logger: a finished trial and its value.

_TRIAL = re.compile(
    r"(?:.*[\] ] ?)?Trial (?P<step>\d+) finished with value: (?P<value>[-+.\w]+?)"
    r"(?: and parameters: .*?(?:Best is trial \d+ with value: (?P<best>[-+.\w]+?))?)?\.?\s*",
    re.DOTALL,
)


class TrialLines(LineReader):
    """`Trial 3 finished with value: 0.5 and parameters: {...}. Best is trial 1 with value: 0.4.`"""

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the trial's numbers, without its parameters."""
        found = _TRIAL.fullmatch(line) if "Trial " in line else None
        if found is None:
            return ()
        named = (("value", to_number(found["value"])), ("best", to_number(found["best"] or "")))
        row = {name: value for name, value in named if value is not None}
        return [{"step": float(found["step"]), **row}] if row else ()
