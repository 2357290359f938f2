"""Checks trainui on a real GPU in less than five minutes: python -m tests.gpu_box

Needs a machine with an NVIDIA driver and an idle GPU, a checkout, Python 3.11 or later and what
trainui depends on; no network, no CUDA toolkit and no framework. Prints one line per check. Exits
0 if all pass, 1 if a check failed, or 77 if there is no GPU to check.

Without a network, bring the wheels along. On a machine of the same platform and Python:

    pip download --dest wheels . hatchling

and on the machine with the GPU, in the checkout:

    python3 -m venv .venv
    .venv/bin/pip install --no-index --find-links wheels .
    .venv/bin/python -m tests.gpu_box

It uses some gigabytes of memory on up to two idle GPUs, and no GPU that is in use.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.terminals import program
from trainui.execution import gpus
from trainui.execution.gpus import Gpu

ROOT = Path(__file__).resolve().parent.parent
HOLDER = Path(__file__).with_name("gpus") / "holder.py"

NO_GPU = 77
"""The exit code if there is no GPU to check."""

MEGABYTES, FOREIGN_MEGABYTES = 256, 1536
"""Memory of a stage and of a foreign process; the latter is large enough to be noticed even if a
container hides the process."""

PATIENCE = 40.0
"""Seconds to wait for any condition."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]", re.S
)

Value = TypeVar("Value")


class CheckError(Exception):
    """A check failed; the message says what was seen."""


def check(condition: object, seen: str) -> None:
    """Fail if a condition is not met.

    Raises:
        CheckError: it is not met.
    """
    if not condition:
        raise CheckError(seen)


def await_value(look: Callable[[], Value | None], what: str) -> Value:
    """Return the first value that is true.

    Raises:
        CheckError: there was none in time.
    """
    give_up_at = time.monotonic() + PATIENCE
    while not (found := look()):
        check(time.monotonic() < give_up_at, f"not seen within {PATIENCE:.0f} s: {what}")
        time.sleep(0.1)
    return found


def used(gpu: Gpu) -> int:
    """Return the megabytes in use on a GPU now."""
    (found,) = (one for one in gpus.query().gpus if one.index == gpu.index)
    return (found.memory_used or 0) >> 20


class Run:
    """A run of stages that occupy GPU memory until they are released."""

    def __init__(self, box: Box, folder: Path, **stages: dict[str, Any]) -> None:
        self._box, self.folder = box, folder
        folder.mkdir()
        written = [
            {"name": name, "run": self._command(name, str(MEGABYTES)), "gpus": 1, **fields}
            for name, fields in stages.items()
        ]
        file = folder / "pipeline.yaml"
        file.write_text(json.dumps({"name": folder.name, "stages": written}))
        self.id = json.loads(box.trainui("run", str(file), "--detach", "--json"))["run"]

    def _command(self, name: str, amount: str) -> list[str]:
        return [sys.executable, str(HOLDER), str(self.folder / f"{name}.json"), amount]

    def seen_by(self, name: str) -> dict[str, Any]:
        """Wait for a stage's process; return what it sees."""
        file = self.folder / f"{name}.json"
        await_value(file.exists, f"the process of {name} ({self.stage(name)['reason']})")
        seen: dict[str, Any] = json.loads(file.read_text())
        return seen

    def let_go(self, *names: str) -> None:
        """Release stages, so that they end."""
        for name in names:
            (self.folder / f"{name}.go").touch()

    def stage(self, name: str) -> dict[str, Any]:
        """Return a stage as it is now."""
        shown = json.loads(self._box.trainui("show", self.id, "--json"))
        found: dict[str, Any] = next(one for one in shown["stages"] if one["name"] == name)
        return found

    def await_status(self, name: str, status: str) -> dict[str, Any]:
        """Wait until a stage has a state; return the stage."""
        return await_value(
            lambda: found if (found := self.stage(name))["status"] == status else None,
            f"{name} is {status}",
        )

    def await_reason(self, name: str, part: str) -> str:
        """Wait until a stage waits for a reason; return that."""
        return await_value(
            lambda: words if part in (words := str(self.stage(name)["reason"])) else None,
            f"{name} waits for {part!r}; it is {self.stage(name)['status']}, "
            f"for the reason {self.stage(name)['reason']!r}",
        )


