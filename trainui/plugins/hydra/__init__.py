"""Hydra's directories: the overrides of a job, and the jobs of a multirun."""

from __future__ import annotations

from trainui.plugin import Tracker

TRACKER = Tracker(interface=1, name="hydra", title="Hydra", places=("outputs", "multirun"))
