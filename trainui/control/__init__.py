"""The operations on runs, shared by the command line, the screen and the Python API.

Each operation writes to the store in one transaction and then wakes the worker; it raises
NotFoundError for a run or a stage that does not exist. None imports Celery or starts a service; the
front end starts services afterwards. Names are imported on first use, so that checking a file or
waiting imports no database library.

Read `submission` first (from a checked pipeline to a stored run), then `resumption` (resumes and
reruns) and `external` (trainings that trainui did not start).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainui.control.cancellation import cancel as cancel
    from trainui.control.cancellation import forget as forget
    from trainui.control.cancellation import remove as remove
    from trainui.control.requests import change_priority as change_priority
    from trainui.control.requests import set_paused as set_paused
    from trainui.control.requests import toggle_paused as toggle_paused
    from trainui.control.resumption import plan_resume as plan_resume
    from trainui.control.resumption import rerun as rerun
    from trainui.control.resumption import resume as resume
    from trainui.control.resumption import undeclared_checkpoints as undeclared_checkpoints
    from trainui.control.submission import preview as preview
    from trainui.control.submission import submit as submit
    from trainui.control.submission import without_gpus as without_gpus
    from trainui.resume.edits import changed_file as changed_file
    from trainui.resume.submitted import filled_in as filled_in
    from trainui.resume.submitted import given_params as given_params
    from trainui.resume.submitted import snapshot_words as snapshot_words

_NAMES = {
    "control.cancellation": ("cancel", "forget", "remove"),
    "resume.edits": ("changed_file",),
    "resume.submitted": ("filled_in", "given_params", "snapshot_words"),
    "control.requests": ("change_priority", "set_paused", "toggle_paused"),
    "control.resumption": ("plan_resume", "rerun", "resume", "undeclared_checkpoints"),
    "control.submission": ("preview", "submit", "without_gpus"),
}
"""The public names of each module."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainui.control' has no attribute {name!r}")
    value = getattr(import_module(f"trainui.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
