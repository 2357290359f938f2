"""trainui: one terminal screen over your training pipelines.

Names are resolved on first use, so that `import trainui` loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainui.version import __version__ as __version__

if TYPE_CHECKING:
    from trainui.api import PipelineExecutor
    from trainui.metrics.persister import sync_metrics_from_file
    from trainui.pipeline.inputs import validate_file_path
    from trainui.store.engine import open_session
    from trainui.store.repository import PipelineRepository
    from trainui.training import log

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
    "PipelineRepository": "trainui.store.repository",
    "log": "trainui.training",
    "open_session": "trainui.store.engine",
    "sync_metrics_from_file": "trainui.metrics.persister",
    "validate_file_path": "trainui.pipeline.inputs",
}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use."""
    if name == "app":
        from trainui.execution.celery_app import get_app

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
