"""Every example in a command's help is typed, on a terminal, and does what it says."""

from __future__ import annotations

import itertools
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.main import get_command

from tests.acceptance import command_server
from tests.acceptance.command_line import CommandLine
from tests.acceptance.pages import PAGES, blocks_of
from tests.acceptance.test_docs_blocks import is_elsewhere
from tests.acceptance.typing_person import type_in
from tests.gpus.stand_in import Machine
from trainui.cli.app import listing, parser
from trainui.plugin import Command, registry

ELSEWHERE = {
    "trainui demo": "takes a minute; test_package runs it",
    "trainui add ~/project/runs": "needs somebody's trainings; test_cli_add makes them",
    "trainui add --pid 4711": "needs such a process; test_cli_add has one",
    "trainui best tune": "needs a search; test_cli_best has one",
    "trainui best tune train -n 10": "the same",
    "trainui best tune --json | jq '.trials[0].search, .importance'": "the same",
    "trainui resume tune --trials 20": "the same",
    "trainui resume seeds --seeds 2": "needs a sweep over seeds; test_compare has one",
    "TRAINUI_HOME=/mnt/copy trainui worker start --as-copy": "needs a copy of a home",
    "trainui mcp": "needs a client; test_mcp has one",
    "trainui mcp --write": "the same",
    "trainui skill --install .agents/skills": "asks; test_skill answers",
    **dict.fromkeys(
        (
            "trainui boxes add gpu2 anna@gpu2.lab",
            "trainui boxes add gpu3 gpu3 --home /scratch/trainui",
            "trainui boxes rm gpu2",
            "ssh gpu2 trainui agent",
        ),
        "needs boxes; test_cli_boxes has two",
    ),
    "trainui worker install": "would ask the systemd of whoever runs this; test_cli_unit has it",
}
"""Examples that are not typed here, and why."""


@dataclass(frozen=True)
class Typed:
    """An example, and what is typed around it; all three in one subshell."""

    example: str

    before: str = ""
    """By this what the example needs is there."""

    after: str = ""
    """By this it is seen to have done what it says."""

    code: int = 0

    def lines(self) -> list[str]:
        return [
            f"example={shlex.quote(self.example)}",
            "(",
            "trap : INT",  # a subshell resets it, and would end with a program that ctrl+c ended
            "exec 3>&1 4>&2",
            self.before,
            "code=0",
            f"{{ {self.example.replace('/mnt', '~')}\n}} || code=$?",
            f'test "$code" = {self.code}',
            "exec >&3 2>&4",
            self.after,
            ")",
        ]


T = Typed

FAILED = "touch fail; trainui run digits.yaml || test $? = 1"
RUNNING = "touch slow; trainui rerun digits train --downstream"

STARTED = "until trainui show digits | grep 'train .*running'; do sleep 0.05; done"

KILL = (
    "until test -s pids; do sleep 0.05; done; kill -9 $(cat pids); "
    "trainui wait digits || test $? = 1"
)

STARTING = [
    T("trainui run -- python train.py", "rm -f ran", "test -e ran"),
    T("trainui run pipeline.yaml -p lr=0.1 --name first-try", "rm -f ran", "grep 'lr 0.1' ran"),
    T(
        "trainui run pipeline.yaml --detach --json",
        "exec > answer",
        'trainui wait "$(jq -r .run answer)"',
    ),
    T("trainui run --name baseline -- python train.py --lr 0.1", "rm -f ran", "grep 'lr 0.1' ran"),
    T("trainui logs baseline"),
    T(
        "trainui run --gpus 2 -- torchrun --nproc-per-node 2 train.py",
        after="grep 'torchrun --nproc-per-node 2 train.py on .*,' ~/called",
    ),
]

