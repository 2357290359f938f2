"""Entry point of the metrics reader: `python -m trainui.metrics.reader`."""

from __future__ import annotations

import sys

from trainui.metrics.reader.entry import main

if __name__ == "__main__":
    sys.exit(main())