class Box:
    """A home whose worker may use some of this machine's GPUs."""

    def __init__(self, folder: Path, gpus: Sequence[Gpu]) -> None:
        folder.mkdir()
        self.folder, self.gpus = folder, gpus
        self._runs = 0
        self.environ = {
            **{name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"},
            "TRAINUI_HOME": str(folder / "home"),
            "TRAINUI_GPUS": ",".join(str(gpu.index) for gpu in gpus),
            "PYTHONPATH": str(ROOT),
        }

    def trainui(self, *arguments: str) -> str:
        """Call a command; return what it prints.

        Raises:
            CheckError: it fails.
        """
        command = [sys.executable, "-m", "trainui", *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True)
        check(done.returncode == 0, f"trainui {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def run(self, **stages: dict[str, Any]) -> Run:
        """Submit a run; fields of each stage by its name."""
        self._runs += 1
        return Run(self, self.folder / f"run-{self._runs}", **stages)

    @contextmanager
    def foreign(self, gpu: Gpu) -> Iterator[int]:
        """Run a process on a GPU that belongs to no stage; yields its pid."""
        file = self.folder / "foreign.json"
        file.unlink(missing_ok=True)
        environ = {**os.environ, "CUDA_VISIBLE_DEVICES": str(gpu.index)}
        environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        command = [sys.executable, str(HOLDER), str(file), str(FOREIGN_MEGABYTES)]
        with subprocess.Popen(command, env=environ) as process:
            try:
                await_value(file.exists, "the foreign process has its memory")
                yield process.pid
            finally:
                process.kill()

    def close(self) -> None:
        """End the worker and all stages."""
        self.trainui("worker", "stop", "--with-stages")


def driver(box: Box) -> str:
    """NVML reports the GPUs; nvidia-smi, if installed, reports the same ones."""
    found = gpus.query()
    check(found.problem is None, str(found.problem))
    for gpu in found.gpus:
        check(gpu.uuid.startswith("GPU-") and gpu.memory_total and gpu.name, str(gpu))
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
        ours = [f"{gpu.index}, {gpu.uuid}" for gpu in found.gpus]
        check([line.strip() for line in said if line.strip()] == ours, f"{said} and {ours}")
    return "; ".join(
        f"GPU {gpu.index} {gpu.name}, {(gpu.memory_used or 0) >> 20} of "
        f"{(gpu.memory_total or 0) >> 20} MiB, {gpu.utilisation} %, {gpu.temperature} °C, "
        f"{gpu.power} W, {len(gpu.pids)} processes"
        for gpu in found.gpus
    )


def one_each(box: Box) -> str:
    """Each stage gets a different GPU, and its process sees only that one."""
    names = [f"s{number}" for number in range(len(box.gpus))]
    run = box.run(**{name: {} for name in names})
    seen = {name: run.seen_by(name) for name in names}
    given = {name: run.stage(name)["gpus"] for name in names}
    run.let_go(*names)
    check(sorted(given.values()) == [[gpu.index] for gpu in box.gpus], f"given: {given}")
    uuids = {gpu.index: gpu.uuid for gpu in box.gpus}
    for name, (index,) in given.items():
        check(seen[name]["visible"] == str(index), f"{name} has GPU {index}, sees {seen[name]}")
        check(seen[name]["uuids"] == [uuids[index]], f"not {uuids[index]}: {seen[name]}")
    for name in names:
        run.await_status(name, "completed")
    return ", ".join(f"{name} on GPU {index}" for name, (index,) in given.items())


def visible(box: Box) -> str:
    """CUDA_VISIBLE_DEVICES is right in each process, also of a stage without a GPU."""
    run = box.run(one={}, none={"gpus": 0})
    run.let_go("one", "none")
    one, none = run.seen_by("one"), run.seen_by("none")
    check(one["order"] == "PCI_BUS_ID" and len(one["uuids"]) == 1, str(one))
    check(none["visible"] == "" and none["uuids"] == [], str(none))
    return f"with a GPU {one['visible']!r}, which is {one['uuids'][0]}; without {none['visible']!r}"


def in_turn(box: Box) -> str:
    """With two stages and one GPU, the second waits, names the first, and starts after it."""
    run = box.run(first={}, second={})
    run.seen_by("first")
    reason = run.await_reason("second", "first")
    run.let_go("first", "second")
    ended = run.await_status("first", "completed")["completed_at"]
    began = run.await_status("second", "completed")["started_at"]
    check(ended <= began, f"the first ended at {ended}, the second began at {began}")
    return f"the second waited: {reason}"


def foreign(box: Box) -> str:
    """A stage waits while a foreign process computes on the GPU, and starts after its end."""
    with box.foreign(box.gpus[0]) as pid:
        await_value(lambda: used(box.gpus[0]) >= FOREIGN_MEGABYTES, "the memory is in use")
        run = box.run(waiting={})
        reason = run.await_reason("waiting", f"GPU {box.gpus[0].index}")
        check(str(pid) in reason or "unseen process" in reason, reason)
    run.seen_by("waiting")
    run.let_go("waiting")
    run.await_status("waiting", "completed")
    return f"it waited: {reason}"


def avoided(box: Box) -> str:
    """Of two GPUs, a stage gets the one without a foreign process."""
    with box.foreign(box.gpus[0]) as pid:
        await_value(lambda: used(box.gpus[0]) >= FOREIGN_MEGABYTES, "the memory is in use")
        run = box.run(train={})
        run.seen_by("train")
        given = run.stage("train")["gpus"]
        run.let_go("train")
    check(given == [box.gpus[1].index], f"given {given}, pid {pid} on GPU {box.gpus[0].index}")
    run.await_status("train", "completed")
    return f"pid {pid} on GPU {box.gpus[0].index}, the stage on GPU {given[0]}"


def cancelled(box: Box) -> str:
    """After a cancel the memory of the GPU is free again."""
    gpu = box.gpus[0]
    before = used(gpu)
    run = box.run(train={})
    run.seen_by("train")
    while_running = await_value(
        lambda: now if (now := used(gpu)) >= before + MEGABYTES else None, "the memory is in use"
    )
    box.trainui("cancel", run.id)
    run.await_status("train", "cancelled")
    after = await_value(
        lambda: (now,) if (now := used(gpu)) < before + MEGABYTES // 2 else None,
        f"the memory is back: {used(gpu)} MiB in use, {before} before",
    )[0]
    return f"{before} MiB before, {while_running} while it ran, {after} after"


def out_of_memory(box: Box) -> str:
    """A failed allocation on the GPU is reported as the reason of the stage's failure."""
    file = box.folder / "too-much.json"
    run = box.run(greedy={"run": [sys.executable, str(HOLDER), str(file), "too-much"]})
    error = run.await_status("greedy", "failed")["error"] or ""
    check("out of memory" in error.splitlines()[0], error)
    return error.splitlines()[0]


def screen(box: Box) -> str:
    """The GPU strip of the run list and the machine page show the GPU and its stage."""
    run = box.run(trainee={})
    run.seen_by("trainee")
    gpu = box.gpus[0]
    environ = {name: box.environ[name] for name in ("TRAINUI_HOME", "TRAINUI_GPUS", "PYTHONPATH")}
    with program([sys.executable, "-m", "trainui"], **environ) as shown:

        def after(mark: int) -> str:
            text = _ESCAPES.sub(" ", shown.output[mark:].decode(errors="replace"))
            return re.sub(r"\s+", " ", text)

        await_value(lambda: re.search(rf"GPU {gpu.index}\b", after(0)), "the strip")
        strip = await_value(
            lambda: re.search(rf"GPU {gpu.index}\b.*?trainee", after(0)),
            f"the stage in the strip: {after(0)[-300:]}",
        )
        mark = len(shown.output)
        shown.type(b"M")
        await_value(lambda: gpu.name in after(mark), f"{gpu.name} on the page of the machine")
        await_value(lambda: "trainee" in after(mark), "the stage on the page of the machine")
    run.let_go("trainee")
    run.await_status("trainee", "completed")
    return strip[0]


CHECKS: Sequence[tuple[str, Callable[[Box], str]]] = (
    ("what NVML tells", driver),
    ("one GPU each", one_each),
    ("CUDA_VISIBLE_DEVICES", visible),
    ("memory after a cancel", cancelled),
    ("out of memory", out_of_memory),
    ("strip and page", screen),
)
ON_TWO_GPUS: Sequence[tuple[str, Callable[[Box], str]]] = (
    ("another GPU than a foreign process's", avoided),
)
ON_ONE_GPU: Sequence[tuple[str, Callable[[Box], str]]] = (
    ("one GPU in turn", in_turn),
    ("a foreign process", foreign),
)


def main() -> int:
    """Run all checks; return the exit code."""
    found = gpus.query()
    if not found.gpus:
        print(f"There is no GPU to check: {found.problem or 'no NVIDIA driver is installed'}.")
        return NO_GPU
    idle = [gpu for gpu in found.gpus if not (gpu.problem or gpu.pids or used(gpu) > 1024)][:2]
    if not idle:
        print(f"There is no idle GPU to check among {len(found.gpus)}: somebody computes on each.")
        return NO_GPU
    with tempfile.TemporaryDirectory(prefix="trainui-gpu-box-") as folder:
        codes = [
            run_checks(
                Box(Path(folder, "all"), idle),
                [*CHECKS, *(ON_TWO_GPUS if len(idle) > 1 else ())],
            ),
            run_checks(Box(Path(folder, "one"), idle[:1]), ON_ONE_GPU),
        ]
    return max(codes)


def run_checks(box: Box, checks: Sequence[tuple[str, Callable[[Box], str]]]) -> int:
    """Run checks in a home, and print a line for each; return 1 where one failed."""
    code = 0
    try:
        for name, perform in checks:
            try:
                print(f"ok      {name}: {perform(box)}", flush=True)
            except CheckError as error:
                print(f"FAILED  {name}: {error}", flush=True)
                code = 1
    finally:
        box.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
