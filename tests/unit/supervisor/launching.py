"""Launching an attempt in one call, as the worker does in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainui.plugin.backends import LaunchAnswer, Launched
from trainui.supervisor import process
from trainui.supervisor.protocol import Spec


def launch(attempt_dir: Path, spec: Spec, **options: Any) -> Launched:
    """Write an attempt's spec and start its supervisor, unless it was ever started."""
    if not process.write_spec(attempt_dir, spec):
        return Launched(LaunchAnswer.ALREADY)
    return process.start(attempt_dir, **options)
