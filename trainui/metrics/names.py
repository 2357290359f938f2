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


class Names:
    """The metrics of an attempt, each with the kind of file that it came from first."""

    def __init__(self) -> None:
        self._families: dict[str, str | None] = {}

    def claim(self, names: Iterable[str], family: str | None) -> None:
        """Note metrics that are stored already."""
        for name in names:
            self._families.setdefault(_plain(name), family)

    def accepts(self, name: str, family: str | None) -> bool:
        """Tell whether a metric is taken from this kind of file; None: from any that is named."""
        name = _plain(name)
        if name not in self._families:
            if len(self._families) >= MAX_SERIES:
                return False
            self._families[name] = family
        return family is None or self._families[name] == family

    @property
    def is_full(self) -> bool:
        """Whether metrics were left out for their number."""
        return len(self._families) >= MAX_SERIES
