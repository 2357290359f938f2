"""Timestamps of log lines, from the supervisor's record of log sizes (at most one a second)."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from trainui.domain.file_access import Directory
from trainui.supervisor import protocol


class GrowthTimes:
    """The supervisor's records of log sizes, read incrementally."""

    def __init__(self, attempt_dir: Directory) -> None:
        self._path = attempt_dir / protocol.TIMES_FILE
        self._offset = 0
        self._times = array("q")
        self._sizes = (array("q"), array("q"))

    def poll(self) -> bool:
        """Read new records; returns True if there were any."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for record in filter(None, map(protocol.parse_times, whole.splitlines())):
            self._times.append(record[0])
            for known, size in zip(self._sizes, record[1:], strict=True):
                # a truncated log does not make sizes decrease
                known.append(max(size, known[-1]) if known else size)
        return bool(whole)

    def moment(self, rank: int, end: int) -> int:
        """Return the index of the first record at which a stream had reached an offset.

        `rank` is 0 for stdout, 1 for stderr; the offset is in bytes.
        """
        return bisect_left(self._sizes[rank], end)

    def size_at(self, rank: int, moment: int) -> int | None:
        """Return a stream's size at a record; None: not recorded yet."""
        sizes = self._sizes[rank]
        if moment < 0:
            return 0
        return sizes[moment] if moment < len(sizes) else None

    def time(self, moment: int) -> int | None:
        """Return a record's time in microseconds; None: not recorded yet."""
        return self._times[moment] if moment < len(self._times) else None

    def moment_of(self, time: int) -> int:
        """Return the index of the first record at or after a time (microseconds)."""
        return bisect_left(self._times, time)
