"""Compares the overhead per stage with other tools, on the same graphs of `true` commands.

`python -m benchmarks.scheduling [--short] [--only NAME ...] [--repeat N] [--peers DIR]`. Two stages
at once, where a tool can. Printed: the median of seconds a stage, and how many times ours that is.
Goals: at most what the start of an empty Python program takes, called in turn with ours, and 1.2
times Snakemake's, whose stages are neither durable nor supervised. What cannot be installed is
skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import figures
from benchmarks.start import PEER as EMPTY_PROGRAM

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

Graph = Mapping[str, list[str]]
"""Each stage with those it depends on."""


def chain(count: int) -> Graph:
    return {f"s{at}": [f"s{at - 1}"] if at else [] for at in range(count)}


def fan(count: int) -> Graph:
    return {"s0": [], **{f"s{at}": ["s0"] for at in range(1, count)}}


def layers(count: int, width: int) -> Graph:
    """Return layers in which each stage depends on two of the layer before."""
    graph: dict[str, list[str]] = {}
    for at in range(count):
        layer, place = divmod(at, width)
        above = {layer * width - width + (place + step) % width for step in (0, 1)}
        graph[f"s{at}"] = [f"s{one}" for one in sorted(above)] if layer else []
    return graph


def run(command: list[str], folder: Path, **environ: str) -> float:
    """Run a command to its end; return how many seconds it took."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return time.perf_counter() - start


def ours(folder: Path, graph: Graph, _bin: Path) -> float:
    stages = [{"name": n, "run": ["true"], "depends_on": above} for n, above in graph.items()]
    (folder / "pipeline.yaml").write_text(json.dumps({"stages": stages}))
    environ = {"TRAINUI_HOME": str(folder / "home"), "TRAINUI_CPUS": "2", "PYTHONPATH": str(ROOT)}
    trainui = [sys.executable, "-m", "trainui"]
    run([*trainui, "worker", "start"], folder, **environ)
    try:
        return run([*trainui, "run", "pipeline.yaml", "--wait"], folder, **environ)
    finally:
        run([*trainui, "worker", "stop"], folder, **environ)


def empty_programs(folder: Path, graph: Graph, _bin: Path) -> float:
    start = time.perf_counter()
    for _ in graph:
        run([sys.executable, *EMPTY_PROGRAM], folder)
    return time.perf_counter() - start


def snakemake(folder: Path, graph: Graph, binaries: Path) -> float:
    rules = [f"rule all:\n    input: {json.dumps(list(graph))}\n"]
    rules += [
        f"rule {name}:\n    input: {json.dumps(above)}\n    output: touch('{name}')\n"
        "    shell: 'true'\n"
        for name, above in graph.items()
    ]
    (folder / "Snakefile").write_text("\n".join(rules))
    return run([str(binaries / "snakemake"), "-j2", "--quiet", "all"], folder)


def redun(folder: Path, graph: Graph, binaries: Path) -> float:
    (folder / ".redun").mkdir()
    (folder / ".redun" / "redun.ini").write_text(
        "[backend]\ndb_uri = sqlite:///redun.db\n"
        "[executors.default]\ntype = local\nmode = process\nmax_workers = 2\n"
    )
    (folder / "flow.py").write_text(
        "import subprocess\nfrom redun import task\nredun_namespace = 'bench'\n"
        f"GRAPH = {dict(graph)!r}\n\n"
        "@task()\ndef stage(name: str, above: list) -> str:\n"
        "    subprocess.run(['true'], check=True)\n    return name\n\n"
        "@task()\ndef main() -> list:\n    made = {}\n"
        "    for name, above in GRAPH.items():\n"
        "        made[name] = stage(name, [made[one] for one in above])\n"
        "    return list(made.values())\n"
    )
    return run([str(binaries / "redun"), "run", "flow.py", "main"], folder)


