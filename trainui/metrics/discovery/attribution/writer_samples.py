"""Samples the open files of attempts' processes, to find the writer of a rarely open file.

A survey of all processes sees such a file open by chance only. While its writer is unknown, the
processes of the possible attempts are sampled many times a second: which have it open, and which
have written at least as many bytes as it grew by when it grew.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trainui.metrics.discovery import process_files

LOCK = ".lock"
"""The ending of files of which the time matters at which they are opened."""

PAUSES = {"lock": 0.002, "burst": 0.01, "later": 1.0}
"""Seconds between two samples; the shortest costs 4 % of a core with two processes."""

BURST = 3.0
"""Seconds of frequent samples for each search with a file whose writer is unknown."""

MOST = 60.0
"""Seconds of frequent samples for one attempt."""

FRESH = 0.1
"""The most seconds between two samples of which one did not see a file open: on a busy machine."""

CHANCE = 1e-4
"""The probability of a coincidence below which an attempt is taken for a file's writer."""

LEAST_NOISE = 0.02

Span = tuple[float, float]
"""A time between two samples, in seconds since 1970."""

UNKNOWN: Span = (0.0, 0.0)

_LISTED, _LISTED_LATER = 0.5, 5.0
"""Seconds for which the list of processes is used, in a burst and later."""

_Written = Mapping[Path, Mapping[str, int]]
"""By attempt, the bytes that each of its processes has written since its start."""


@dataclass(slots=True)
class Growth:
    """How a file grew, and which attempts had written enough at those times."""

    state: tuple[int, int]
    """Inode and size."""
    times: int = 0
    wrote: Counter[Path] = field(default_factory=Counter)
    """By attempt: how often it had written enough when the file grew."""
    unclear: Counter[Path] = field(default_factory=Counter)
    """How often that is not known, since a process of it has ended; `wrote` counts these too."""
    noise: Counter[Path] = field(default_factory=Counter)
    """By attempt: how often it had written as much when the file did not grow."""
    rests: int = 0
    """How often it did not grow."""
    least: int = 0
    """The smallest growth in bytes."""

    def is_by(self, attempt: Path, others: Iterable[Path]) -> bool:
        """Return True if an attempt writes the file, and none of the others does."""
        if self.times < 2 or self.wrote[attempt] < self.times:
            return False
        noise = max((self.noise[attempt] + 1) / (self.rests + 2), LEAST_NOISE)
        return noise ** (self.times - self.unclear[attempt]) < CHANCE and all(
            self.wrote[other] <= self.times - 2 for other in others
        )


