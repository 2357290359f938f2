"""What every test relies on, however the tests were started."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a shell's background job; the programs under test would inherit it and heed no ctrl+c
    signal.signal(signal.SIGINT, signal.default_int_handler)
