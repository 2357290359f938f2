"""Optuna's journal: JSON lines of which each is a change of a study or a trial.

Trials and studies are numbered by the lines that create them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.rows import SparseRows
from trainui.metrics.formats.table import Decoded
from trainui.plugin import Answer

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