def luigi(folder: Path, graph: Graph, binaries: Path) -> float:
    (folder / "flow.py").write_text(
        "import pathlib, subprocess, sys\nimport luigi\n"
        "sys.setrecursionlimit(100000)\n"
        f"GRAPH = {dict(graph)!r}\n\n"
        "class Stage(luigi.Task):\n    name = luigi.Parameter()\n"
        "    def requires(self):\n        return [Stage(name=one) for one in GRAPH[self.name]]\n"
        "    def output(self):\n        return luigi.LocalTarget(f'out-{self.name}')\n"
        "    def run(self):\n        subprocess.run(['true'], check=True)\n"
        "        pathlib.Path(self.output().path).touch()\n\n"
        "done = luigi.build([Stage(name=one) for one in GRAPH], local_scheduler=True, workers=2,\n"
        "                   log_level='WARNING')\nsys.exit(not done)\n"
    )
    return run([str(binaries / "python"), "flow.py"], folder)


def dvc(folder: Path, graph: Graph, binaries: Path) -> float:
    stages = {
        name: {"cmd": f"echo {name} > {name}", "deps": above, "outs": [name]}
        for name, above in graph.items()
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    environ = {"DVC_NO_ANALYTICS": "1"}
    run([str(binaries / "dvc"), "init", "--no-scm"], folder, **environ)
    return run([str(binaries / "dvc"), "repro", "--quiet"], folder, **environ)


Tool = Callable[[Path, Graph, Path], float]
PEERS: dict[str, Tool] = {"snakemake": snakemake, "redun": redun, "luigi": luigi, "dvc": dvc}


def install(name: str, folder: Path) -> Path:
    """Return where a peer's programs are, installed now where they are not."""
    place = folder / name
    binaries = place / "bin"
    if not (place / "installed").exists():
        print(f"installing {name} ...", file=sys.stderr, flush=True)
        venv.create(place, with_pip=True)
        wanted = [li for li in REQUIREMENTS.read_text().splitlines() if li.startswith(name)]
        pip = [str(binaries / "python"), "-m", "pip", "install", "-q"]
        run([*pip, "--disable-pip-version-check", *wanted], place)
        (place / "installed").touch()
    return binaries


def measure(tool: Tool, graph: Graph, binaries: Path, repeat: int) -> float:
    """Return the median of seconds a stage."""
    return statistics.median(seconds(tool, graph, binaries) for _ in range(repeat))


def seconds(tool: Tool, graph: Graph, binaries: Path = Path()) -> float:
    """Return the seconds a stage, once."""
    with tempfile.TemporaryDirectory(prefix="trainui-scheduling-") as folder:
        return tool(Path(folder), graph, binaries) / len(graph)


def main() -> int:
    """Measure, and print a line for each graph and tool; fail where our goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the stages")
    parser.add_argument("--only", nargs="*", choices=PEERS, help="these peers")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir(), "trainui-peers"))
    given = parser.parse_args()
    size = 10 if given.short else 1
    graphs = {
        "chain": chain(200 // size),
        "fan": fan(200 // size),
        "layers": layers(1000 // size, 50 // size),
    }
    tools: dict[str, tuple[Tool, Path]] = {}
    for name in PEERS if given.only is None else given.only:
        try:
            tools[name] = PEERS[name], install(name, given.peers)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: skipped, it cannot be installed: {error}")
    for title, graph in graphs.items():
        words = f"{title} of {len(graph)}, a stage"
        pairs = [
            (seconds(ours, graph), seconds(empty_programs, graph)) for _ in range(given.repeat)
        ]
        own = statistics.median(one for one, _ in pairs)
        figures.without_limit(words, own, "s")
        ratio = statistics.median(one / other for one, other in pairs)
        figures.at_most(f"{words}, to an empty program's start", ratio, 1, "times")
        for name, (tool, binaries) in tools.items():
            try:
                ratio = own / measure(tool, graph, binaries, given.repeat)
            except RuntimeError as error:
                print(f"{title:<7} {name:<10} failed: {error}", flush=True)
                continue
            if name == "snakemake":
                figures.at_most(f"{words}, to Snakemake's", ratio, 1.2, "times")
            else:
                figures.without_limit(f"{words}, to that of {name}", ratio, "times")
    return figures.exit_code()


if __name__ == "__main__":
    if shutil.which("true") is None:
        sys.exit("there is no `true` to run")
    sys.exit(main())
