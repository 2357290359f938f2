"""Tasks for the worker under test; the setting `include` names this module."""

from __future__ import annotations

import os
from pathlib import Path

from celery import shared_task
from celery.exceptions import Ignore

from trainui.execution.worker.services import STOPPING


@shared_task(name="tests.note")  # type: ignore[untyped-decorator]
def note(path: str) -> None:
    """Write down which process runs it."""
    Path(path).write_text(f"{os.getpid()}\n")


@shared_task(name="tests.wait_for_days")  # type: ignore[untyped-decorator]
def wait_for_days(path: str) -> None:
    """Wait as a stage is waited for."""
    note(path)
    STOPPING.wait(86_400.0)
    raise Ignore
