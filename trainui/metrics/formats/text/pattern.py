"""Log lines matched by a regular expression whose named groups are the metrics."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import EPOCH, Decoded
from trainui.metrics.formats.text.forms import LogDecoder, text_lines
from trainui.metrics.lenient import leading_number
from trainui.pipeline.field_names import presets
from trainui.store.points.chunks import NO_TIME, Array, Floats, Points, np, whole_steps

TIME_LIMIT = 2.0
"""Seconds allowed to match one block, plus one for each `_BYTES_A_SECOND`: some patterns backtrack
forever on some lines."""

_BYTES_A_SECOND = 500_000

_NAME = re.compile(r"[A-Za-z0-9_-]+")


class PatternError(TrainuiError):
    """A pattern that cannot be used; the message says why and what to do."""

    code = "pattern"


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern.

    Raises:
        PatternError: it is not a regular expression, has no named group, or names an unknown
            preset.
    """
    if _NAME.fullmatch(pattern):
        raise PatternError(
            f"unknown preset {pattern!r}; known: {', '.join(presets())}; or write a pattern "
            r"with named groups, like 'step (?P<step>\d+) loss (?P<loss>\S+)'"
        )
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        problem = f"the pattern {pattern!r} cannot be used: {error}; correct it"
        raise PatternError(problem) from error
    if not compiled.groupindex:
        raise PatternError(
            f"the pattern {pattern!r} has no named group; name each metric, as in (?P<loss>\\S+)"
        )
    return compiled


class PatternLines(LogDecoder):
    """Decodes the matches of a pattern; the state keeps the last step."""

    name = "pattern"

    def __init__(
        self, pattern: re.Pattern[str], step: str | None = None, state: dict[str, Any] | None = None
    ) -> None:
        super().__init__(step, state)
        self._step_group = step or "step"
        self._pattern = pattern

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines.

        Raises:
            PatternError: matching takes too long.
        """
        with _time_limit(self._pattern, TIME_LIMIT + len(block) / _BYTES_A_SECOND):
            found = (self._pattern.finditer(line) for line in text_lines(block))
            matches = [match.groupdict() for matched in found for match in matched]
        if not matches:
            return Decoded()
        steps = whole_steps(self._steps(matches, first_row))
        names = [name for name in self._pattern.groupindex if name != self._step_group]
        points = {name: _points(matches, name, steps) for name in names}
        series = {name: one for name, one in points.items() if len(one)}
        if self._step_group == EPOCH:
            self.epochs.update(series)
        return Decoded(series, len(matches))

    def _steps(self, matches: list[dict[str, str | None]], first_row: int) -> Floats:
        """Return each match's step: its own, else the last one seen, else its number."""
        steps = np.empty(len(matches))
        last = self.state.get("step")
        for at, match in enumerate(matches):
            found = leading_number(match.get(self._step_group) or "")
            last = found if found is not None and np.isfinite(found) else last
            steps[at] = first_row + at if last is None else last
        if last is not None:
            self.state["step"] = last
        return steps


def _points(matches: list[dict[str, str | None]], name: str, steps: Array) -> Points:
    """Return the numbers of one group."""
    numbers = [leading_number(match[name] or "") for match in matches]
    at = np.array([row for row, number in enumerate(numbers) if number is not None], np.int64)
    values = np.array([number for number in numbers if number is not None], np.float64)
    return Points(at, whole_steps(steps[at]), values, np.full(len(at), NO_TIME, np.int64))


@contextmanager
def _time_limit(pattern: re.Pattern[str], seconds: float) -> Iterator[None]:
    """Raise PatternError after some seconds; only works in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise PatternError(
            f"the pattern {pattern.pattern!r} takes more than {seconds:.0f} s for some lines; "
            "make it simpler: a repetition inside a repetition is the usual cause"
        )

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
