"""Optuna's log: one line per trial, with its value and the best value so far."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.presets.base import LinePreset, Row


class Optuna(LinePreset):
    """`Trial 3 finished with value: 0.5 and parameters: {...}. Best is trial 1 with value: 0.4.`"""

    holds = "Trial "
    line = re.compile(r"(?:.*\] |.* )?Trial (?P<step>\d+) finished with (?=value: )")
    metric = re.compile(r"(value|best): ([-+.\w]+?)(?=\.?(?:\s|$))")

    def read(self, line: str) -> Sequence[Row]:
        """Return the trial's numbers, without its parameters."""
        told, _parameters, rest = line.partition(" and parameters: ")
        _trials, _is, best = rest.rpartition("Best is trial ")
        return super().read(f"{told} best: {best.rpartition(': ')[2]}")
