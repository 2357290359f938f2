"""The screen in a real terminal: what only that can show."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.terminal import PROGRAM, Terminal, terminal
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.filled import Filler, failed_demo, running_demo
from trainui import paths


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.long)])
def test_it_opens_reacts_and_leaves_the_terminal_as_it_was(
    filler: Filler,
    size: tuple[int, int],
) -> None:
    running_demo(filler, name="digits")
    with terminal(size) as shown:
        shown.until_shown("digits", "● running", "2/5")
        shown.press("\r")
        shown.until_shown("train[hidden=128]", "Resume")
        shown.press("3")
        shown.until_shown("train/loss")
        shown.press("q")
        assert shown.ended() == 0
        assert shown.modes_left() == []
        assert (
            "1 run continues: digits (running). Reopen the screen with `trainui`." in shown.received
        )


UPGRADED = """
import sys
from trainui import installation
installation._AT_OUR_START = ()
sys.modules["trainui.tui.graph_view"] = sys.modules["trainui.tui.past_screens"] = None
"""
"""Another version is installed, of which pages that are opened later cannot be imported."""


@pytest.mark.parametrize(
    ("boxes", "key"), [("", "\r"), ('"gpu2": {"host": "nowhere.invalid"}', "W")]
)
def test_a_page_of_another_version_ends_the_screen_in_words(
    filler: Filler, boxes: str, key: str
) -> None:
    running_demo(filler, name="digits")
    paths.home().boxes.write_text(f'{{"boxes": {{{boxes}}}}}')
    with terminal(program=UPGRADED + PROGRAM) as shown:
        shown.until_shown("digits", "more  ! hides")
        shown.press(key)
        assert shown.ended() == 1
        assert "installed while the screen was open" in shown.received
        assert "Traceback" not in shown.received
        assert shown.modes_left() == []


def test_nothing_is_printed_if_nothing_runs(filler: Filler) -> None:
    failed_demo(filler, name="broken")
    with terminal() as shown:
        shown.until_shown("broken")
        shown.press("\x03")
        assert shown.ended() == 0
        assert "run continues" not in shown.received


def test_an_idle_screen_sends_nothing(filler: Filler) -> None:
    failed_demo(filler, name="broken")
    with terminal() as shown:
        shown.until_shown("broken", "quit", "val/accuracy")  # metrics come last
        wait_for(lambda: is_quiet(shown), "a quiet screen")
        before = len(shown.received)
        deadline = time.monotonic() + 2.5
        wait_for(lambda: shown.text() is not None and time.monotonic() > deadline, "the time")
        assert shown.received[before:] == ""


def test_it_rings_for_what_ends_while_it_is_open(filler: Filler) -> None:
    failed_demo(filler, name="before")
    run_id = filler.run({"train": []}, name="digits")
    with terminal() as shown:
        shown.until_shown("digits", "quit")
        assert "\x1b]9;" not in shown.received
        filler.fail(run_id, "train", "exit code 3")
        wait_for(lambda: shown.text() and "digits failed\x07\x07" in shown.received, "the bell")
        assert shown.received.count("\x1b]9;") == 1


def is_quiet(shown: Terminal) -> bool:
    before = len(shown.received)
    shown.text()
    return len(shown.received) == before


def test_colour_is_never_needed(filler: Filler) -> None:
    failed_demo(filler, name="broken")
    with terminal(NO_COLOR="1") as shown:
        shown.until_shown("broken", "✗ failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(filler: Filler, number: signal.Signals) -> None:
    running_demo(filler)
    with terminal() as shown:
        shown.until_shown("digits")
        assert shown.process.pid
        os.kill(shown.process.pid, number)
        assert shown.ended() == 128 + number
        assert shown.modes_left() == []


def test_it_ends_when_its_terminal_closes_though_hangups_are_ignored(
    filler: Filler,
    tmp_path: Path,
) -> None:
    running_demo(filler)
    ignoring = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {PROGRAM}"
    pid, descriptor = os.forkpty()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", ignoring])
    received = b""

    def is_open() -> bool:
        nonlocal received
        received += os.read(descriptor, 65_536)
        return b"digits" in received

    wait_for(is_open, "the list", 30)
    os.close(descriptor)
    ended: list[int] = []

    def is_over() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(found)

    wait_for(is_over, "the end of the screen")
    assert ended == [128 + signal.SIGHUP]


@pytest.mark.parametrize(
    ("around", "in_24_bits"),
    [
        pytest.param({}, True, marks=pytest.mark.long),
        ({"STY": "1.tty"}, False),
        ({"STY": "1.tty", "TMUX": "/tmp/tmux,1,0"}, True),
    ],
)
def test_gnu_screen_is_sent_no_colours_of_24_bits(
    filler: Filler,
    around: dict[str, str],
    in_24_bits: bool,
) -> None:
    running_demo(filler, name="digits")
    environ = {"COLORTERM": "truecolor", "STY": "", "TMUX": "", **around}
    with terminal((120, 36), TERM="screen-256color", **environ) as shown:
        shown.until_shown("digits")
        shown.press("q")
        assert shown.ended() == 0
        assert ("38;2;" in shown.received) == in_24_bits
        assert ("38;5;" in shown.received) != in_24_bits


def test_a_terminal_without_unicode_is_sent_ascii_alone(filler: Filler) -> None:
    running_demo(filler, name="digits")
    with terminal(TRAINUI_ASCII="1") as shown:
        shown.until_shown("digits", "* running")
        shown.press("\r3")
        shown.until_shown("train/loss", "1 Stages")
        shown.press("q")
        assert shown.ended() == 0
        assert [character for character in shown.received if not character.isascii()] == []


def test_keys_that_come_together_act_one_after_another(filler: Filler) -> None:
    """As they do over a slow link: to the curves, open one; close it; to the stages, and down."""
    running_demo(filler, name="digits")
    with terminal() as shown:
        shown.until_shown("digits", "● running")
        shown.press("\r3")
        shown.until_shown("train/loss", "enter open")
        shown.press("13\r")
        shown.until_shown("val/accuracy  1/", "over step")
        shown.press("\x1b")
        shown.until_shown("3 Curves", "enter open")
        shown.press("1jj")
        shown.until_shown("2 report", "enter open")
        shown.press("4z/epochs")
        shown.until_shown("4 Log", " epochs")
        wait_for(lambda: "1 Stages" not in shown.text(), "the log alone", 30)


def test_the_terminal_itself_says_how_large_it_is(filler: Filler) -> None:
    """Whatever a shell or a container has once put in the environment."""
    running_demo(filler, name="digits")
    with terminal((120, 36), COLUMNS="80", LINES="24") as shown:
        shown.until_shown("digits", "q quit")
        assert "q quit" in shown.screen.display[-1]


def test_something_is_painted_before_anything_heavy_is_imported(
    filler: Filler,
) -> None:
    """The app is refused its first import, yet the terminal has been painted, and is restored."""
    program = f"import sys; sys.modules['textual.app'] = None; {PROGRAM}"
    with terminal(program=program) as shown:
        assert shown.ended() == 1
        assert "trainui\x1b[0m\x1b[2m  opening" in shown.received
        assert shown.modes_left() == []


SLOW = """
import select, sys

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "trainui.tui.app":
            select.select([0], [], [])

