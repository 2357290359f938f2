"""The estimated ends of runs and stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainui import clock
from trainui.pipeline.rules.remaining_time import RemainingTime
from trainui.text import to_go_words


@dataclass(frozen=True, slots=True)
class Eta:
    """An estimated end time."""

    at: int
    """Microseconds since 1970."""
    whole: bool
    """True if all parts have an estimate; else `at` is a lower bound."""

    def words(self, now: int) -> str:
        """Return the time left from now as text."""
        return to_go_words(RemainingTime(max(self.at - now, 0) / clock.SECOND, self.whole))


@dataclass(frozen=True, slots=True)
class RunEta:
    """The estimated end of a run and of its running stages."""

    run: Eta | None
    stages: Mapping[str, Eta]
    """By the full name of a running stage."""