class WriterSamples:
    """The samples for all attempts."""

    def __init__(self) -> None:
        self._wanted: dict[Path, dict[str, Path]] = {}
        """By attempt directory: the files to look for, by the real path that the kernel shows."""
        self._suspects: dict[Path, set[Path]] = {}
        """By attempt directory: the attempts that may write them."""
        self._burst_until = -math.inf
        self._spent: dict[Path, float] = defaultdict(float)
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._opened: dict[tuple[Path, Path], list[Span]] = defaultdict(list)
        self._seen: dict[str, dict[str, float]] = {}
        """By process: when each file was seen open last, and by an empty name the last sample."""
        self._growths: dict[Path, Growth] = {}
        self._before: _Written = {}
        self.count = 0
        """Changes when more is known."""

    def want(self, attempt_dir: Path, paths: Iterable[Path], others: Iterable[Path]) -> None:
        """Sample from now on which attempt writes some files: this one, or one of `others`.

        Without files, nothing is sampled for this attempt any more.
        """
        self._wanted.pop(attempt_dir, None)
        wanted = {os.path.realpath(path): path for path in paths}
        if not wanted:
            self._suspects.pop(attempt_dir, None)
            return
        self._suspects[attempt_dir] = {attempt_dir, *others}
        self._wanted[attempt_dir] = wanted
        if self._spent[attempt_dir] < MOST:
            self._burst_until = time.monotonic() + BURST
            self._wake.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
            self._thread.start()

    def opened(self, paths: Container[Path]) -> Mapping[Path, Sequence[Span]]:
        """Return by attempt directory when one of some files was opened."""
        found: dict[Path, list[Span]] = defaultdict(list)
        for (attempt, file), times in [*self._opened.items()]:
            if file in paths:
                found[attempt] += times
        return found

    def written(self) -> dict[Path, set[Path]]:
        """Return by attempt directory the files that its processes were seen to write."""
        found: dict[Path, set[Path]] = defaultdict(set)
        for attempt, file in [*self._opened]:
            if file.suffix != LOCK:
                found[attempt].add(file)
        for attempt, files in [*self._wanted.items()]:
            suspects = self._suspects[attempt]
            for file in [*files.values()]:
                growth = self._growths.get(file)
                for one in suspects if growth else ():
                    if growth and growth.is_by(one, suspects - {one}):
                        found[one].add(file)
        return found

    def _run(self) -> None:
        processes: dict[Path, list[str]] = {}
        listed = -math.inf
        while self._wanted:
            now = time.monotonic()
            is_later = self._pace() == "later"
            if now - listed > (_LISTED_LATER if is_later else _LISTED):
                processes = _processes(frozenset[Path]().union(*[*self._suspects.values()]))
                living = {one for directories in processes.values() for one in directories}
                self._seen = {one: seen for one, seen in self._seen.items() if one in living}
                for attempt in () if is_later else [*self._wanted]:
                    self._spent[attempt] += min(now - listed, _LISTED)
                listed = now
            self._sample(processes)
            self._wake.wait(PAUSES[self._pace()])
            self._wake.clear()

    def _pace(self) -> str:
        if time.monotonic() > self._burst_until:
            return "later"
        locks = (file for files in [*self._wanted.values()] for file in [*files])
        return "lock" if any(file.endswith(LOCK) for file in locks) else "burst"

    def _sample(self, processes: Mapping[Path, Sequence[str]]) -> None:
        wanted = {name: path for files in [*self._wanted.values()] for name, path in files.items()}
        for attempt, directories in processes.items():
            for process in directories:
                with suppress(OSError):  # ended
                    self._note_open(attempt, process, wanted)
        before, self._before = self._before, _written(processes)
        grown = {path: by for path in wanted.values() if (by := self._grown(path)) is not None}
        after = _written(processes) if any(grown.values()) else self._before
        for path, size in grown.items():
            self._compare(self._growths[path], size, before, after)

    def _note_open(self, attempt: Path, process: str, wanted: Mapping[str, Path]) -> None:
        seen, now = self._seen.setdefault(process, {}), time.monotonic()
        last, seen[""] = seen.get("", -math.inf), now
        for target in process_files.written_files(f"{process}/fd", wanted.__contains__):
            if seen.get(target, -math.inf) < last or target not in seen:
                clock, gap = time.time(), now - last
                span = (clock - gap, clock) if gap < FRESH else UNKNOWN
                self._opened[attempt, wanted[target]].append(span)
                self.count += 1
            seen[target] = now

    def _grown(self, path: Path) -> int | None:
        """Return by how many bytes a file has grown since the last sample; None: it is another."""
        try:
            status = path.stat()
        except OSError:
            return None
        state = status.st_ino, status.st_size
        known = self._growths.get(path)
        if known is None or known.state[0] != state[0] or known.state[1] > state[1]:
            self._growths[path] = Growth(state)
            return None
        size, known.state = state[1] - known.state[1], state
        return size

    def _compare(self, growth: Growth, size: int, before: _Written, after: _Written) -> None:
        if size:
            growth.times += 1
            growth.least = min(growth.least or size, size)
            self.count += 1
        elif growth.least:
            growth.rests += 1
        for attempt, processes in after.items():
            known = before.get(attempt, {})
            is_whole = bool(known) and known.keys() <= processes.keys()
            written = sum(count - known.get(one, 0) for one, count in processes.items())
            if size and (not is_whole or written >= size):
                growth.wrote[attempt] += 1
                growth.unclear[attempt] += not is_whole
            elif not size and growth.least and written >= growth.least:
                growth.noise[attempt] += 1


def _processes(attempts: frozenset[Path]) -> dict[Path, list[str]]:
    """Return the processes of some attempts, by their directories in `/proc`."""
    found: dict[Path, list[str]] = {attempt: [] for attempt in attempts}
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 (names are faster)
        attempt = process_files.attempt_of(f"/proc/{pid}")
        if attempt in found:
            found[attempt].append(f"/proc/{pid}")
    return found


def _written(processes: Mapping[Path, Sequence[str]]) -> _Written:
    """Return what processes have written; an attempt with one that cannot be read has none."""
    found: dict[Path, dict[str, int]] = {}
    for attempt, directories in processes.items():
        counts: dict[str, int] = {}
        with suppress(OSError, ValueError, IndexError):
            for process in directories:
                with open(f"{process}/io", "rb") as file:
                    counts[process] = int(file.read().split(b"\n")[1].split()[1])
        found[attempt] = counts
    return found
