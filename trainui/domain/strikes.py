"""What alerts find in metrics, in words, and the metric and the step read back from such words."""

from __future__ import annotations

import math
import re

_WORDS = re.compile(
    r"(?P<metric>.+) (?:is \S+|has not improved for \S+ points) at step (?P<step>[^\s,;]+)"
    r"(?:[,;].*)?",
    re.DOTALL,
)


def met(metric: str, value: float, step: float) -> str:
    """Say which value a metric had at a step."""
    shown = "NaN" if math.isnan(value) else f"{value:.6g}"
    return f"{metric} is {shown} at step {step}"


def not_improved(metric: str, points: float, step: float) -> str:
    """Say that a metric has not improved for so many points."""
    return f"{metric} has not improved for {points:g} points at step {step}"


def told_of(words: str) -> tuple[str, float] | None:
    """Return the metric and the step that words tell of; None where they tell of none."""
    found = _WORDS.fullmatch(words)
    try:
        return (found["metric"], float(found["step"])) if found else None
    except ValueError:
        return None
