"""Decides which of an attempt's metrics are read from which of its files.

The rule: a training that writes the same numbers into several kinds of file gets one series for
them, not several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MAX_SERIES = 2000
"""Metrics of one attempt: a file with a new name in each line does not contain metrics."""


_SAME = (
    (re.compile(r"train/epoch_(.+)"), r"\1"),
    (re.compile(r"validation/epoch_(.+)"), r"val_\1"),
)
"""Keras uses other names for the same numbers in its event files than in its tables."""


@lru_cache(MAX_SERIES)
def _plain(name: str) -> str:
    """Return a metric's name in the spelling that all kinds of files share."""
    for pattern, plain in _SAME:
        if found := pattern.fullmatch(name):
            return found.expand(plain)
    return name


def _spellings(name: str) -> Iterable[str]:
    """Return the names that other kinds of files use: `eval/loss` is `eval_loss` in some."""
    plain = _plain(name)
    yield plain
    if "/" in plain:
        yield plain.replace("/", "_")
        yield plain.removeprefix("train/")


class Names:
    """The metrics of an attempt, each with the kind of file where it was first found."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._families: dict[str, str | None] = {}
        """By spelling: the kind of file that has the metric."""

    def claim(self, names: Iterable[str], family: str | None) -> None:
        """Register metrics that are already stored."""
        for name in names:
            self._names.add(name)
            for spelling in _spellings(name):
                self._families.setdefault(spelling, family)

    def accepts(self, name: str, family: str | None) -> bool:
        """Return True if a metric is read from this kind of file; None: any that is named."""
        if name not in self._names:
            known = [self._families[one] for one in _spellings(name) if one in self._families]
            if family is not None and known and known[0] != family:
                return False
            if self.is_full:
                return False
            self.claim([name], family)
        return family is None or self._families[_plain(name)] == family

    @property
    def is_full(self) -> bool:
        """Return True if metrics were left out because there were too many."""
        return len(self._names) >= MAX_SERIES
