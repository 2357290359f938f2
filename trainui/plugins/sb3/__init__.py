"""Stable-Baselines3, baselines and Ray: boxes of names and values."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="sb3",
    reader="trainui.plugins.sb3.lines:Boxes",
    pattern=r"---\s*$|╭─",
)
