"""Reads and watches the external runs on one remote file system, whose mountpoint is its argument.

If that stops answering, this process waits for it, and nothing else does.
"""

from __future__ import annotations

import sys

from trainui import settings
from trainui.execution.external.external_thread import ExternalThread
from trainui.metrics.reader import entry


def main(mount: str) -> int:
    """Run until the parent process has ended; return the exit code."""
    store, stopping = entry.start(mount)
    if store is not None:
        ExternalThread(store, settings.host(), stopping, mount).look(changed=False)
        entry.serve(store, stopping, mount)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
