"""Kills the worker that imports it at a chosen moment, once: the setting `include` names it.

The moment is that of a file in the home, which `die_at` makes: so a kill hits where no clock could
aim it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui.execution.attempt import monitor
from trainui.execution.worker import celery_app

GRANTED, CLAIMED, LAUNCHED = "granted", "claimed", "launched"
"""Before the message is sent; before the supervisor is started; before its start is noted."""


def die_at(moment: str) -> Path:
    """Have the next worker that comes to this moment die there; return what is gone then."""
    file = _file(moment)
    file.touch()
    return file


def _file(moment: str) -> Path:
    return Path(os.environ["TRAINUI_HOME"]) / f"die-when-{moment}"


def _die_if_due(moment: str) -> None:
    if _file(moment).exists():
        _file(moment).unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap(owner: Any, name: str, *, before: str | None = None, after: str | None = None) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            _die_if_due(before)
        result = original(*args, **kwargs)
        if after is not None:
            _die_if_due(after)
        return result

    setattr(owner, name, wrapped)


if "TRAINUI_INCLUDE" in os.environ:
    _wrap(celery_app.TaskSender, "post", before=GRANTED)
    _wrap(monitor, "launch", before=CLAIMED, after=LAUNCHED)
