"""A session that ClearML recorded offline, by default below `~/.clearml/cache/offline`.

A line of `metrics.jsonl` is a list of events. A scalar's name is its title and its series, as in
`loss/train`, and its step the iteration; what ClearML measures of the machine is no metric.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui.plugin import Answer, FoundFile, Place, Training
from trainui.plugin.reading import NO_TIME, Decoded, Decoder, SparseRows, files, of_directory

_SESSION = re.compile(r"offline-[0-9a-f]{32}")
_FILE, _TASK = "metrics.jsonl", "task.json"
_FIRST = re.compile(rb'\s*\[\{"timestamp": \d+, "type": "[a-z_]+", "task": "')
_TASK_BYTES = 1 << 20
"""More bytes than a task's description has."""
_MACHINE = ":monitor:"
_QUIET = 60.0
"""Seconds without a change after which a session has ended: its files are opened for each write."""
_MILLISECOND = 1000
"""In microseconds."""


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for the other files of a session, and for its images and tables."""
    at = next((at for at, one in enumerate(directories) if _SESSION.fullmatch(one)), None)
    return at is not None and (at != len(directories) - 1 or name != _FILE)


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a file that begins with such a list of events."""
    del path, complete
    return Answer.YES if _FIRST.match(head) else Answer.NO


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how a session's metrics are read; None for any other file."""
    del root
    return FoundFile(is_sure=True) if _is_session(path) else None


def _is_session(path: Path) -> bool:
    return path.name == _FILE and _SESSION.fullmatch(path.parent.name) is not None


def training(place: Place) -> Training | None:
    """Return the session of a directory."""
    if not _SESSION.fullmatch(place.path.name) or not place.has(_TASK):
        return None
    task = _load(place / _TASK)
    name = str(task.get("name") or place.path.name)
    return of_directory("clearml", place, name, _parameters(task), quiet=_QUIET)


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return the parameters of the session that a file is of; None for any other file."""
    return _parameters(_load(path.with_name(_TASK))) if _is_session(path) else None


def _parameters(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters; those of the sections for arguments have no prefix."""
    found: dict[str, Any] = {}
    with suppress(AttributeError, TypeError):  # not as ClearML writes it
        for section, several in task.get("hyperparams", {}).items():
            prefix = "" if section in ("General", "Args") else f"{section}/"
            found |= {f"{prefix}{name}": one.get("value") for name, one in several.items()}
    return found


def _load(path: Path) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(files.text(path, _TASK_BYTES))
        return found if isinstance(found, Mapping) else {}
    return {}


class ScalarLines(Decoder):
    """Decodes the scalars in lists of events; needs no state."""

    name = "clearml"

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        del first_row
        rows = SparseRows()
        for line in block.split(b"\n"):
            with suppress(ValueError, RecursionError):
                for event in json.loads(line):
                    with suppress(LookupError, TypeError, ValueError, OverflowError):
                        _add(event, rows)
        return rows.decoded()


def _add(event: Mapping[str, Any], rows: SparseRows) -> None:
    title, series, step = str(event["metric"]), str(event["variant"]), int(event["iter"])
    is_scalar = event["type"] == "training_stats_scalar" and not title.startswith(_MACHINE)
    if is_scalar and step >= 0:  # a single value has the least number
        name = title if title == series else f"{title}/{series}"
        when = event.get("timestamp")
        time = when * _MILLISECOND if isinstance(when, int) else NO_TIME
        rows.add(step, [(name, float(event["value"]))], time)
