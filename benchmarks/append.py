"""Measures the cost of reading 10 kB more, by the size of the file they are appended to.

python -m benchmarks.append [--small 1] [--large 1000] [--rounds 41]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session

from benchmarks import figures
from benchmarks.made import lengthen, make_file, workplace
from trainui.api import sync_metrics_from_file
from trainui.store.tables import session_of

MORE = 53
"""Lines: ten kilobytes."""


@dataclass
class Growing:
    """A file, and what reading on in it took."""

    path: Path
    offset: int = 0
    milliseconds: list[float] = field(default_factory=list)
    bytes_read: list[int] = field(default_factory=list)

    def grow(self, session: Session, more: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(more)
        before, begun = bytes_read(), time.process_time()
        result = sync_metrics_from_file(str(self.path), self.path, session, 100, self.offset)
        self.milliseconds.append((time.process_time() - begun) * 1000)
        self.bytes_read.append(bytes_read() - before)
        self.offset = result["new_offset"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=float, default=1, help="megabytes")
    parser.add_argument("--large", type=float, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    with workplace() as (directory, store), session_of(store) as session:
        files = []
        for megabytes in (options.small, options.large):
            path = directory / f"{megabytes:g}.jsonl"
            make_file(path, min(megabytes, options.small))
            lengthen(path, megabytes)
            files.append(Growing(path))
        more = b"".join(files[0].path.read_bytes().splitlines(keepends=True)[:MORE])
        for one in files:
            one.offset = sync_metrics_from_file(str(one.path), one.path, session)["new_offset"]
        for _ in range(options.rounds):
            for one in files:
                one.grow(session, more)
    small, large = (statistics.median(one.milliseconds) for one in files)
    for one, took in zip(files, (small, large), strict=True):
        read = statistics.median(one.bytes_read)
        print(
            f"+{len(more)} bytes at {one.path.stem} MB: {took:.3f} ms of CPU, {read:.0f} bytes read"
        )
    words = f"CPU of 10 kB more at {options.large:g} MB, to that at {options.small:g} MB"
    figures.at_most(words, large / small, 1.1, "times")
    return figures.exit_code()


def bytes_read() -> int:
    """All that this process has read, the database's pages too."""
    with open("/proc/self/io", encoding="ascii") as file:
        return int(file.readline().split()[1])


if __name__ == "__main__":
    sys.exit(main())