RESUMING = [
    T("trainui resume digits --dry-run", f"{FAILED}; exec > plan", "grep 'evaluate.*run' plan"),
    T("trainui resume digits --until train --fresh prepare"),
    T(
        "trainui resume digits --file digits.yaml --keep train",
        "rm ran; sed -i 's/train.py/train.py --lr 7/' digits.yaml",
        "test ! -e ran",
        code=1,
    ),
    T("trainui resume digits", "rm fail"),
    T("trainui rerun digits evaluate"),
    T("trainui wait digits --timeout 600"),
    T("trainui rerun digits train --downstream", "touch slow"),
    T(
        "trainui stacks digits train",
        f"{STARTED}; exec > words",
        "grep 'process .* in .*train.py' words",
    ),
    T("trainui stacks digits train --json", "exec > answer", "jq -e .summary answer"),
    T(
        "trainui logs digits train -f",
        "exec > log; { until grep -q begun log; do sleep 0.05; done; rm slow; } &",
        "grep done log; trainui wait digits",
    ),
    T("trainui cancel digits train", RUNNING),
    T(
        "trainui cancel digits",
        "trainui resume digits --detach",
        "trainui wait digits || test $? = 130",
    ),
    T(
        "trainui resume --interrupted --detach",
        f"rm pids; touch slow; trainui resume digits --detach; {KILL}",
        "rm slow; trainui wait digits",
    ),
]

LOOKING = [
    T("trainui ls --all"),
    T("trainui boxes ls"),
    T("trainui boxes ls --json"),
    T("trainui ls --json | jq -r '.runs[0].run'"),
    T(
        'trainui ls status:completed "params.lr>1e-3" --sort metric.val/loss --limit 5',
        after="test ! -e 1e-3",
    ),
    T(
        'trainui note digits "warm-up was too short"',
        after="trainui show digits | grep 'warm-up was too short'",
    ),
    T("trainui note digits --verdict discard", after="trainui tree | grep discard"),
    T("trainui tree --json", "exec > tree", "jq -e . tree"),
    T("trainui show digits"),
    T("trainui show 3f2a --json"),
    T('ls "$(trainui path digits evaluate)"'),
    T('cd "$(trainui path digits)"', after="test -e pipeline.yaml"),
    T("trainui logs digits train -n 50 --stream err", "exec > log", "grep careful log"),
    T("trainui logs digits train --attempt 1 > first.log", after="grep begun first.log"),
    T("trainui events digits"),
    T("trainui events -n 100"),
    T("trainui digest", "exec > words", "grep completed words"),
    T("trainui digest --since 8h", "exec > words", "grep 'since .* 8h' words"),
    T("trainui digest --since 23:30 --markdown > night.md", after="grep '# Digest' night.md"),
    T("trainui digest --json | jq -r '.next[].command'"),
    T("trainui metrics digits"),
    T("trainui metrics digits train --json"),
    T("trainui metrics digits --points > points.jsonl", after="test 3 = $(wc -l < points.jsonl)"),
    T("trainui export digits > points.csv", after="test 4 = $(wc -l < points.csv)"),
    T("trainui export digits train --output points.parquet", after="test -s points.parquet"),
    T(
        "trainui export digits --format jsonl --superseded | gzip > points.jsonl.gz",
        after="zcat points.jsonl.gz | jq -e .step",
    ),
    T(
        "trainui diff baseline larger",
        "for name in baseline larger a b; do trainui run --name $name -- python train.py; done",
    ),
    T("trainui compare baseline larger", "exec > words", "grep 'too few' words"),
    T("trainui compare baseline larger --json | jq -r .verdict", "exec > words", "grep few words"),
    T(
        "trainui compare 'sweep/train[lr=0.1]' 'sweep/train[lr=0.01]' --metric loss",
        "trainui run sweep.yaml; exec > words",
        "grep 'A  sweep .*0.1. ' words",
    ),
    T("trainui diff baseline"),
    T("trainui diff a b --json", "exec > diff", "jq -e . diff"),
    T("trainui report digits"),
    T(
        "trainui report digits | gh issue comment 12 --body-file -",
        after="grep 'gh issue comment 12' ~/called; grep '# digits' ~/called",
    ),
    T("trainui graph digits"),
    T("trainui graph digits --mermaid"),
    T("trainui shell digits evaluate"),
    T(
        "echo nvidia-smi | trainui shell digits evaluate",
        "exec 2> words",
        "grep nvidia-smi ~/called",
    ),
]

