"""trainui: one terminal screen over your training pipelines.

Names are resolved on first use, so that `import trainui` loads nothing heavy. Read `api` first (a
pipeline from Python); ARCHITECTURE.md lists the eight files that explain the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainui.version import __version__ as __version__

if TYPE_CHECKING:
    from trainui.api import PipelineExecutor
    from trainui.log_api import log
    from trainui.metrics.reader.sync import sync_metrics_from_file
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
    "log": "trainui.log_api",
    "open_session": "trainui.store.tables",
    "sync_metrics_from_file": "trainui.metrics.reader.sync",
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
