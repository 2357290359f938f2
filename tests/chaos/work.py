"""The program of a stage in a chaos run, and its ledger; standard library only.

Each process appends to the ledger, which lies outside of the stage's directory and of the home, so
that nothing under test can lose it: what it is, each point before it is written, each checkpoint
before it gets its name, and how the process is about to end.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OWN = ("TRAINUI_RUN_ID", "TRAINUI_STAGE", "TRAINUI_ATTEMPT")


def train(
    ledger: str,
    steps: int,
    pause: float,
    seed: int,
    code: int = 0,
    fails: int = 0,
    forgets: int = 0,
    every: int = 0,
    clears: bool = False,
    prints: bool = False,
    rewrites: bool = False,
    helper: str = "",
    given: Sequence[str] = (),
) -> dict[str, Any]:
    """Train.

    Args:
        ledger: path of the run's ledger.
        steps: how many there are.
        pause: seconds after each.
        seed: of the values.
        code: exit code of the processes that fail.
        fails: how many processes of this stage fail at their end, the first ones.
        forgets: how many processes after those write no output though they exit with 0.
        every: steps from one checkpoint to the next; 0: none are written.
        clears: removes all that lies in the stage's directory first.
        prints: prints its metrics, and writes them into no file.
        rewrites: replaces its metrics file for each step by one with all steps so far, of which
            the first is written in another way each time.
        helper: `stays`: a child process outlives this one; `session`: in a session of its own.
        given: what its search chose; the first value is added to the metric.

    Returns:
        What a task gives as its result.
    """
    say = Ledger(Path(ledger))
    checkpoint = os.environ.get("TRAINUI_CHECKPOINT") or None
    first = json.loads(Path(checkpoint).read_bytes())["step"] + 1 if checkpoint else 0
    say("start", checkpoint=checkpoint, first=first, beside=others(), given=list(given))
    stage_dir = Path(os.environ["TRAINUI_STAGE_DIR"])
    if clears and not checkpoint:
        clear(stage_dir)
    if helper:
        subprocess.Popen(["sleep", "600"], start_new_session=helper == "session")
    number, lines = say.starts(), list[str]()
    for step in range(first, steps):
        value = (seed + 37 * step + 101 * int(os.environ["TRAINUI_ATTEMPT"])) % 997 + 0.5
        value += 500 * float(given[0]) if given else 0.0
        say("point", step=step, value=value)
        if prints:
            append(Path("/dev/stdout"), f"step {step} loss {value}\n")
        else:
            line = json.dumps({"step": step, "loss": value, "time": time.time()})
            lines.append(f"{line}\n")
            file = Path(os.environ["TRAINUI_METRICS_FILE"])
            if rewrites:
                replace(file, "{" + " " * len(lines) + "".join(lines)[1:])
            else:
                append(file, lines[-1])
        if every and step % every == every - 1 and step < steps - 1:
            file = stage_dir / f"step-{step}.json"
            say("checkpoint", path=str(file), step=step)
            replace(file, json.dumps({"step": step}))
        time.sleep(pause)
    if number <= fails:
        say("end", code=code)
        sys.exit(code)
    if number > fails + forgets:
        replace(stage_dir / "output.json", json.dumps({"attempt": say.attempt}))
    result = {"seed": seed, "attempt": say.attempt}
    say("end", code=0, result=result)
    return result


class Ledger:
    """What the processes of a run's stages did."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stage = os.environ["TRAINUI_STAGE"]
        self.attempt = int(os.environ["TRAINUI_ATTEMPT"])

    def __call__(self, what: str, **more: Any) -> None:
        """Append an entry atomically."""
        entry = {"what": what, "stage": self._stage, "attempt": self.attempt, "pid": os.getpid()}
        text = json.dumps({**entry, "time": time.time(), **more}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, text.encode())
        os.close(descriptor)

    def starts(self) -> int:
        """Return how many processes of this stage have started."""
        entries = map(json.loads, self._path.read_text().splitlines())
        return sum(one["what"] == "start" and one["stage"] == self._stage for one in entries)


def others() -> list[int]:
    """Return the processes of other attempts of this stage; there must be none."""
    run, stage, attempt = (f"{name}={os.environ[name]}".encode() for name in OWN)
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                environ = (directory / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if run in environ and stage in environ and attempt not in environ:
                found.append(int(directory.name))
    return found


def append(path: Path, text: str) -> None:
    """Append to a file; if the disk is full, wait: no byte is lost or duplicated."""
    data = text.encode()
    while data:
        try:
            with path.open("ab", buffering=0) as file:
                data = data[file.write(data) :]
        except OSError as error:
            wait_for_room(error)


def replace(path: Path, text: str) -> None:
    """Write a file atomically."""
    temporary = path.with_name(f".{path.name}.part")
    while True:
        try:
            temporary.write_text(text)
            temporary.rename(path)
            return
        except OSError as error:
            wait_for_room(error)


def wait_for_room(error: OSError) -> None:
    """Wait a moment if the disk is full; raise any other error."""
    if error.errno != errno.ENOSPC:
        raise error
    time.sleep(0.05)


def clear(directory: Path) -> None:
    """Remove all that lies in a directory, as `rm -rf "$OUT"/*` does."""
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    train(**json.loads(sys.argv[1]), given=sys.argv[2:])
