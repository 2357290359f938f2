"""XGBoost, LightGBM and CatBoost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER, leading_number, message


class Boosting(LineReader):
    """XGBoost, LightGBM and CatBoost: a line per iteration, with the evaluation sets' names."""

    _forms = (
        # `[0]<TAB>train-auc:0.5<TAB>valid-auc:0.4`; in cross-validation `0.5+0.01`
        (r"\[(\d+)\]\s+(?=[^\s:]+:)", rf"(?<![^\s:])([^\s:]++):({NUMBER})"),
        # `[1]<TAB>valid_1's auc: 0.98`, in cross-validation `0.98 + 0.01`
        (r"\[(\d+)\]\t(?=[^\t]+: )", rf"(?<![^\t:])([^\t:]+?) ?: ({NUMBER})"),
        # `0:<TAB>learn: 0.58<TAB>test: 0.59<TAB>best: 0.59 (0)<TAB>total: 54ms`
        (r"(\d+):\t", r"\b(learn|test\d*|best): (\S+)"),
    )
    _patterns = tuple((re.compile(start), re.compile(metric)) for start, metric in _forms)

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers, except those of the best iteration, which are repeated."""
        line = message(line)
        if "est iteration is:" in line:
            self.memory["again"] = True
            return ()
        if self.memory.pop("again", False):
            return None
        if line.startswith("[LightGBM]"):  # its command line's format
            line = re.sub(r"^\[LightGBM\] \[Info\] Iteration:(\d+), ", "[\\1]\t", line)
        for start, metric in self._patterns:
            found = start.match(line)
            named = metric.findall(line, found.end()) if found else ()
            row = {name: one for name, text in named if (one := leading_number(text)) is not None}
            if found and row:
                return [{"step": float(found[1]), **row}]
        return ()
