"""Command line that starts the broker: `python -m trainui.execution.broker`.

A guard that was started by an older version, before an upgrade, adds the argument `ensure`.
"""

from __future__ import annotations

import sys

from trainui.execution.broker.broker import main

if __name__ == "__main__":
    sys.exit(main())
