"""Limits the searches outside stages' directories to a round for all attempts at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from trainui.metrics.discovery import default_sources, process_files
from trainui.metrics.discovery.attribution.write_events import WriteEvents
from trainui.metrics.discovery.attribution.writer_samples import WriterSamples

REST, REST_OF_CHANGES = 1000, 50
"""The least time between two rounds of searches, as a multiple of the last one's CPU time; the
second if something has changed."""

LONGEST_PAUSE = 60.0
"""Seconds: the longest such rest, and the longest time between two searches for a young attempt."""

ROUND = 1.0
"""Seconds for which a round of searches for all attempts shares what it has found."""


class SearchRound:
    """The pace and the survey of processes that the searches for all attempts share."""

    def __init__(self) -> None:
        self._began = -math.inf
        self._cost = 0.0
        """CPU seconds of the round's searches."""
        self._surveyed = -math.inf
        self._survey: Mapping[Path | None, Sequence[Path]] = {}
        self.samples = WriterSamples()
        """The samples of files that are opened only during a write."""
        self.events = WriteEvents()
        """The writes that the kernel reports, as root."""

    def may_begin(self, rest: float) -> bool:
        """Return True if a search is part of the round, or if the rest after the last is over."""
        elapsed = time.monotonic() - self._began
        if elapsed > min(max(ROUND, rest * self._cost), LONGEST_PAUSE):
            self._began, self._cost = time.monotonic(), 0.0
            return True
        return elapsed < ROUND

    def spend(self, seconds: float) -> None:
        """Count the CPU time of a search."""
        self._cost += seconds

    def survey(self) -> Mapping[Path | None, Sequence[Path]]:
        """Return, by attempt directory, the files that processes had open a moment ago."""
        if time.monotonic() - self._surveyed > ROUND:
            found = process_files.survey(lambda path: _is_usual_name(path.rpartition("/")[2]))
            self._survey = {
                attempt: [path for path in map(Path, files) if default_sources.is_usual(path)]
                for attempt, files in found.items()
            }
            self._surveyed = time.monotonic()  # its end, since it may take long on a busy machine
        return self._survey


@lru_cache(maxsize=4096)
def _is_usual_name(name: str) -> bool:
    return default_sources.is_usual(Path(name)) or name.endswith((".tsv", ".csv"))
