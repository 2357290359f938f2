"""The shutdown flag of this worker, which ends every wait for a stage."""

from __future__ import annotations

import threading

STOPPING = threading.Event()
"""Set once, when the worker begins to stop. Stages keep running; the next worker adopts them."""
