"""`trainer_state.json`, which has the whole history up to its checkpoint."""

from __future__ import annotations

import re
from pathlib import Path

from trainui.plugin import Answer, Place, Training
from trainui.plugin.reading import JsonFile, of_directory

FILE, HISTORY = "trainer_state.json", "log_history"

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")

_QUIET = 60.0
"""Seconds without a change after which a training has ended: it opens the file for each write."""


class TrainerState(JsonFile):
    """Decodes the history."""

    name = "hf"
    records = HISTORY


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a JSON document with such a history."""
    del path, complete
    return Answer.YES if HISTORY.encode() in head else Answer.NO


def stands_for(path: Path) -> tuple[Path, int] | None:
    """Return the path of all checkpoints' histories, and the step of this one.

    Transformers writes its history into each checkpoint, and deletes the old ones.
    """
    found = _CHECKPOINT.fullmatch(path.parent.name) if path.name == FILE else None
    return (path.parent.parent / FILE, int(found[1])) if found else None


def training(place: Place) -> Training | None:
    """Return the training of a directory with a `trainer_state.json`, or checkpoints with one."""
    kept = filter(_CHECKPOINT.fullmatch, place.directories)
    if place.has(FILE) or any((place / name / FILE).is_file() for name in kept):
        return of_directory("hf", place, quiet=_QUIET)
    return None
