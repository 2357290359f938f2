"""Lines of Optuna's logger: a finished trial and its value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import to_number

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
