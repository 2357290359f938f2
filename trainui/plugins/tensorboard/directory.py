"""What the place of an event file says: its run's name, and the training that it is of."""

from __future__ import annotations

import re
from pathlib import Path

from trainui.plugin import FoundFile, Place, Training
from trainui.plugin.reading import fold_prefix, is_part, of_directory, raise_shortage
from trainui.plugin.records import fits

_IN_DIRECTORY = re.compile(r"(.+/)[^/]*\.tfevents[^/]*")
_FILES = ("out.tfevents*", "*.out.tfevents*")


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how an event file is read: TensorBoard shows its directory as a run of its own.

    It has a prefix if the directory above has event files too, or if its name is a part of the
    data.
    """
    if not fits(path.name, _FILES):
        return None
    if root is None:
        return FoundFile()
    directory, fold = path.parent, fold_prefix(path.parent, root)
    for parent in directory.parents:
        if parent.is_relative_to(root) and _has_events(parent):
            return FoundFile(f"{fold}{directory.relative_to(parent).as_posix()}/")
    if directory != root and is_part(directory.name):
        return FoundFile(f"{fold}{directory.name}/")
    return FoundFile(fold)


def _has_events(directory: Path) -> bool:
    try:
        return any(fits(path.name, _FILES) for path in directory.iterdir())
    except OSError as error:
        raise_shortage(error)
        return False


def history(key: str) -> str | None:
    """Return the directory of an event file, whose files are one history; None for another file."""
    found = _IN_DIRECTORY.fullmatch(key)
    return found[1] if found else None


def training(place: Place) -> Training | None:
    """Return the training of a directory of event files, with what writers put below it."""
    parts = [Place.of(place / name) for name in place.directories if is_part(name)]
    if any(fits(name, _FILES) for one in (place, *parts) for name in one.files):
        return of_directory("tfevents", place, place.clear_name())
    return None
