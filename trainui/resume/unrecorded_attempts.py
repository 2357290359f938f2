"""Attempts that ran before an older database was restored, which does not contain them."""

from __future__ import annotations

from pathlib import Path

from trainui import paths
from trainui.supervisor import protocol


def forgotten(directory: Path) -> list[Path]:
    """Return the directories of attempts that were started with this number or a later one.

    For an attempt that is not claimed yet, these are forgotten ones.
    """
    try:
        numbers = {one: one.name.removeprefix("attempt-") for one in directory.parent.iterdir()}
    except OSError:  # usually there is none yet; else the directory cannot be created either
        return []
    first = int(directory.name.removeprefix("attempt-"))
    return [
        one
        for one, number in numbers.items()
        if number.isdecimal() and int(number) >= first and (one / protocol.STARTED_FILE).exists()
    ]


def replaced(stage_dir: Path, last: int) -> str | None:
    """Return a message if a forgotten attempt has replaced the result of a completed stage.

    `last` is the number of its last attempt in the database.
    """
    if not forgotten(paths.attempt_directory(stage_dir, last + 1)):
        return None
    return "a later attempt replaced its result, and the restored database does not contain it"
