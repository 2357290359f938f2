"""MLPerf: JSON behind a mark."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="mlperf",
    reader="trainui.plugins.mlperf.lines:MLPerf",
    pattern=r":::MLLOG",
)
