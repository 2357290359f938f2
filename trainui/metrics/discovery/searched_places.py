"""The places where the metrics of an attempt were searched for, if none were found."""

from __future__ import annotations

from pathlib import Path

from trainui.domain.definition import StageDefinition
from trainui.metrics.discovery import default_sources
from trainui.supervisor import protocol

_BYTES = 8 << 20
"""Bytes of a stream whose lines are counted."""


def describe(attempt_dir: Path, stage_dir: Path, definition: StageDefinition) -> str:
    """Return where metrics were searched for, and what to do."""
    if definition.metrics:
        named = ", ".join(one.path or one.stream or "" for one in definition.metrics)
        return f"looked at {named}, as its `metrics` say"
    streams = (protocol.STDOUT_FILE, protocol.STDERR_FILE)
    places = [f"{name} ({_size(attempt_dir / name)})" for name in streams]
    files = [one.name for one in default_sources.usual_files(stage_dir)]
    places += files or [f"the files written in {definition.workdir}, none with a usual name"]
    return (
        f"looked at {', '.join(places)}; print lines such as `step 10 loss 0.5`, write JSON lines "
        "to $TRAINUI_METRICS_FILE, or list a file in `metrics`"
    )


def _size(stream: Path) -> str:
    try:
        with stream.open("rb") as file:
            count = file.read(_BYTES).count(b"\n")
    except OSError:
        return "missing"
    return f"{count:,} line{'s' * (count > 1)}" if count else "empty"
