"""XGBoost, LightGBM and CatBoost: a line an iteration."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="gbm",
    reader="trainui.plugins.boosting.lines:Boosting",
    pattern=r"\[\d+\]\s|:(?<=\d:)\t|\[LightGBM\]|est iteration is:",
)
