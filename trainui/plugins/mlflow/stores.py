"""MLflow's file store, a directory for each run, and its SQLite database.

In the file store, a metric is a file of one line per point: `timestamp value step`. In the
database, a point is a row, and infinity is the largest float.

The rule: a metric's name is its file's path below the run's `metrics` directory; a nested run's
metrics are prefixed with the run's name.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from trainui.plugin import Answer, CommandLine, FoundFile, Job, Owner, Place, TrackedRun, Training
from trainui.plugin.reading import (
    MOST_ROWS,
    Decoded,
    Decoder,
    Points,
    files,
    load_yaml,
    plain_files,
    to_number,
    tracked_runs,
    whole_steps,
)

DIRECTORY = "metrics"

_LINE = re.compile(rb"\d{12,14} [-+.\w]+( -?\d+)?( .*)?")
"""Milliseconds since 1970, a value, a step; newer versions may add the name of a data set."""
_LONGEST_TIME = 14
"""Digits of a time."""


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a file that begins with such lines."""
    del path, complete
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\0")
    whole = head[: head.rfind(b"\n") + 1] or head  # a line that is still written is no evidence
    lines = [line for line in whole.split(b"\n")[:3] if line]
    is_ours = bool(lines) and all(_LINE.fullmatch(line.rstrip(b"\r")) for line in lines)
    return Answer.YES if is_ours and b"\0" not in head else Answer.NO


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how a metric's file is read: those of a nested run have its name as a prefix."""
    if not is_of_run(path):
        return None
    return FoundFile(nested_prefix(path, root), is_sure=True, also_if_named=True)


def labels(history: str) -> list[str] | None:
    """Return the names that distinguish a run from others; None for a file of no run."""
    path = Path(history)
    if not is_of_run(path):
        return None
    name = run_name(path)
    return [name, f"{name}-{run_directory(path).name[:8]}"]


def first_time(path: Path) -> bytes:
    """Return the time of a metric's first point; the names of files are random."""
    return files.head(path, 13)


def metric_name(path: Path) -> str:
    """Return the name of the metric in a file."""
    parts = path.parts
    if DIRECTORY not in parts[:-1]:
        return path.name
    below = len(parts) - parts[:-1][::-1].index(DIRECTORY) - 1
    return "/".join(parts[below:])


def run_directory(path: Path) -> Path:
    """Return the directory of the run that a metric's file is of; any other file's path."""
    return next((up.parent for up in path.parents if up.name == DIRECTORY), path)


def nested_prefix(path: Path, root: Path | None = None) -> str:
    """Return the prefix for a metric of a run nested in another; none if it is that of the root."""
    run = run_directory(path)
    is_nested = run != root and plain_files.look(run / "tags" / "mlflow.parentRunId") is not None
    return f"{run_name(path)}/" if is_nested else ""


def run_name(path: Path) -> str:
    """Return the name of the run that a metric's file is of; its id if it has none."""
    run = run_directory(path)
    try:
        return plain_files.read_text(run / "tags" / "mlflow.runName").strip() or run.name
    except (OSError, ValueError):
        return run.name


def is_of_run(path: Path) -> bool:
    """Return True if a file is a run's metric, and not a model's copy of it."""
    run = run_directory(path)
    return run != path and run.parent.name != "models" and (run / "meta.yaml").is_file()


class MlflowMetric(Decoder):
    """Decodes the lines of one metric; needs no state."""

    name = "mlflow"

    def __init__(self, step: str | None, state: dict[str, Any], path: Path) -> None:
        super().__init__(step, state)
        self._metric = metric_name(path)

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if a last line without a line end is a whole record."""
        return clean and _LINE.fullmatch(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        del first_row
        rows = [row for line in block.decode("utf-8", "replace").split("\n") if (row := _row(line))]
        if not rows:
            return Decoded()
        import numpy as np  # late: each file's name is shown to this module

        times, values, steps = zip(*rows, strict=True)
        points = Points(
            np.arange(len(rows), dtype=np.int64),
            whole_steps(np.array(steps, np.float64)),
            np.array(values, np.float64),
            np.array(times, np.int64),
        )
        return Decoded({self._metric: points}, len(rows))


def _row(line: str) -> tuple[int, float, float] | None:
    parts = line.split(" ")
    value = to_number(parts[1]) if len(parts) > 1 else None
    if value is None or not parts[0].isdigit() or len(parts[0]) > _LONGEST_TIME:
        return None
    step = to_number(parts[2]) if len(parts) > 2 else 0.0
    return int(parts[0]) * 1000, value, step or 0.0


_STATUS = {"1": "running", "3": "completed", "4": "failed", "5": "failed"}
"""`RunStatus` in a run's meta.yaml, as the number that MLflow writes."""

