"""rsl_rl and the reports of DreamerV3."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="rsl_rl",
    reader="trainui.plugins.rsl_rl.lines:RslRl",
    pattern=r"Learning iteration \d+/",
)
