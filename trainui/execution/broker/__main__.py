"""Command line that starts or stops the broker: `python -m trainui.execution.broker`."""

from __future__ import annotations

import sys

from trainui.execution.broker.broker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