_SCRIPT, _SCRIPT_TYPE = "mlflow.source.name", "mlflow.source.type"


def training(place: Place) -> Training | None:
    """Return the run of a directory."""
    if not place.has("meta.yaml") or "metrics" not in place.directories:
        return None
    meta = load_yaml(place / "meta.yaml")
    if meta.keys().isdisjoint(("run_id", "run_uuid")) or meta.get("lifecycle_stage") == "deleted":
        return None
    tagged = files.text(place / "tags" / "mlflow.runName").strip()
    name = str(meta.get("run_name") or tagged or place.path.name)
    job = Job(
        name,
        place.path,
        params=_parameters(place.path),
        status=_STATUS.get(str(meta.get("status"))),
        started=_milliseconds(meta.get("start_time")),
        ended=_milliseconds(meta.get("end_time")),
    )
    return Training("mlflow", name, place.path, (job,))


def _milliseconds(value: object) -> float | None:
    return value / 1000 if isinstance(value, int | float) else None


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return the parameters of the run that a file is of; None for any other file."""
    return _parameters(run_directory(path)) if is_of_run(path) else None


def _parameters(run: Path) -> dict[str, str]:
    found = sorted((run / "params").rglob("*"))
    return {
        str(one.relative_to(run / "params")): files.text(one).strip()
        for one in found
        if one.is_file()
    }


def owner(path: Path, tag: str, root: Path) -> Owner | None:
    """Return which attempt has started the run that a file is of; None if its tag names none."""
    del root
    found = files.text(run_directory(path) / "tags" / tag)
    return Owner(found) if found else None


def command(path: Path, job: Path, run: str) -> CommandLine | None:
    """Return the script of a run, without its arguments; None if it is not found."""
    del job
    if path.is_dir():
        tags = {name: files.text(path / "tags" / name).strip() for name in (_SCRIPT, _SCRIPT_TYPE)}
    else:
        tags = dict(next((one.tags for one in tracked_runs(path) if one.id == run), {}))
    script = Path(tags.get(_SCRIPT, ""))
    if tags.get(_SCRIPT_TYPE) != "LOCAL" or script.suffix != ".py":
        return None
    for directory in path.parents:
        if (directory / script).is_file() and "site-packages" not in script.parts:
            return CommandLine(("python", str(script)), str(directory), is_bare=True)
    return None


_STATES = {  # in the database
    "FINISHED": "completed",
    "FAILED": "failed",
    "KILLED": "failed",
    "RUNNING": "running",
    "SCHEDULED": "running",
}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all runs that are not deleted."""
    params, tags = (_by_run(connection, table) for table in ("params", "tags"))
    rows = connection.execute(
        "SELECT run_uuid, name, status, start_time, end_time FROM runs "
        "WHERE lifecycle_stage = 'active' ORDER BY start_time"
    )
    return [
        TrackedRun(
            id=run,
            name=name or tags[run].get("mlflow.runName", run),
            params=params[run],
            status=_STATES.get(status),
            started=start and start / 1000,
            ended=end and end / 1000,
            parent=tags[run].get("mlflow.parentRunId"),
            tags=tags[run],
        )
        for run, name, status, start, end in rows.fetchall()
    ]


def _by_run(connection: Connection, table: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for run, key, value in connection.execute(f"SELECT run_uuid, key, value FROM {table}"):
        found[run][key] = value
    return found


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a run after some rows, and the rows read last."""
    rows = connection.execute(
        "SELECT rowid, key, step, CASE WHEN is_nan THEN NULL ELSE value END, timestamp "
        "FROM metrics WHERE run_uuid = ? AND rowid > ? ORDER BY rowid LIMIT ?",
        (run, after.get("metrics", 0), MOST_ROWS),
    ).fetchall()
    if not rows:
        return Decoded(), dict(after)
    import numpy as np

    ids, names, steps, values, times = zip(*rows, strict=True)
    numbers = np.array(values, np.float64)
    largest = np.abs(numbers) == sys.float_info.max
    numbers[largest] *= np.inf
    whole = Points(
        np.arange(len(rows)), np.array(steps, np.int64), numbers, np.array(times, np.int64) * 1000
    )
    of_name = np.array(names, object)
    series = {name: whole[of_name == name] for name in dict.fromkeys(names)}
    return Decoded(series, len(rows)), {"metrics": ids[-1]}
