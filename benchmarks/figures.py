"""Figures and their limits, reported by each program and collected by `python -m benchmarks`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "TRAINUI_FIGURES"
"""The variable that names the file to which figures are appended, one JSON object a line."""


@dataclass(frozen=True)
class Figure:
    """A measured value, and what it may be."""

    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    is_least: bool = False
    """The limit is the least value allowed; else it is the most."""

    @property
    def is_met(self) -> bool:
        """True if the limit is met, or if there is no limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def shown_limit(self) -> str:
        """The limit as text; empty if there is no limit."""
        if self.limit is None:
            return ""
        words = "at least" if self.is_least else "at most"
        return f"{words} {self.limit:g} {self.unit}".rstrip()

    @property
    def shown_value(self) -> str:
        """The value with its unit, to three digits."""
        digits = 0 if abs(self.value) >= 100 else 1 if abs(self.value) >= 10 else 3
        shown = f"{self.value:.{digits}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
        return f"{shown} {self.unit}".rstrip()


_reported: list[Figure] = []


def at_most(name: str, value: float, limit: float, unit: str = "") -> None:
    """Report a figure that may be no larger than its limit."""
    _report(Figure(name, value, unit, limit))


def at_least(name: str, value: float, limit: float, unit: str = "") -> None:
    """Report a figure that may be no smaller than its limit."""
    _report(Figure(name, value, unit, limit, is_least=True))


def without_limit(name: str, value: float, unit: str = "") -> None:
    """Report a figure for comparison with earlier ones."""
    _report(Figure(name, value, unit))


def exit_code() -> int:
    """Return 1 where a limit is missed, else 0."""
    return int(not all(figure.is_met for figure in _reported))


def _report(figure: Figure) -> None:
    _reported.append(figure)
    limit = f" ({figure.shown_limit})" if figure.limit is not None else ""
    print(f"{figure.name}: {figure.shown_value}{limit}{'' if figure.is_met else '  MISSED'}")
    if file := os.environ.get(FILE):
        with open(file, "a", encoding="utf-8") as appended:
            appended.write(json.dumps(asdict(figure)) + "\n")


def read(file: Path) -> list[Figure]:
    """Return the figures in a file that programs have appended to."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Figure(**json.loads(line)) for line in lines]
