"""The progress that a log shows: `epoch 27/30`, a progress bar, or the number of steps to come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from trainui import plain_files
from trainui.execution.attempt.log_ends import end_lines
from trainui.pipeline.substitution.masking import Masker
from trainui.tui.data.run_page import LogProgress

PROGRESS_BYTES = 4096
"""The end of a log in which its progress is searched for, and its beginning for `max_steps`."""

_COUNT = re.compile(
    r"\b(epoch|step|iter(?:ation)?|round|update)s?\b\W{0,3}(\d+)\s*(?:/|of)\s*(\d+)", re.IGNORECASE
)
_BAR = re.compile(r"\d%\|.*\|\s*(\d+)/(\d+) \[(?:(\d+):)?(\d+):(\d+)<")
"""A bar of tqdm: `35%|###5      | 21/60 [00:10<00:19,  2.00it/s]`."""

_TOTAL = re.compile(rb"(?:max_steps|total optimization steps)[^\w-]{1,4}([\d,]+)", re.IGNORECASE)


def log_progress(logs: Sequence[Path]) -> LogProgress | None:
    """Return the progress in the last lines of logs; a count goes before a bar of its parts."""
    newest_first = sorted(logs, key=lambda one: seen(one)[1], reverse=True)
    lines = [
        line for log in newest_first for line in reversed(end_lines(log, Masker(), PROGRESS_BYTES))
    ]
    found = (read(line) for read in (_count, _bar) for line in lines)
    return next((one for one in found if one is not None), None)


def _count(line: str) -> LogProgress | None:
    for unit, done, total in reversed(_COUNT.findall(line)):
        if int(total) > 0 and int(done) <= int(total):
            return LogProgress(unit.lower(), int(done), int(total))
    return None


def _bar(line: str) -> LogProgress | None:
    match = _BAR.search(line)
    if match is None:
        return None
    done, total, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    ran = 3600 * hours + 60 * minutes + seconds
    return LogProgress("bar", done, total, ran) if 0 < total >= done else None


def most_steps(logs: Sequence[Path]) -> int:
    """Return the number of steps that the beginning of a log announces; 0: none."""
    for log in logs:
        try:
            with plain_files.open_plain(log) as file:
                match = _TOTAL.search(file.read(PROGRESS_BYTES))
        except OSError:
            continue
        if match is not None and (digits := match[1].replace(b",", b"")):
            return int(digits)
    return 0


def seen(log: Path) -> tuple[int, int]:
    """Return a log's size, and when it was last written, in microseconds; 0 if it is missing."""
    try:
        status = plain_files.status(log)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns // 1000
