"""A run of a tracker as a job of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainui.metrics.discovery import configuration
from trainui.plugin import Job, TrackedRun


def tracked(
    run: TrackedRun, directory: Path, source: tuple[Path, str | None], /, **more: Any
) -> Job:
    """Return a run as its tracker has it, and `more` that it does not record."""
    return Job(
        *(run.name, directory, (source,)),
        params=configuration.as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        **more,
    )
