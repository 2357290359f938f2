"""Optuna's journal: JSON lines of which each is a change of a study or a trial.

Trials and studies are numbered by the lines that create them.
"""

from __future__ import annotations

import json
from typing import Any

from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.rows import SparseRows
from trainui.metrics.formats.table import Decoded

FIELDS = frozenset({"op_code", "worker_id"})
"""Fields of all lines."""

_CREATE_STUDY, _CREATE_TRIAL, _SET_STATE, _SET_INTERMEDIATE = 0, 4, 6, 7
_COMPLETE = 1


class OptunaJournal(Decoder):
    """Decodes a journal; the state has what the studies and trials are numbered by."""

    name = "optuna"

    def __init__(self, step: str | None, state: dict[str, Any]) -> None:
        super().__init__(step, state or {"studies": [], "trials": [], "counts": []})

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return False: a line without its end is torn."""
        del rest, clean
        return False

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        del first_row
        rows = SparseRows()
        for line in block.split(b"\n"):
            try:
                self._read(json.loads(line), rows)
            except (ValueError, LookupError, TypeError):
                continue  # a damaged line
        return rows.decoded()

    def _read(self, entry: dict[str, Any], rows: SparseRows) -> None:
        """Read a line; one without a value adds an empty row, so that lines are counted."""
        numbers: list[tuple[str, float]] = []
        step, code = 0, entry["op_code"]
        if code == _CREATE_STUDY:
            self.state["studies"].append([entry["study_name"], len(entry["directions"])])
            self.state["counts"].append(0)
        elif code == _CREATE_TRIAL:
            study = entry["study_id"]
            self.state["trials"].append([study, self.state["counts"][study]])
            self.state["counts"][study] += 1
        elif code == _SET_INTERMEDIATE:
            prefix, number, _goals = self._trial(entry)
            step = entry["step"]
            numbers = [(f"{prefix}trial {number}", float(entry["intermediate_value"]))]
        elif code == _SET_STATE and entry["state"] == _COMPLETE:
            prefix, step, goals = self._trial(entry)
            names = ["value"] if goals == 1 else [f"value {goal}" for goal in range(goals)]
            numbers = [
                (prefix + name, float(value))
                for name, value in zip(names, entry["values"], strict=True)
            ]
        rows.add(step, numbers)

    def _trial(self, entry: dict[str, Any]) -> tuple[str, int, int]:
        """Return the prefix of a trial's study, its number there, and the number of objectives."""
        study, number = self.state["trials"][entry["trial_id"]]
        name, goals = self.state["studies"][study]
        return f"{name}/" if study else "", number, goals
