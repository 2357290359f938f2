"""Stages as jobs of Slurm: `executor: slurm`. It needs Slurm's commands and a shared file system.

Read `jobs` first.
"""

from __future__ import annotations

from trainui.plugin import INTERFACE, Executor

EXECUTOR = Executor(
    interface=INTERFACE,
    name="slurm",
    backend="trainui.plugins.slurm.jobs:Slurm",
    options=("partition", "time", "account", "options"),
    problems="trainui.plugins.slurm.jobs:problems",
    check="trainui.plugins.slurm.jobs:check",
)
