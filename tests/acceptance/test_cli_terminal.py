"""On a terminal: the screen opens, questions are asked, and logs cannot play tricks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect

from tests.acceptance.command_line import COMMAND, CommandLine
from tests.acceptance.terminal import end
from tests.unit.supervisor.waiting import wait_for


@contextmanager
def terminal(
    served: CommandLine, *arguments: str, environ: dict[str, str] | None = None
) -> Iterator[pexpect.spawn[str]]:
    """Run a command on a terminal of its own, which is closed at the end."""
    kind = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environ = {**served.environ, **kind, **(environ or {})}
    child = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], *arguments],
        cwd=str(served.directory),
        env=environ,
        encoding="utf-8",
        codec_errors="replace",
        dimensions=(30, 100),
        timeout=30,
    )
    try:
        yield child
    finally:
        end(child)


def printed(served: CommandLine, *arguments: str) -> str:
    """What a command that ends by itself prints on a terminal."""
    with terminal(served, *arguments) as child:
        child.expect(pexpect.EOF)
        return str(child.before)


SLOW = "name: {0}\nstages:\n  - {{name: a, run: 'while ! test -e {0}.go; do sleep 0.1; done'}}\n"


def test_run_opens_the_screen_and_leaving_it_stops_nothing(served: CommandLine) -> None:
    served.write("screen.yaml", SLOW.format("screen"))
    with terminal(served, "run", "screen.yaml") as child:
        child.expect(re.escape("\x1b[?1049h"))
        wait_for(lambda: served("show", "screen").code == 0, "the run", seconds=30)
        wait_for(lambda: served.status("screen") == "running", "its start", seconds=30)
        child.send("q")
        child.expect(re.escape("\x1b[?1049l"))
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
    assert served.status("screen") == "running"
    served.write("screen.go", "")
    assert served("wait", "screen").code == 0


def test_with_wait_or_detach_or_json_no_screen_opens(served: CommandLine) -> None:
    for option in ("--wait", "--detach", "--json"):
        shown = printed(served, "run", option, "--", "true")
        assert "\x1b[?1049h" not in shown


def test_a_dumb_terminal_waits_for_the_run_without_a_screen(served: CommandLine) -> None:
    def shown(*arguments: str) -> tuple[int | None, str]:
        with terminal(served, *arguments, environ={"TERM": "dumb"}) as child:
            child.expect(pexpect.EOF)
            child.close()
            return child.exitstatus, str(child.before)

    code, said = shown()
    assert (code, "TERM is dumb" in said, "\x1b" in said) == (2, True, False)
    code, said = shown("run", "--name", "plain", "--", "true")
    assert (code, "✓ completed" in said, "\x1b" in said) == (0, True, False)


def test_a_list_has_no_colours_and_a_name_no_power(served: CommandLine) -> None:
    served("run", "--name", "plain", "--wait", "--", "true")
    assert "\x1b" not in printed(served, "ls")
    assert "\x1b" not in printed(served, "show", "plain")


def test_control_sequences_in_a_log_are_shown_and_not_obeyed(served: CommandLine) -> None:
    text = (
        r"name: tricks"
        + "\nstages:\n"
        + r"""
  - name: a
    run: printf '\033]0;owned\007\033[2Jcleared\a\n10%%\r50%%\r100%%\n'
"""
    )
    served.run(text, name="tricks.yaml")
    shown = printed(served, "logs", "tricks", "a")
    assert "\x1b" not in shown
    assert "\a" not in shown
    assert shown.replace("\r", "").split("\n")[:2] == ["cleared␇", "100%"]


def test_deleting_asks_first(served: CommandLine) -> None:
    served("run", "--name", "doubtful", "--wait", "--", "true")
    with terminal(served, "rm", "doubtful") as child:
        child.expect("Delete doubtful")
        child.sendline("n")
        child.expect("nothing was deleted")
        child.expect(pexpect.EOF)
    assert served("show", "doubtful").code == 0
    with terminal(served, "rm", "doubtful") as child:
        child.expect("Delete doubtful")
        child.sendline("y")
        child.expect("deleted: doubtful")
        child.expect(pexpect.EOF)
    assert served("show", "doubtful").code == 3


def test_a_plan_that_changed_while_it_was_read_is_asked_again(served: CommandLine) -> None:
    text = "name: asked\nstages:\n  - {{name: a, run: 'test -e asked.go {0}'}}\n"
    served.run(text.format(""), name="asked.yaml", code=1)
    served.write("asked.yaml", text.format("-a 1"))
    with terminal(served, "resume", "asked", "--detach") as child:
        child.expect(r"a +run[^?]+Resume with the edited file\?")
        served.write("asked.go", "")
        assert served("resume", "asked", "--as-submitted", "--wait").code == 0
        child.sendline("y")
        child.expect("the plan has changed since it was shown, so nothing ran: a: run -> run in a")
        child.expect(r"in a new directory[^?]+Resume with the edited file\?")
        assert served.status("asked") == "completed"
        child.sendline("y")
        child.expect("resumed: a")
        child.expect(pexpect.EOF)
    assert served("wait", "asked").code == 0


def test_the_screen_opens_with_no_command(served: CommandLine) -> None:
    with terminal(served) as child:
        child.expect(re.escape("\x1b[?1049h"))
        child.send("q")
        child.expect(re.escape("\x1b[?1049l"))
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


def test_waiting_rings_at_the_end_unless_silenced(served: CommandLine) -> None:
    served.write("rung.yaml", SLOW.format("rung"))
    rings = "\x1b]9;trainui: rung completed\x07\x07"
    with terminal(served, "run", "rung.yaml", "--wait") as child:
        child.expect("running")
        served.write("rung.go", "")
        child.expect(pexpect.EOF)
        assert str(child.before).count(rings) == 1
    silent = {**served.environ, "TRAINUI_BELL": "false"}
    with terminal(served, "run", "rung.yaml", "--wait", environ=silent) as child:
        child.expect(pexpect.EOF)
        assert "completed" in str(child.before)
        assert "\x07" not in str(child.before)
