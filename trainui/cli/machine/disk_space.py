"""A low disk, told to a person who starts something or waits for it."""

from __future__ import annotations

from trainui import disk, paths, settings
from trainui.cli.output import printing


class DiskWatch:
    """Tells of each disk once, and again when it is full."""

    def __init__(self) -> None:
        self._told: set[tuple[object, bool]] = set()

    def look(self) -> None:
        """Say on stderr which disks are low now."""
        for room in disk.rooms(paths.home().root, settings.runs_dir(settings.load())):
            state = (room.path, room.is_full)
            if room.is_low and state not in self._told:
                self._told.add(state)
                for words in disk.warnings([room]):
                    printing.note(f"! {words}")
