"""Telling people how runs ended: `notify_command`, run once for each end of a run."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import threading

from trainui.domain.records import RunRecord
from trainui.store import runs, summary, views
from trainui.store.engine import Store

logger = logging.getLogger(__name__)

TIMEOUT = 60.0
"""Seconds that the command may take."""


class Notifier:
    """Runs the command in a thread, one run after the other; its failures are only logged."""

    def __init__(self, store: Store, command: str | None) -> None:
        self._store = store
        self._command = command
        self._queue: queue.SimpleQueue[RunRecord] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="notify", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def look(self, *, changed: bool) -> None:
        """Find the runs of whose end nobody was told, and have it told.

        It is noted before it is told: should this worker die between the two, nobody is told
        twice. It is noted without a command too, else one that is set later would tell of all.
        """
        if not changed:
            return
        with self._store.read() as connection:
            ended = runs.to_notify(connection)
        if not ended:
            return
        with self._store.write() as connection:
            runs.mark_notified(connection, [run.id for run in ended])
        for run in ended:
            self._queue.put(run)

    def _serve(self) -> None:
        while True:
            run = self._queue.get()
            if self._command is not None:
                try:
                    self._tell(run, self._command)
                except Exception:
                    logger.exception("the end of run %s could not be told", run.id)

    def _tell(self, run: RunRecord, command: str) -> None:
        with views.reading() as connection:
            now = views.run(connection, run.id)
            text = json.dumps(summary.run_in_full(connection, now or run))
        told = subprocess.run(
            ["sh", "-c", command],
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            start_new_session=True,
            check=False,
        )
        if told.returncode:
            said = (told.stderr or told.stdout).decode(errors="replace").strip()
            logger.warning("notify_command ended with exit code %d: %s", told.returncode, said)
