"""`trainui.log`: a training's metrics, with no dependency on anything.

It does what two lines do, which append a JSON object to `$TRAINUI_METRICS_FILE`.
"""

from __future__ import annotations

import json
import os
import warnings
from typing import SupportsFloat


def log(*, step: SupportsFloat | None = None, **metrics: SupportsFloat) -> None:
    """Note metrics of the stage that this is part of; outside a stage it does nothing.

    A failure to write never ends a training: it is warned of.

    Args:
        step: where on the x-axis; None: the number of the line.
        metrics: numbers by name, or what makes one, such as a tensor of one element. Names that are
            no keywords go as `**{"train/loss": loss}`.
    """
    file = os.environ.get("TRAINUI_METRICS_FILE")
    if not file:
        return
    record = {} if step is None else {"step": _number(step)}
    record |= {name: _number(value) for name, value in metrics.items()}
    line = json.dumps(record) + "\n"
    try:
        # in one write, so that lines of several processes do not mix
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        warnings.warn(f"{file}: {error.strerror}: metrics are not noted", stacklevel=2)


def _number(value: SupportsFloat) -> float | int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return float(value)
