"""`trainui.log`: a training's metrics, with no dependency on anything.

It does what two lines do, which append a JSON object to `$TRAINUI_METRICS_FILE`.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from typing import SupportsFloat


def log(*, step: SupportsFloat | None = None, **metrics: SupportsFloat) -> None:
    """Note metrics of the stage that this is part of; outside a stage it does nothing.

    Nothing that goes wrong here ends a training: what is no number is left out, and that is warned
    of, as is a file that cannot be written. Without its step a line is left out as a whole.

    Args:
        step: where on the x-axis; None: the number of the line.
        metrics: numbers by name, or what makes one, such as a tensor of one element. Names that are
            no keywords go as `**{"train/loss": loss}`.
    """
    file = os.environ.get("TRAINUI_METRICS_FILE")
    if not file:
        return
    given = metrics if step is None else {"step": step, **metrics}
    record, wrong = _numbers(given)
    for problem in wrong:
        warnings.warn(f"trainui.log: {problem}", stacklevel=2)
    if not record or (step is not None and "step" not in record):
        return
    try:
        _append(file, json.dumps(record) + "\n")
    except OSError as error:
        warnings.warn(f"{file}: {error.strerror}: metrics are not noted", stacklevel=2)


def _numbers(given: Mapping[str, SupportsFloat]) -> tuple[dict[str, float], list[str]]:
    """Return what makes numbers, and what is wrong with the rest."""
    record, wrong = {}, []
    for name, value in given.items():
        try:
            record[name] = _number(value)
        except Exception as error:  # whatever a type of somebody's own may raise
            kind = type(value).__name__
            wrong.append(f"{name} is no number ({kind}: {error}), and is not noted")
    return record, wrong


def _number(value: SupportsFloat) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return float(value)


def _append(file: str, line: str) -> None:
    # in one write, so that lines of several processes do not mix
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
