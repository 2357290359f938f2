"""`python -m trainui`, the same as `trainui`."""

from trainui.cli.main import run

run()
