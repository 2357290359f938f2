"""In bash, zsh and fish a tab completes commands, options, runs and stages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.terminal import end

TEXT = """
    name: digits
    stages:
      - {name: prepare it, run: "true"}
      - name: train
        matrix: {hidden: [32, 128]}
        run: "true"
    """


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"needs {shell}")


@pytest.fixture(scope="module")
def home(served: CommandLine) -> CommandLine:
    served.run(TEXT)
    (served.directory / "pipeline-two.yaml").write_text("")
    scripts = Path(sys.executable).parent
    assert (scripts / "trainui").exists()
    served.environ |= {"PATH": f"{scripts}:{os.environ['PATH']}", "TERM": "xterm"}
    served.always_forks = True
    return served


def asked(home: CommandLine, *words: str) -> list[str]:
    """The candidates, without what they are."""
    lines = home("__complete", "zsh", *words).out.splitlines()
    return [line.partition("\t")[0] for line in lines]


def test_commands_options_and_choices(home: CommandLine) -> None:
    assert asked(home, "work") == ["worker"]
    assert asked(home, "worker", "st") == ["start", "stop", "status"]
    assert asked(home, "run", "--no") == ["--no-gpus", "--note"]
    assert asked(home, "run", "--", "--no") == []
    assert asked(home, "logs", "--stream", "e") == ["err"]
    assert asked(home, "run", "pipe") == []  # so the shell offers files
    assert asked(home, "nothing", "") == asked(home, "")  # no such command: those that there are


def test_runs_and_stages(home: CommandLine) -> None:
    run_id = home.json("show", "digits")["run"]
    assert asked(home, "show", "") == ["digits"]
    assert asked(home, "show", run_id[:3]) == [run_id]
    every = ["prepare it", "train[hidden=32]", "train[hidden=128]", "train"]
    assert asked(home, "logs", "-n", "5", "digits", "") == every
    assert asked(home, "resume", "digits", "--until", "tr") == every[1:]
    assert asked(home, "logs", "no-such-run", "") == []
    assert asked(home, "graph", "") == ["digits"]


def typed(home: CommandLine, shell: list[str], set_up: str, line: str, expected: str) -> None:
    """Type a line with tabs into a shell; the line that it runs must be as expected."""
    child = pexpect.spawn(
        shell[0],
        shell[1:],
        env={**home.environ, "PS1": "$ ", "PROMPT": "$ "},
        cwd=str(home.directory),
        encoding="utf-8",
        dimensions=(24, 200),
        timeout=30,
    )
    try:
        child.sendline(set_up + "; echo re''ady")
        child.expect("ready")
        for part in line.split("\t")[:-1]:
            child.send(part + "\t")
        child.send("x\x01printf '<%s>' \x05\r")  # ctrl+a, ctrl+e: to the line's ends
        child.expect_exact(f"{expected}")
    finally:
        end(child)


LINES = [
    ("trainui sho\tdig\t", "<trainui><show><digits><x>"),
    ("trainui logs digits prep\t", "<trainui><logs><digits><prepare it><x>"),
    ("trainui logs digits train\\[hidden=3\t", "<trainui><logs><digits><train[hidden=32]><x>"),
    ("trainui validate pipeline-t\t", "<trainui><validate><pipeline-two.yaml><x>"),
]


@needs("bash")
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_bash(home: CommandLine, line: str, expected: str) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    typed(home, shell, 'eval "$(trainui completion bash)"', line, expected)


@needs("zsh")
@pytest.mark.parametrize(
    ("line", "expected"),
    [  # what needs quotes, in the short suite
        pytest.param(*one, marks=[] if " it>" in one[1] or "[" in one[1] else pytest.mark.long)
        for one in LINES
    ],
)
def test_zsh(home: CommandLine, line: str, expected: str) -> None:
    set_up = 'autoload -U compinit; compinit -u -D; bindkey -e; eval "$(trainui completion zsh)"'
    typed(home, ["zsh", "-f", "-i"], set_up, line, expected)


@needs("fish")
def test_fish(home: CommandLine) -> None:
    def offered(line: str) -> list[str]:
        code = f"trainui completion fish | source; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", code],
            env=home.environ,
            cwd=home.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [found.partition("\t")[0] for found in done.stdout.splitlines()]

    assert offered("trainui sho") == ["show"]
    assert offered("trainui show dig") == ["digits"]
    assert sorted(offered("trainui logs digits tr")) == sorted(asked(home, "logs", "digits", "tr"))
    assert offered("trainui logs digits train[hidden=3") == ["train[hidden=32]"]
    assert offered("trainui validate pipeline-t") == ["pipeline-two.yaml"]
