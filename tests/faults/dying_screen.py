"""A screen that is killed at a chosen moment of what a person does there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trainui.store.db.engine import Database
from trainui.tui.start import run_screen

DURING, AFTER = "during", "after"
"""Of the first transaction in which it writes: with all written, and just after the commit."""


def run(moment: str, run_id: str | None) -> None:
    """Open the screen, to be killed when it first writes."""

    def die_if(now: str) -> None:
        if moment == now:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(transaction: Any) -> Any:
        @contextmanager
        def around(*store: Database) -> Iterator[Any]:
            with transaction(*store) as connection:
                yield connection
                die_if(DURING)
            die_if(AFTER)

        return around

    Database.write = dying(Database.write)  # type: ignore[method-assign]
    sys.exit(run_screen(run_id))
