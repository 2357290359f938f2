"""XGBoost, LightGBM and CatBoost: one line per iteration, with the evaluation sets' names."""

from __future__ import annotations

import re

from trainui.metrics.formats.text.presets.base import NUMBER, AnyOf, LinePreset


class XGBoost(LinePreset):
    """`[0]<TAB>train-auc:0.5<TAB>valid-auc:0.4`; in cross-validation `0.5+0.01`."""

    of_messages = True
    line = re.compile(r"\[(?P<step>\d+)\]\s+(?=[^\s:]+:)")
    metric = re.compile(rf"(?<![^\s:])([^\s:]++):({NUMBER})")


class LightGBM(LinePreset):
    """`[1]<TAB>valid_1's auc: 0.98`, in cross-validation `0.98 + 0.01`; also the CLI's format."""

    of_messages = True
    line = re.compile(r"\[(?P<step>\d+)\]\t(?=[^\t]+: )")
    metric = re.compile(rf"(?<![^\t:])([^\t:]+?) ?: ({NUMBER})")

    def read(self, line: str) -> list[dict[str, float]]:
        """Return the line's numbers, except those of the best iteration, which are repeated."""
        if "est iteration is:" in line:
            self.memory["again"] = True
            return []
        if self.memory.pop("again", False):
            return []
        if line.startswith("[LightGBM]"):
            line = re.sub(r"^\[LightGBM\] \[Info\] Iteration:(\d+), ", "[\\1]\t", line)
        return list(super().read(line))


class CatBoost(LinePreset):
    """`0:<TAB>learn: 0.58<TAB>test: 0.59<TAB>best: 0.59 (0)<TAB>total: 54ms<TAB>remaining: 4s`."""

    line = re.compile(r"(?P<step>\d+):\t")
    metric = re.compile(r"\b(learn|test\d*|best): (\S+)")


class Boosting(AnyOf):
    """Tries all three."""

    of_messages = True
    kinds = (XGBoost, LightGBM, CatBoost)