FILES = [
    T("trainui init experiments/sweep.yaml", after="test -s experiments/sweep.yaml"),
    T("trainui validate pipeline.yaml --json"),
    T("trainui validate experiments/*.yaml"),
    T("trainui plugins"),
    T("trainui schema > trainui.schema.json", after="jq -e .properties.stages trainui.schema.json"),
    T("trainui schema --commands", after="trainui schema --commands | jq -e .show.properties.run"),
    T(
        "trainui completion fish > ~/.config/fish/completions/trainui.fish",
        "mkdir -p ~/.config/fish/completions",
        "test -s ~/.config/fish/completions/trainui.fish",
    ),
    T(
        "trainui completion zsh > ~/.zfunc/_trainui  # with fpath=(~/.zfunc $fpath) in ~/.zshrc",
        "mkdir ~/.zfunc",
        "test -s ~/.zfunc/_trainui",
    ),
]

WORKER = [
    T("trainui worker pause"),
    T("trainui worker unpause"),
    T("trainui worker status --json", "exec > answer", "jq -e .running answer"),
    T("trainui worker stop", after="test $(trainui worker status --json | jq .running) = false"),
    T(
        "trainui worker stop --with-stages",
        RUNNING,
        "rm slow; trainui wait digits || test $? = 130",
    ),
    T("trainui worker install --print", "exec > unit", "grep ExecStart unit"),
    T("trainui worker uninstall"),
]

DELETING = [
    T("trainui rm 3f2a91c0 --dry-run", after="trainui show 3f2a91c0"),
    T("trainui rm 3f2a91c0 --yes", after="trainui show 3f2a91c0 || test $? = 3"),
    T("trainui prune --dry-run"),
    T(
        "trainui prune --keep 3 --older-than 7d",
        after="test 3 = $(trainui ls --all | grep -c ' old ')",
    ),
    T(
        "trainui prune --keep 0 --older-than 365d --yes",
        after="! trainui ls --all | grep ' old '",
    ),
    T("trainui backup", after="test -s trainui-*.tar.gz"),
    T("trainui backup /mnt/backups/trainui.tar.gz", "mkdir ~/backups", "test -s ~/backups/*.gz"),
    T(
        'tar xzf trainui.tar.gz -C "$TRAINUI_HOME"   # restore into an empty home',
        "cp trainui-*.tar.gz trainui.tar.gz; export TRAINUI_HOME=~/other; mkdir ~/other",
        "trainui show digits",
    ),
    T(
        "trainui uninstall --dry-run",
        "export TRAINUI_HOME=~/other; trainui worker start --as-copy",
        "test -d ~/other/runs",
    ),
    T(
        "trainui uninstall --yes && pipx uninstall trainui",
        "export TRAINUI_HOME=~/other",
        "test ! -e ~/other; grep 'pipx uninstall trainui' ~/called",
    ),
]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


ENDLESS = [
    T("trainui serve", code=0 if port_is_free(8000) else 4),
    T("trainui serve --port 9000 --write", code=0 if port_is_free(9000) else 4),
    T("trainui events -f --json | jq -r 'select(.kind == \"failed\") | .text'", code=130),
]

GROUPS = {
    "looking": LOOKING,
    "files": FILES,
    "endless": ENDLESS,
    "starting": STARTING,
    "resuming": RESUMING,
    "worker": WORKER,
    "deleting": DELETING,
}

FORKED = GROUPS.keys() - {"starting", "endless"}
"""Groups whose commands need no GPU and no terminal that they control."""

ANSWERS = {
    "looking": {"`exit` leaves": "exit\r"},
    "endless": {"read-only|actions allowed|evaluate (is )?failed": "\x03"},
    "deleting": {"Delete 1 run": "y\r"},
}
"""What is typed when something is seen."""

TRAIN = """
import json, os, sys, time
print("begun", sys.argv, flush=True)
print("careful", file=sys.stderr)
open("ran", "w").write(" ".join(sys.argv))
open("pids", "w").write(f"{os.getppid()} {os.getpid()}")
while os.path.exists("slow"):
    time.sleep(0.02)
with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
    for step in range(3):
        print(json.dumps({"step": step, "loss": 1 / (step + 1)}), file=file)
print("done")
"""

