"""Whether this worker is about to leave: whoever waits for a stage looks here, and leaves too."""

from __future__ import annotations

import threading

STOPPING = threading.Event()
"""Set once, when the worker was told to end. The stages go on; the next worker adopts them."""
