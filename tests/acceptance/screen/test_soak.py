"""A screen that stays open: it shows what comes, and grows by nothing.

Sixteen updates of a live page, as fast as they are shown; with `TRAINUI_TEST_LONG=1` four
thousand, which takes half an hour.
"""

from __future__ import annotations

import psutil

from tests.acceptance.terminal import PROGRAM, Terminal, terminal
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.filled import Filler

UPDATES = 4_000 if LONG else 16
"""Caches are full after about a thousand."""

ALLOWED = 4 * 2**20
"""Bytes that it may grow: caches that are not full yet, and the allocator's slack."""

FILLING = "x" * 80
HURRIED = (
    "from trainui.tui.readers import poller; "
    "poller.PERIOD = poller.LEAST_GAP = poller.PAGE_GAP = 0.01; poller.SHARE = 1; " + PROGRAM
)


def size(shown: Terminal) -> tuple[int, int, int]:
    process = psutil.Process(shown.process.pid or 0)
    with process.oneshot():
        return process.memory_info().rss, process.num_threads(), process.num_fds()


def test_a_screen_that_stays_open_does_not_grow(filler: Filler) -> None:
    stage = "train"
    run_id = filler.run({stage: ()})
    attempt = filler.start(run_id, stage)
    filler.log(attempt, "start\n")
    feeder = filler.curves(run_id, stage, 600)
    with terminal(program=HURRIED.replace("run_screen()", f"run_screen({run_id!r})")) as shown:
        shown.until_shown("train/loss", stage)
        before = (0, 0, 0)
        for update in range(UPDATES):
            marker = f"update {update:06}"
            step = 600 + update
            feeder.feed({"train/loss": [(step, 1 / step)], "lr": [(step, 0.1)]})
            filler.log(attempt, f"{marker} of a line that is long enough to be wrapped {FILLING}\n")
            wait_for(lambda marker=marker: marker in shown.text(), marker, 30)  # type: ignore[misc]
            shown.received = ""
            if update == UPDATES // 2:
                before = size(shown)
        after = size(shown)
        wait_for(lambda: size(shown)[2] <= before[2], "as few open files as before", 30)
    assert after[0] - before[0] < ALLOWED
    assert after[1] <= before[1], "threads"
