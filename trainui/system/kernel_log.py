"""The kernel's log: the processes that it killed because memory ran out."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable

SOURCE = "/dev/kmsg"

MOST_RECORDS, SECONDS = 50_000, 0.3
"""How much of the log is read: it has some thousand records."""

WINDOW = 5_000_000
"""Microseconds between a kill and the end of the process that can still be that one's."""

_KILL = re.compile(
    r"(?:Out of memory|Memory cgroup out of memory): Kill(?:ed)? process (?P<pid>\d+) \("
)


def out_of_memory_kill(pids: Iterable[int], ended_at: int) -> str:
    """Return the kernel's line about the kill of one of some processes; empty if it has none.

    `ended_at`: when they ended, in microseconds since 1970. A user who may not read the kernel's
    log, as in most containers, gets nothing.
    """
    now, since_boot = time.time() * 1e6, time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    return line_of_kill(_records(), frozenset(pids), ended_at - (now - since_boot))


def line_of_kill(records: Iterable[str], pids: frozenset[int], ended: float) -> str:
    """Return the newest such line in records of `/dev/kmsg`; `ended` is the time since the boot."""
    found = ""
    for record in records:
        head, _, text = record.partition(";")
        if (kill := _KILL.search(text)) is None or int(kill["pid"]) not in pids:
            continue
        fields = head.split(",")
        if len(fields) > 2 and fields[2].isdigit() and abs(int(fields[2]) - ended) < WINDOW:
            found = text.split("\n")[0].strip()
    return found


def _records() -> Iterable[str]:
    """Yield the records of the kernel's log, without waiting for more."""
    try:
        descriptor = os.open(SOURCE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    until = time.monotonic() + SECONDS
    try:
        for _ in range(MOST_RECORDS):
            try:
                record = os.read(descriptor, 8192)
            except BrokenPipeError:  # the record was overwritten: the next read has a later one
                continue
            except OSError:
                return
            if not record or time.monotonic() > until:
                return
            yield record.decode("utf-8", "replace")
    finally:
        os.close(descriptor)
