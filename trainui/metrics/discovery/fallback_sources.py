"""Fallback sources: text for people, whose metrics are read where no file has the same.

The rules: a text waits until it has shown a metric, and then a little longer, since many trainers
print a line just before they write it to a file, and longer still where files are likely to come.
Lines with steps do not wait for what is flushed late: a file that has them later replaces them.
It waits less if its metric is that of a search, and not at all if other trials were read from
their texts. A text without metrics for long is given up, also once its attempt has ended.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

from trainui.metrics.formats.text.single_values import SingleValues
from trainui.metrics.formats.text.text_lines import SOUGHT, TextLines, has_steps
from trainui.metrics.source_file import DecoderChoice, SourceFile
from trainui.metrics.tail import GrowingFile, UnreadableFileError
from trainui.store.points.point_sources import key_of

WAIT = 3.0
"""Seconds to wait after a text's first metric."""

WAIT_IF_SEARCHED = 1.0
"""The same if the metric is the one that the attempt's search asks for, and the lines have steps:
where they count epochs, a file is worth the wait, since it has the steps."""

WAIT_FOR_FLUSH = 150.0
"""The same if the trainer has opened files that have no metrics yet: TensorBoard's are written
every two minutes."""

WAIT_FOR_FILES = 600.0
"""The same if files had the metrics of an earlier attempt, or those of another trial."""

MAX_BYTES = 8 << 20
"""A text with no metric in this many bytes is given up."""

MAX_LINES = 100_000
"""The same in lines: each one takes about ten microseconds, however short."""

LAST_BYTES = 8 << 20
"""The end of a text in which single values are looked for."""

_SOON = 2.0
"""Seconds after the wait in which a text is still read soon, and not at the next usual scan."""

_AT_ONCE = 65_536


def of_single_values(text: SourceFile, metric: str) -> SourceFile | None:
    """Return a text as a source of single values, e.g. a final accuracy; None if it has none.

    An empty metric: all metrics with usual names.
    """
    try:
        with closing(GrowingFile(text.path)) as file:
            begin = max(text.begin, file.look().size - LAST_BYTES)
            data = file.read(begin, LAST_BYTES)
    except (OSError, UnreadableFileError):
        return None
    cut = data.find(b"\n") + 1 if begin > text.begin else 0
    lines = SingleValues(metric, {})
    if not lines.decode(data[cut:], 0).records and not lines.finish(0).records:
        return None
    reading = DecoderChoice(single=metric, prefix=text.reading.prefix, doubtful=True)
    key, ours = f"{key_of(text.path)}#single", text.ours and begin == 0
    return replace(text, key=key, reading=reading, begin=begin + cut, ours=ours)


class FallbackSources:
    """The fallback texts of an attempt that are still waiting."""

    def __init__(self, metric: str | None = None) -> None:
        """Start without texts; `metric` is the one that the attempt's search asks for."""
        self._metric = metric
        self._waiting: dict[str, _Text] = {}
        self.have_steps: dict[str, bool] = {}
        """By key: a text has steps, and not only epochs."""

    def __contains__(self, key: str) -> bool:
        return key in self._waiting

    def add(self, candidate: SourceFile) -> None:
        """Add a text to those waiting."""
        if candidate.key not in self:
            reading = replace(candidate.reading, sought=self._metric)
            self._waiting[candidate.key] = _Text(replace(candidate, reading=reading))

    def scan(self) -> bool:
        """Check the new part of each text; return True if there is more to check at once."""
        looked = [text.scan() for text in self._waiting.values()]
        return any(looked)

    @property
    def has_shown(self) -> bool:
        """True if a text has shown a metric."""
        return any(text.found_at is not None for text in self._waiting.values())

    @property
    def is_due(self) -> bool:
        """True if a text has just shown its first metric, or may soon show that of a search."""
        texts, is_sought = self._waiting.values(), self._metric is not None
        return any(text.has_just_shown or (is_sought and text.has_grown) for text in texts)

    @property
    def followed(self) -> set[str]:
        """The paths of texts that are checked whenever they grow: a search waits for its metric."""
        texts = () if self._metric is None else self._waiting.values()
        return {str(text.candidate.path) for text in texts if not text.is_abandoned}

    def pop_ready(self, wait: float, *, all_of_them: bool) -> list[SourceFile]:
        """Remove and return the texts that no longer wait; at the attempt's end, all of them."""
        if all_of_them:
            while self.scan():
                pass
        ready = [
            key
            for key, text in self._waiting.items()
            if text.is_ready(0 if all_of_them else wait, at_once=all_of_them)
        ]
        # of two texts with the same metric, the one with steps is read
        have_steps = {key: self._waiting[key].has_steps for key in ready}
        ready.sort(key=lambda key: not have_steps[key])
        self.have_steps |= have_steps
        return [self._waiting.pop(key).candidate for key in ready]


class _Text:
    """A text that is checked for metrics without storing any."""

    def __init__(self, candidate: SourceFile) -> None:
        self.candidate = candidate
        self.found_at: float | None = None
        self.has_grown = False
        """True if the last scan found whole lines."""
        self._sought = candidate.reading.sought
        self._has_sought = False
        self._lines = TextLines(None, {SOUGHT: self._sought})
        self._offset = self._count = 0

    @property
    def is_abandoned(self) -> bool:
        return self.found_at is None and (self._offset >= MAX_BYTES or self._count >= MAX_LINES)

    @property
    def has_steps(self) -> bool:
        return has_steps(self._lines.state)

    @property
    def has_just_shown(self) -> bool:
        found_at = self.found_at
        return found_at is not None and time.monotonic() < found_at + WAIT + _SOON

    def is_ready(self, wait: float, *, at_once: bool) -> bool:
        if at_once:
            return not self.is_abandoned
        if wait == WAIT_FOR_FLUSH and self.has_steps:
            wait = WAIT
        if wait == WAIT and self._has_sought and self.has_steps:
            wait = min(wait, WAIT_IF_SEARCHED)
        return self.found_at is not None and time.monotonic() >= self.found_at + wait

    def scan(self) -> bool:
        self.has_grown = False
        if self.found_at is not None or self.is_abandoned:
            return False
        try:
            with closing(GrowingFile(self.candidate.path)) as file:
                data = file.read(self._offset, _AT_ONCE)
        except (OSError, UnreadableFileError):
            return False
        is_full = len(data) == _AT_ONCE
        length = self._lines.cut(data) or (len(data) if is_full else 0)
        self.has_grown = length > 0
        if length and self._shows_metric(data[:length]):
            self.found_at = time.monotonic()
        return is_full and self.found_at is None

    def _shows_metric(self, block: bytes) -> bool:
        found = self._lines.decode(block, 0)
        self._offset += len(block)
        self._count += block.count(b"\n") + block.count(b"\r")
        if not found.records and self.is_abandoned:  # unless a record has begun, e.g. a long bar
            found = self._lines.finish(0)
        self._has_sought = self._sought in found.series
        return bool(found.records)
