"""The places where the metrics of an attempt were searched for, if none were found."""

from __future__ import annotations

from pathlib import Path

from trainui import formatting
from trainui.metrics.discovery import default_sources, listing
from trainui.metrics.files import lenient_files
from trainui.metrics.files.tail import look_at
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.detect import HEAD_BYTES, detect
from trainui.model.definition import StageDefinition
from trainui.supervisor import protocol
from trainui.system import plain_files

_BYTES = 8 << 20
"""Bytes of a stream whose lines are counted."""

_SHOWN = 3
"""Files that are named."""


def describe(attempt_dir: Path, stage_dir: Path, definition: StageDefinition) -> str:
    """Return where metrics were searched for, and what to do."""
    if definition.metrics:
        named = ", ".join(one.path or one.stream or "" for one in definition.metrics)
        return f"looked at {named}, as its `metrics` say"
    streams = (protocol.STDOUT_FILE, protocol.STDERR_FILE)
    places = [f"{name} ({_size(attempt_dir / name)})" for name in streams]
    files = [_file(one) for one in default_sources.usual_files(stage_dir)]
    workdir = Path(definition.workdir)
    if written := _written(workdir, attempt_dir / protocol.STARTED_FILE):
        return (
            f"looked at {', '.join(places + files)}; {written} in {workdir} has none or may be "
            "another run's: list this stage's file in `metrics`, or give each run its own `workdir`"
        )
    places += files or [f"the files written in {workdir}, none with a usual name"]
    return (
        f"looked at {', '.join(places)}; print lines like `step 10 loss 0.5`, write JSON lines "
        "to $TRAINUI_METRICS_FILE, or list a file in `metrics`"
    )


def _written(workdir: Path, started: Path) -> str:
    """Return names of files with usual names that were written since an attempt started."""
    found, since = listing.of(workdir), look_at(started)
    found.walk()
    names = [
        str(path.relative_to(workdir))
        for path, state in sorted(found.states.items())
        if since is not None and state.modified >= since.modified
    ]
    return formatting.listed(names, _SHOWN)


def _size(stream: Path) -> str:
    try:
        with plain_files.open_plain(stream) as file:
            count = file.read(_BYTES).count(b"\n")
    except OSError:
        return "missing"
    return f"{count:,} line{'s' * (count > 1)}" if count else "empty"


def _file(path: Path) -> str:
    """Return a file's name, and why it cannot be read: `train.log (is written in UTF-16; ...)`."""
    try:
        detect(lenient_files.head(path, HEAD_BYTES), path, complete=True)
    except UnknownFormatError as error:
        return f"{path.name} ({str(error).removeprefix(f'{path} ')})"
    return path.name
