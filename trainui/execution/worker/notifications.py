"""Telling people what happens: by a command of theirs, and by Apprise to where they read it.

Each way has a thread of its own, and each telling a process of its own that is ended after a
minute, so that one that fails or hangs harms neither a run nor the other way.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainui.domain.notifications import Notification
from trainui.errors import StoreError
from trainui.settings import Settings
from trainui.store.db import outage
from trainui.store.db.engine import Store
from trainui.store.read import summary, views
from trainui.store.runs import notifications

logger = logging.getLogger(__name__)

TIMEOUT = 60.0
"""Seconds that one telling may take."""

MOST_WAITING = 1000
"""Notices that wait for their turn; more are left out, which the log says."""

AGAIN_AFTER = 1.0
"""Seconds after which a store that could not be read is read again."""

APPRISE = Path(__file__).with_name("apprise_sender.py")


class Notifier:
    """Has told what happens, by all ways that are set."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._notices = notifications.Notices(store)
        self._begun = False
        self._kinds = settings.notify_on
        self._ways: list[_Way] = []
        if settings.notify_command is not None:
            self._ways.append(_Command(settings.notify_command))
        if settings.notify_urls:
            self._ways.append(_Apprise(settings.notify_urls))

    def start(self) -> None:
        """Begin to tell."""
        with contextlib.suppress(StoreError):  # then the first look begins
            self._begin()
        for way in self._ways:
            way.start()

    def look(self, *, changed: bool) -> None:
        """Find what nobody was told of yet, and have it told.

        It is taken also where there is no way to tell it, else one that is set later would tell of
        all that has ever happened.
        """
        if not self._begun:
            self._begin()
        elif not changed:
            return
        for notice in self._notices.take():
            if notice.kind in self._kinds:
                for way in self._ways:
                    way.put(notice)

    def _begin(self) -> None:
        notifications.begin(self._store)
        self._begun = True


class _Way:
    """One way to tell, in a thread: one notice after the other; failures are only logged."""

    name: str

    def __init__(self) -> None:
        self._queue: queue.Queue[Notification] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, notice: Notification) -> None:
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            logger.warning("%s is too slow, so this was not told: %s", self.name, notice.text)

    def _serve(self) -> None:
        while True:
            notice = self._queue.get()
            try:
                self._tell_when_readable(notice)
            except Exception:
                logger.exception("%s could not tell: %s", self.name, notice.text)

    def _tell_when_readable(self, notice: Notification) -> None:
        """Tell of a notice, once more for as long as the store cannot be read."""
        while True:
            try:
                self.tell(notice)
            except StoreError as error:
                outage.log.failed(error)
                time.sleep(AGAIN_AFTER)
            else:
                return

    def tell(self, notice: Notification) -> None:
        raise NotImplementedError

    def run(self, argv: Sequence[str], text: str, environ: Mapping[str, str]) -> None:
        """Run a program with a text on stdin, and end it and all it started after a while."""
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environ},
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(text.encode(errors="replace"), TIMEOUT)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end in %.0f s and was ended", self.name, TIMEOUT)
            return
        finally:
            _end(process)
        if process.returncode:
            words = said.decode(errors="replace").strip()
            logger.warning("%s ended with exit code %d: %s", self.name, process.returncode, words)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a program; its pipes are let go, which children of it may hold."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


class _Command(_Way):
    """The setting `notify_command`: the run's summary on stdin, what happened in variables."""

    name = "notify_command"

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def tell(self, notice: Notification) -> None:
        with views.reading() as connection:
            run = views.run(connection, notice.run_id)
            text = "" if run is None else json.dumps(summary.run_in_full(connection, run))
        about = {"TRAINUI_EVENT": notice.kind, "TRAINUI_MESSAGE": notice.text}
        self.run(["sh", "-c", self._command], text, about)


class _Apprise(_Way):
    """The setting `notify_urls`: the addresses hold passwords, so they go by stdin."""

    name = "notify_urls"

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__()
        self._urls = list(urls)

    def tell(self, notice: Notification) -> None:
        message = {"urls": self._urls, "kind": notice.kind, "text": notice.text}
        self.run([sys.executable, str(APPRISE)], json.dumps(message), {})
