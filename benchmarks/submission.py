"""Measures what a snapshot adds to a submission when none of its files has changed.

python -m benchmarks.submission [--files 5000] [--rounds 21]

The peer, measured in turn with it, is what any snapshot needs at least: git's list of the files,
and the state of each.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import figures

LIMIT = 2.5
"""Times the peer."""

IN_DIRECTORY = 10
"""Files."""

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@y.invalid", "-c", "gc.auto=0")


def make_repository(root: Path, count: int) -> None:
    for number in range(0, count, IN_DIRECTORY):
        directory = root / f"package{number // 250}" / f"part{number}"
        directory.mkdir(parents=True)
        for one in range(number, min(number + IN_DIRECTORY, count)):
            (directory / f"module{one}.py").write_text(f"value = {one}\n" * 40)
    (root / ".gitignore").write_text("data\n")
    (root / "data").mkdir()
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run(["git", *IDENTITY, *arguments], cwd=root, check=True)


def list_and_stat(root: Path) -> None:
    """Do what a snapshot needs at least."""
    listing = ("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    found = subprocess.run(["git", "-C", root, *listing], check=True, stdout=subprocess.PIPE)
    for name in found.stdout.decode().split("\0")[:-1]:
        os.lstat(f"{root}/{name}")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its child processes."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def took(call: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds that a call took, and those of CPU with its child processes."""
    began, used = time.perf_counter(), cpu_seconds()
    call()
    return (time.perf_counter() - began) * 1000, (cpu_seconds() - used) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-") as directory:
        os.environ["TRAINUI_HOME"] = f"{directory}/home"
        root, runs = Path(directory, "work"), Path(directory, "home", "runs")
        runs.mkdir(parents=True)
        make_repository(root, options.files)
        from trainui.resume import code_snapshot

        def submit() -> None:
            run = runs / str(len(list(runs.iterdir())))
            run.mkdir()
            code_snapshot.prepare(code_snapshot.find(root), run)

        first, _ = took(submit)
        copied, _ = took(lambda: code_snapshot.make(runs / "0"))
        rounds = [(took(submit), took(lambda: list_and_stat(root))) for _ in range(options.rounds)]
    fastest = min(wall for (wall, _), _ in rounds)
    (ours, cpu), (peer, of_peer) = (
        [statistics.median(values) for values in zip(*side, strict=True)]
        for side in zip(*rounds, strict=True)
    )
    words = f"a snapshot of {options.files} unchanged files"
    figures.at_most(f"{words}, to git ls-files and lstat", ours / peer, LIMIT, "times")
    figures.without_limit(words, ours, "ms")
    figures.without_limit(f"the fastest of {options.rounds}", fastest, "ms")
    figures.without_limit("CPU of it, with git's", cpu, "ms")
    figures.without_limit("git ls-files and lstat of the same files", peer, "ms")
    figures.without_limit("CPU of these", of_peer, "ms")
    figures.without_limit("the first snapshot of them", first, "ms")
    figures.without_limit("the copy of a run, made when its first stage starts", copied, "ms")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
