"""Reads and watches the external runs on one remote file system, whose mountpoint is its argument.

If that stops answering, only this process waits for it.
"""

from __future__ import annotations

import sys
import threading

from trainui import settings
from trainui.execution.external.external_thread import ExternalThread
from trainui.metrics.reader import process_loop
from trainui.store.db.engine import Store


def _watch(store: Store, stopping: threading.Event) -> None:
    ExternalThread(store, settings.host(), stopping, sys.argv[1]).poll(changed=False)


if __name__ == "__main__":
    process_loop.main(sys.argv[1], _watch)