DIGITS = """
name: digits
stages:
  - {name: prepare, run: "echo 1 > ${stage_dir}/data", outputs: [data]}
  - {name: train, run: python train.py, depends_on: [prepare]}
  - {name: evaluate, run: "test ! -e fail || exit 7", depends_on: [train]}
"""

PIPELINE = """
name: pipeline
params: {lr: 0.5}
stages:
  - {name: train, run: "python train.py --lr ${params.lr}"}
"""

SWEEP = """
name: sweep
stages:
  - {name: train, matrix: {lr: [0.1, 0.01]}, run: python train.py}
"""

OTHERS = """
import sqlite3, sys
from trainui import PipelineExecutor, control
from trainui.pipeline import loader
old = loader.load_text("name: old\\nstages: [{name: a, task: os.getcwd}]")
for _ in range(4):
    PipelineExecutor(control.submit(old)).wait()
named = PipelineExecutor("3f2a91c0-0000-4000-8000-000000000000")
named.execute([{"name": "a", "task": "os.getcwd"}])
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE runs SET completed_at = 1 WHERE name = 'old'")
"""

PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $* on $CUDA_VISIBLE_DEVICES" >> ~/called
"""
"""What stands in for programs that are not ours."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A machine with two GPUs, and a run called digits that failed once and was resumed."""
    root = tmp_path_factory.mktemp("names with spaces")
    machine = Machine(root / "nvml", 2)
    cli = CommandLine(root, {"LD_LIBRARY_PATH": machine.library_path})
    programs = root / "bin"
    programs.mkdir()
    for name in ("torchrun", "gh", "nvidia-smi", "pipx"):
        reads = "cat >> ~/called\n" if name == "gh" else ""
        (programs / name).write_text(PROGRAM + reads)
        (programs / name).chmod(0o755)
    cli.environ["PATH"] = f"{programs}:{cli.environ['PATH']}"
    for name, text in {
        "train.py": TRAIN,
        "digits.yaml": DIGITS,
        "pipeline.yaml": PIPELINE,
        "sweep.yaml": SWEEP,
        "others.py": OTHERS,
    }.items():
        (cli.directory / name).write_text(text)
    cli.write("fail", "")
    assert cli("run", "digits.yaml").code == 1
    (cli.directory / "fail").unlink()
    assert cli("resume", "digits").code == 0
    others = [sys.executable, "others.py", str(cli.home / "trainui.db")]
    subprocess.run(others, cwd=cli.directory, env=cli.environ, check=True)
    yield cli
    cli.close()
    machine.remove_locks()


@pytest.mark.parametrize("group", GROUPS)
def test_examples_do_what_they_say(box: CommandLine, group: str) -> None:
    script = [
        "set -eEuo pipefail",
        "trap 'echo \"$example: $BASH_COMMAND: exit code $?\"' ERR",
        "trap : INT",
        "export TERM=dumb",  # the screen does not open, and a run is waited for
    ]
    for one in GROUPS[group]:
        script += one.lines()
    environ = dict(box.environ)
    if group in FORKED:
        command_server.put_first(box.directory.parent / f"typed-{group}", environ)
    code, seen = type_in("\n".join(script), environ, box.directory, ANSWERS.get(group))
    assert code == 0, seen


def in_help(command: Any) -> Iterator[str]:
    """Every example of a command and of those below it."""
    yield from map(str.strip, (command.epilog or "").partition("Examples:\n")[2].splitlines())
    for one in getattr(command, "commands", {}).values():
        yield from in_help(one)


def test_every_example_is_typed() -> None:
    typed = [one.example for one in itertools.chain(*GROUPS.values())]
    pages = (line for page in PAGES for block in blocks_of(page) for line in block.command_lines())
    on_pages = {line for line in pages if not is_elsewhere(line)}
    ours, plugins = get_command(parser()), get_command(listing(registry.names(Command)))
    examples = {*in_help(ours), *in_help(plugins)}
    assert {one for one in examples if one.partition("  #")[0] not in on_pages} - {
        *typed,
        *ELSEWHERE,
    } == set()
    assert {*typed, *ELSEWHERE} <= examples
