"""Which of an attempt's metrics are taken from which of its files.

The rule that lives here: a training that writes the same numbers into several kinds of file makes
one series, not several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_SERIES = 2000
"""Metrics of one attempt: a file that names a new one in each line is none."""


_SAME = (
    (re.compile(r"train/epoch_(.+)"), r"\1"),
    (re.compile(r"validation/epoch_(.+)"), r"val_\1"),
)
"""Keras calls the same numbers otherwise in its event files than in its tables."""


def _plain(name: str) -> str:
    """Return a metric's name as all kinds of files have it."""
    for pattern, plain in _SAME:
        if found := pattern.fullmatch(name):
            return found.expand(plain)
    return name


def _spellings(name: str) -> Iterable[str]:
    """Return what other kinds of files call a metric: `eval/loss` is `eval_loss` in some."""
    plain = _plain(name)
    yield plain
    if "/" in plain:
        yield plain.replace("/", "_")
        yield plain.removeprefix("train/")


class Names:
    """The metrics of an attempt, each with the kind of file that it came from first."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._families: dict[str, str | None] = {}
        """By each of a metric's spellings."""

    def claim(self, names: Iterable[str], family: str | None) -> None:
        """Note metrics that are stored already."""
        for name in names:
            self._names.add(name)
            for spelling in _spellings(name):
                self._families.setdefault(spelling, family)

    def accepts(self, name: str, family: str | None) -> bool:
        """Tell whether a metric is taken from this kind of file; None: from any that is named."""
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
        """Whether metrics were left out for their number."""
        return len(self._names) >= MAX_SERIES
