"""The guard's earlier path, which supervisors and workers of an older trainui start it by."""

from __future__ import annotations

import sys

from trainui.execution.daemon.guard import main

if __name__ == "__main__":
    sys.exit(main())
