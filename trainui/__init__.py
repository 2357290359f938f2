"""trainui: one terminal screen over your training pipelines.

`log`, for trainings, is here, without any dependency: it only appends a JSON object to
`$TRAINUI_METRICS_FILE`. The other names are resolved on first use, so that `import trainui` loads
nothing heavy. Read `api` first (a pipeline from Python); ARCHITECTURE.md lists the files that
explain the rest.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, SupportsFloat

from trainui.version import __version__ as __version__

if TYPE_CHECKING:
    from trainui.api import PipelineExecutor, sync_metrics_from_file
    from trainui.pipeline.stage_command import validate_file_path
    from trainui.store.tables import PipelineRepository, open_session

    app: Any
    """The Celery app, for `celery -A trainui`."""

__all__ = [
    "PipelineExecutor",
    "PipelineRepository",
    "app",
    "log",
    "open_session",
    "sync_metrics_from_file",
    "validate_file_path",
]

_HOMES = {
    "PipelineExecutor": "trainui.api",
    "PipelineRepository": "trainui.store.tables",
    "open_session": "trainui.store.tables",
    "sync_metrics_from_file": "trainui.api",
    "validate_file_path": "trainui.pipeline.stage_command",
}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use."""
    if name == "app":
        from trainui.execution.worker.celery_app import get_app

        value = get_app()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'trainui' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted([*globals(), *__all__])


def log(*, step: SupportsFloat | None = None, **metrics: SupportsFloat) -> None:
    """Log metrics of the current stage; outside a stage, do nothing.

    No error ends the training: a value that is not a number is skipped with a warning, and a file
    that cannot be written causes a warning. If the step is not a number, the line is skipped.

    Args:
        step: the x value; None: the number of the line.
        metrics: numbers by name, or objects that convert to one, e.g. a tensor with one element.
            Pass names that are not valid keywords as `**{"train/loss": loss}`.
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
        warnings.warn(f"{file}: {error.strerror}: metrics are not logged", stacklevel=2)


def _numbers(given: Mapping[str, SupportsFloat]) -> tuple[dict[str, float], list[str]]:
    """Return the values converted to numbers, and a message for each that cannot be converted."""
    record, wrong = {}, []
    for name, value in given.items():
        try:
            record[name] = _number(value)
        except Exception as error:  # a user-defined type may raise anything
            kind = type(value).__name__
            wrong.append(f"{name} is not a number ({kind}: {error}) and is not logged")
    return record, wrong


def _number(value: SupportsFloat) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return float(value)


def _append(file: str, line: str) -> None:
    # in one write, so that lines of several processes do not interleave
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
