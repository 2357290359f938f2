"""Entry point of the metrics reader: `python -m trainui.metrics.reader`."""

from __future__ import annotations

from trainui.metrics.reader import process_loop

if __name__ == "__main__":
    process_loop.main()
