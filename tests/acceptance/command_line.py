"""`trainui` as a person or a script runs it: a process of its own, in a home of its own."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance import command_server
from tests.integration.conftest import kill_all
from tests.unit.supervisor.waiting import wait_for
from trainui.model.states import ENDED
from trainui.paths import Home

TIMEOUT = 90
"""Seconds for one command, on a busy machine."""

COMMAND = (sys.executable, "-m", "trainui")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    def error(self) -> str:
        """The code of the error that stdout holds."""
        value = self.json()
        assert list(value) == ["error"]
        assert list(value["error"]) == ["code", "message", "hint"]
        return str(value["error"]["code"])


class CommandLine:
    """Runs commands in one home and one working directory."""

    def __init__(self, root: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = root / "home"
        self.directory = root / "work"
        self.directory.mkdir()
        self.environ = {
            # the interpreter's own directory first: `python` is this one
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "TRAINUI_HOME": str(self.home),
            "XDG_CONFIG_HOME": str(root / "config"),
            "TRAINUI_CPUS": "4",
            **(settings or {}),
        }
        self.always_forks = False
        """True if only plugins, workers and their stages heed variables that are not usual."""

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Done:
        """Run a command to its end, with no terminal."""
        variables = {**self.environ, **environ}
        given = stdin.encode(errors="surrogateescape")
        if self.always_forks or command_server.fits(variables):
            code, *written = command_server.run(
                arguments, self.directory, variables, given, TIMEOUT
            )
        else:
            done = subprocess.run(
                [*COMMAND, *arguments],
                cwd=self.directory,
                env=variables,
                input=given,
                capture_output=True,
                timeout=TIMEOUT,
            )
            code, written = done.returncode, [done.stdout, done.stderr]
        return Done(code, *(one.decode(errors="surrogateescape") for one in written))

    def unprivileged(self, *arguments: str) -> Done:
        """Run a command that heeds the modes of files, which root does not."""
        dropped = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        done = subprocess.run(
            [*(dropped if os.geteuid() == 0 else ()), *COMMAND, *arguments],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, code: int = 0, **environ: str) -> Any:
        """Run a command with `--json` and return its value."""
        done = self(*arguments, "--json", **environ)
        assert done.code == code, done
        return done.json()

    def printed(self, *arguments: str) -> bytes:
        """Run a command that succeeds; return its stdout as it is."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            timeout=TIMEOUT,
        ).stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file into the working directory."""
        file = self.directory / name
        file.write_text(textwrap.dedent(text))
        return file

    def run(self, text: str, *options: str, name: str = "pipeline.yaml", code: int = 0) -> Any:
        """Run a pipeline to its end; return what `show` has of it."""
        self.write(name, text)
        return self.json("run", name, "--wait", *options, code=code)

    def status(self, run: str) -> str:
        """The run's state now."""
        return str(self.json("show", run)["status"])

    def in_directory(self, directory: Path) -> CommandLine:
        """Return a command line of the same home with another directory, which is made."""
        other = copy.copy(self)
        other.directory, other.environ = directory, dict(self.environ)
        directory.mkdir()
        return other

    def delete_runs(self) -> None:
        """Leave the home, and its worker, without a run."""
        self("prune", "--keep", "0", "--older-than", "0s", "--yes")
        for one in self.json("ls", "--all")["runs"]:
            run = one["run"]
            if one["external"] is None and one["status"] not in ENDED:
                assert self("cancel", run).code == 0
                self("wait", run, "--timeout", str(TIMEOUT // 2))
            self.delete(run)

    def delete(self, run: str) -> None:
        """Delete a run once none of its processes is left."""
        wait_for(lambda: self("rm", run, "--yes").code == 0, f"the end of {run}")

    def close(self) -> None:
        """End every process of this home, and see that none is left."""
        kill_all(Home(self.home))


def stage_of(shown: Any, name: str) -> Any:
    """One stage of what `show` has of a run."""
    return next(stage for stage in shown["stages"] if stage["name"] == name)


def states_of(shown: Any) -> dict[str, str]:
    """Each stage's state."""
    return {stage["name"]: stage["status"] for stage in shown["stages"]}
