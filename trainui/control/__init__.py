"""The operations on runs, shared by the command line, the screen and the Python API.

Each operation writes to the store in one transaction and then wakes the worker. None imports
Celery or starts a service; the front end starts services afterwards. Names are imported on first
use, so that checking a file or waiting imports no database library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainui.control.cancellation import cancel, remove
    from trainui.control.edits.file_changes import changed_file
    from trainui.control.lookup import given_params, snapshot_words
    from trainui.control.queue import change_priority, set_paused
    from trainui.control.resumption import plan_resume, rerun, resume
    from trainui.control.submission import filled_in, preview, submit, without_gpus

__all__ = [
    "cancel",
    "change_priority",
    "changed_file",
    "filled_in",
    "given_params",
    "plan_resume",
    "preview",
    "remove",
    "rerun",
    "resume",
    "set_paused",
    "snapshot_words",
    "submit",
    "without_gpus",
]

_HOMES = {
    "cancel": "cancellation",
    "changed_file": "edits.file_changes",
    "filled_in": "submission",
    "given_params": "lookup",
    "plan_resume": "resumption",
    "preview": "submission",
    "remove": "cancellation",
    "rerun": "resumption",
    "resume": "resumption",
    "set_paused": "queue",
    "change_priority": "queue",
    "snapshot_words": "lookup",
    "submit": "submission",
    "without_gpus": "submission",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainui.control' has no attribute {name!r}")
    value = getattr(import_module(f"trainui.control.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