sys.meta_path.insert(0, Slow())
"""
"""Delays the import of the app until a key was typed."""


def test_enter_typed_while_the_screen_opens_is_not_lost(filler: Filler) -> None:
    running_demo(filler, name="digits")
    with terminal(program=SLOW + PROGRAM) as shown:
        shown.until_shown("opening")
        shown.press("\r")
        shown.until_shown("1 Stages", "train[hidden=128]")


def test_the_screen_shows_its_bandwidth(filler: Filler) -> None:
    running_demo(filler, name="digits")
    with terminal(TRAINUI_MAX_RATE="2k") as shown:
        shown.until_shown("digits", "● running")
        shown.press("\x12")
        shown.until_shown("(limit 2 kB/s)")


@pytest.mark.parametrize(
    "cuts", [(30,), (-6, -5), *(pytest.param(one, marks=pytest.mark.long) for one in ((), (-3,)))]
)
def test_pasted_text_presses_no_key(filler: Filler, cuts: Sequence[int]) -> None:
    """Not even where it has escape characters, as the coloured text of another terminal has.

    It is read in pieces, that of the last cuts with one escape character alone.
    """
    running_demo(filler, name="digits")
    pasted = "\x1b[200~line 1\n\x1b[31mqx\x1b]0;title xyq and more than a sequence\x07q\x1b[201~"
    with terminal() as shown:
        shown.until_shown("digits", "● running")
        for begin, end in zip((0, *cuts), cuts, strict=False):
            shown.press(pasted[begin:end])
            wait_for(lambda: is_quiet(shown), "a quiet screen")
        shown.press(pasted[cuts[-1] if cuts else 0 :] + "/")
        shown.until_shown("filter")
        shown.press("\x1b[200~\x1b[1mdig\x1b[0m\x1b[201~")
        shown.until_shown("[1mdig")
