"""Warns a user who starts or waits for a run that a disk is nearly full."""

from __future__ import annotations

from trainui import disk, paths, settings
from trainui.cli.output import printing


class DiskWatch:
    """Warns once when a disk is low, and again when it is full."""

    def __init__(self) -> None:
        self._reported: set[tuple[object, bool]] = set()

    def check(self) -> None:
        """Print new warnings on stderr."""
        for room in disk.spaces(paths.home().root, settings.runs_dir(settings.load())):
            state = (room.path, room.is_full)
            if room.is_low and state not in self._reported:
                self._reported.add(state)
                for words in disk.warnings([room]):
                    printing.note(f"! {words}")
