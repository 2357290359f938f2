"""The bytes of an attempt's stdout and stderr, merged in the order of writing as far as known.

The supervisor records both sizes at most once a second, so within a second stdout comes first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainui.control.logs.attempt_log import GrowthTimes
from trainui.model.file_access import Directory, File
from trainui.supervisor import protocol

STREAMS = {"out": protocol.STDOUT_FILE, "err": protocol.STDERR_FILE}

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is split."""

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class TimedLine:
    """One line of a log."""

    stream: str
    """`out` or `err`."""
    raw: bytes
    """The bytes as written, including the line end if it has one."""
    time: int | None
    """Microseconds: it was written before this, to within a second; None if not recorded yet."""


class AttemptLogs:
    """The logs of one attempt."""

    def __init__(
        self, directory: Directory, streams: Sequence[str], *, last: int | None = None
    ) -> None:
        self._times = GrowthTimes(directory)
        self._files = {stream: directory / STREAMS[stream] for stream in streams}
        self._offsets = {
            stream: 0 if last is None else offset_of_last(file, last)
            for stream, file in self._files.items()
        }
        """Where the last read ended."""

    def lines(self, *, to_end: bool) -> Iterator[TimedLine]:
        """Yield new lines of both logs, merged.

        `to_end` also yields a last one without a line end.
        """
        self._times.poll()
        flows = [self._flow(stream, to_end=to_end) for stream in self._files]
        for *_order, line in heapq.merge(*flows, key=lambda item: item[:2]):
            yield line

    def _flow(self, stream: str, *, to_end: bool) -> Iterator[tuple[int, int, TimedLine]]:
        rank = list(STREAMS).index(stream)
        try:
            file = self._files[stream].open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._offsets[stream])
            while raw := file.readline(LONGEST_LINE):
                whole = raw.endswith(b"\n") or len(raw) == LONGEST_LINE
                if not whole and not to_end:
                    return
                self._offsets[stream] += len(raw)
                moment = self._times.moment(rank, self._offsets[stream])
                yield moment, rank, TimedLine(stream, raw, self._times.time(moment))


def offset_of_last(path: File, count: int) -> int:
    """Return the offset of the last `count` lines of a file, reading only its end."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        end = file.seek(0, 2)
        if count <= 0:
            return end
        position, found = end, 0
        while position > 0:
            start = max(position - _BLOCK, 0)
            file.seek(start)
            block = file.read(position - start)
            while (at := block.rfind(b"\n")) >= 0:
                # no line starts after the last line end of the file
                found += start + at != end - 1
                if found == count:
                    return start + at + 1
                block = block[:at]
            position = start
        return 0
