"""When the logs of an attempt grew, as its supervisor noted it: at most once a second."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from trainui.domain.file_access import Directory
from trainui.supervisor import protocol


class GrowthTimes:
    """The supervisor's notes, read on from where the last look ended."""

    def __init__(self, attempt_dir: Directory) -> None:
        self._path = attempt_dir / protocol.TIMES_FILE
        self._offset = 0
        self._times = array("q")
        self._sizes = (array("q"), array("q"))

    def look(self) -> bool:
        """Read what was noted since; returns whether anything was."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._note(line)
        return bool(whole)

    def _note(self, line: bytes) -> None:
        try:
            time, *sizes = (int(word) for word in line.split())
        except ValueError:
            return
        if len(sizes) == 2:
            self._times.append(time)
            for known, size in zip(self._sizes, sizes, strict=True):
                # a log that was cut short does not turn the time back
                known.append(max(size, known[-1]) if known else size)

    def moment(self, rank: int, end: int) -> int:
        """Return the number of the note before which a stream had reached an offset.

        Args:
            rank: 0 for stdout, 1 for stderr.
            end: bytes.
        """
        return bisect_left(self._sizes[rank], end)

    def size_at(self, rank: int, moment: int) -> int | None:
        """Return how many bytes a stream had at a note; None: it was not noted yet."""
        sizes = self._sizes[rank]
        if moment < 0:
            return 0
        return sizes[moment] if moment < len(sizes) else None

    def time(self, moment: int) -> int | None:
        """Return the time of a note, in microseconds; None: it was not noted yet."""
        return self._times[moment] if moment < len(self._times) else None

    def moment_of(self, time: int) -> int:
        """Return the number of the first note that is not before a time in microseconds."""
        return bisect_left(self._times, time)
