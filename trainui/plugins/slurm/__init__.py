"""Stages as jobs of Slurm: `executor: slurm`. It needs Slurm's commands and a shared file system.

Read `jobs` first; `requests` is what a stage may ask of Slurm, and what Slurm says to that.
"""

from __future__ import annotations

from trainui.plugin import INTERFACE, Executor

EXECUTOR = Executor(
    interface=INTERFACE,
    name="slurm",
    backend="trainui.plugins.slurm.jobs:Slurm",
    options=("partition", "time", "account", "options"),
    problems="trainui.plugins.slurm.requests:problems",
    refusals="trainui.plugins.slurm.requests:refusals",
    check="trainui.plugins.slurm.requests:check",
    about="trainui.plugins.slurm.requests:about",
)
