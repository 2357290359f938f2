"""The error of a failed stage: its traceback, without progress bars."""

from __future__ import annotations

import re

from trainui.domain.records import StageRecord
from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment, wrap

ERROR_LINES = 20
"""The most lines of an error."""

TRACEBACK = "Traceback (most recent call last):"

_PROGRESS_BAR = re.compile(r"\d+%\|.*\||\b\d+/\d+ \[.*\]|\b\d+(\.\d+)? ?(it|s|batch|step)/(it|s)\b")


def error_lines(error: str) -> list[str]:
    """Return the lines of an error from its last traceback on, without progress bars."""
    lines = error.splitlines()
    starts = [at for at, line in enumerate(lines) if line.strip() == TRACEBACK]
    if starts:
        return lines[starts[-1] :]
    return [line for line in lines[1:] if line and not _PROGRESS_BAR.search(line)]


def error_rows(stage: StageRecord, width: int) -> list[Row]:
    """Return the lines of an error that has more than the one line that `why` shows."""
    lines = error_lines(stage.error or "")
    if not lines:
        return []
    shown: list[str] = []
    more = len(lines)
    while more and len(shown) < ERROR_LINES:
        line = harmless(lines[-more].expandtabs(4))
        shown += wrap(line, width, ERROR_LINES - len(shown))
        more -= 1
    rows: list[Row] = [(Segment("error", "dim"),)]
    rows += [(Segment(line, "bad"),) for line in shown]
    if more:
        rows.append((Segment(f"… {more} more lines in the log", "dim"),))
    return [*rows, ()]
