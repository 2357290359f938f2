"""Records that an attempt started after its run's code was changed.

Git is called in a separate thread, so nothing waits for it. It may be called late: only files last
changed before the attempt's start count.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from trainui.clock import SECOND
from trainui.resume import code_version
from trainui.store.db.engine import Store
from trainui.store.runs import attempts
from trainui.store.runs.attempts import StartedAttempt

logger = logging.getLogger(__name__)

POLL_EVERY = 1.0
"""Least seconds between two checks."""

SHARE = 20
"""A pause is this many times as long as the check before it: git is slow on large repositories."""

IDS_BACK = 500
"""How far below the newest started attempt's id others are expected to start still: ids are given
when slots are granted, and far fewer attempts are granted at once."""


class CodeDriftWatch:
    """Checks the code of each attempt once, when it starts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._checked: set[int] = set()
        self._floor: int | None = None

    def check(self) -> float:
        """Check the code of started attempts; return the seconds until the next check."""
        began = time.monotonic()
        self.poll()
        return max(POLL_EVERY, SHARE * (time.monotonic() - began))

    def poll(self) -> None:
        """Check the code of the attempts that started since the last check.

        The first check finds where to begin, before a short stage has ended.
        """
        with self._store.read() as connection:
            if self._floor is None:
                self._floor = attempts.first_running(connection) - 1
            found = attempts.started(connection, after=self._floor)
        fresh = [one for one in found if one.attempt_id not in self._checked]
        for directory in dict.fromkeys(one.run_directory for one in fresh):
            self._check_run([one for one in fresh if one.run_directory == directory])
        self._checked = {one.attempt_id for one in found}
        if found:  # attempts that were granted earlier have started, or never will
            self._floor = max(self._floor, found[-1].attempt_id - IDS_BACK)

    def _check_run(self, started: Sequence[StartedAttempt]) -> None:
        """Check the code of one run, for its attempts that started."""
        run = started[0]
        state = code_version.recorded(Path(run.run_directory))
        if not state.get("root") or state.get("snapshot"):
            return
        files = code_version.changed_files(state, apart_from=run.file)
        times = {name: _changed_at(Path(state["root"], name)) for name in files}
        for one in started:
            names = [name for name in files if times[name] <= one.started_at]
            if names:
                words = code_version.changed_since_submission(names)
                logger.info("%s of run %s: %s", one.stage, one.run_id, words)
                with self._store.write() as connection:
                    attempts.record(connection, one, words)


def _changed_at(path: Path) -> int:
    """Return when a file was changed, in microseconds; 0 if it was deleted."""
    try:
        return int(path.lstat().st_mtime * SECOND)
    except OSError:
        return 0
