"""Each page is followed from top to bottom, by somebody who has nothing but what it shows.

Its files are written and its command lines typed, on a terminal and in a home of their own; its
programs are run; its pieces of pipeline files are checked as the whole is.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import command_server, tracker_files
from tests.acceptance.command_line import CommandLine
from tests.acceptance.pages import PAGES, ROOT, SAMPLES, Block, blocks_of, name_of
from tests.acceptance.typing_person import type_in
from tests.unit.supervisor.waiting import wait_for

ELSEWHERE = {
    "python3 dev.py test": "it is what runs this test",
    "python3 dev.py run ls": "it is typed in the clone, by the last of these tests",
    "python3 dev.py demo": "sets up what these tests run in; `trainui demo` is run by test_package",
    ".venv/bin/pytest tests/unit/store -q": "a part of what runs this test",
    "trainui demo": "takes a minute; test_package runs it",
    "pipx install .": "test_package runs it where pipx is",
    "uv tool install --compile-bytecode .": "test_package runs it where uv is",
    "uv pip compile": "asks a registry for what is the newest by now; for releases",
    "uv run --isolated": "runs the unit tests on the oldest dependencies; for releases",
    "trainui mcp": "needs a client; test_mcp has one",
    "trainui skill --install": "asks; test_skill answers",
    "trainui run sample_pipelines/frameworks/lightning.yaml": "test_frameworks runs it",
}
"""Command lines that are not typed here, by their beginnings, and why."""

PAGES_ELSEWHERE = {
    "docs/hosts.md": "needs several hosts; tests/hosts has two, and follows it there",
    "docs/boxes.md": "needs boxes; test_cli_boxes has two behind a real sshd",
    "docs/slurm.md": "needs a Slurm; test_cli_slurm has one, and such files",
    "docs/plugins.md": "test_docs_plugins builds, installs and runs its packages",
}

FAILS = {"trainui run sample_pipelines/flaky.yaml --wait"}
"""Command lines after which the page says that they have failed."""

TRAIN = """
import json, os
with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
    for step in range(1, 20):
        print(json.dumps({"step": step, "val/loss": 1 / step, "val/acc": step}), file=file)
"""
PIPELINE = "stages: [{name: train, run: python train.py}]\n"
DVC = "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n"
MAIL = '#!/bin/sh\nprintf "%s\\n" "$@" > ~/mail.part\ncat >> ~/mail.part\nmv ~/mail.part ~/mail\n'

TEMPLATE_CONFIG = """
defaults: [_self_, {experiment: null}]
task_name: train
seed: null
ckpt_path: null
epochs: 20
hydra: {run: {dir: logs/runs/1}, sweep: {dir: logs/multiruns/1, subdir: "${hydra.job.num}"}}
"""
TEMPLATE = """
import pathlib
import hydra

@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg):
    place = pathlib.Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    (place / "csv/version_0").mkdir(parents=True)
    rows = [f"{epoch},{epoch},{1 / (epoch + cfg.seed)}\\n" for epoch in range(cfg.epochs)]
    (place / "csv/version_0/metrics.csv").write_text("epoch,step,val/loss\\n" + "".join(rows))
    (place / "checkpoints").mkdir()
    (place / "checkpoints/last.ckpt").write_text("weights")

main()
"""
"""A project in the style of lightning-hydra-template, without Lightning."""

EVENTS = "events.out.tfevents.1800000000.node7.1.0"

OWN: dict[str, dict[str, str | Callable[[Path], None]]] = {
    "README.md": {"dvc.yaml": DVC},
    "docs/alerts.md": {"train.py": TRAIN},
    "docs/hydra.md": {
        "src/train.py": TEMPLATE,
        "configs/train.yaml": TEMPLATE_CONFIG,
        "configs/experiment/mnist.yaml": "# @package _global_\nepochs: 2\n",
    },
    "docs/living.md": {"~/bin/mail": MAIL},
    "docs/pipeline.md": {"data.txt": "b\na\n"},
    "docs/python.md": {"~/datasets/train.csv": "step,loss\n"},
    "docs/scripts.md": {"pipeline.yaml": PIPELINE, "train.py": TRAIN},
    "docs/trackers/wandb.md": {
        "wandb/offline-run-20261101_100000-x1/run-x1.wandb": tracker_files.wandb,
        "train.py": tracker_files.trainer(
            tracker_files.wandb, "wandb/offline-run-20261101_110000-x2/run-x2.wandb"
        ),
    },
    "docs/trackers/mlflow.md": {
        "mlruns/0/m1/meta.yaml": tracker_files.mlflow,
        "train.py": tracker_files.trainer(tracker_files.mlflow, "mlruns/0/m2/meta.yaml"),
    },
    "docs/trackers/trackio.md": {
        "~/.cache/huggingface/trackio/digits.db": tracker_files.trackio,
        "train.py": tracker_files.trainer(
            partial(tracker_files.trackio, year=2099), "~/.cache/huggingface/trackio/more.db"
        ),
    },
    "docs/trackers/tensorboard.md": {
        f"tensorboard/baseline/{EVENTS}": tracker_files.tensorboard,
        "train.py": tracker_files.trainer(tracker_files.tensorboard, f"runs/now/{EVENTS}"),
    },
}
"""What a page's readers have already: texts, or functions that write a file."""

EXTERNAL = {
    "docs/trackers/wandb.md": ("wandb-run", "wandb"),
    "docs/trackers/mlflow.md": ("mlflow-run", "mlflow"),
    "docs/trackers/trackio.md": ("trackio-run", "trackio"),
    "docs/trackers/tensorboard.md": ("baseline", "tfevents"),
}
"""The run that a tracker's page adds, and its kind."""

SHORTER = {
    "sample_pipelines/train.py": [
        ("default=80_000", "default=8_000"),
        ("default=500", "default=50"),
    ],
    "sample_pipelines/digits.yaml": [("epochs: 30", "epochs: 3")],
    "sample_pipelines/flaky.yaml": [("--memory-mb=50", "--memory-mb=5")],
    "README.md/sample_pipelines/digits.yaml": [("epochs: 30", "epochs: 3")],
    "docs/tutorial.md/train.py": [("sleep(0.1)", "sleep(0.01)")],
}
"""Files, by their folder or their page, and the changes by which they take a tenth of the time."""


class Reader:
    """Somebody at a terminal, with a page."""

    def __init__(self, cli: CommandLine, page: Path) -> None:
        self.cli = cli
        self.name = name_of(page)
        self.blocks = blocks_of(page)
        command_server.put_first(cli.directory.parent / "typed", cli.environ)
        cli.environ["PATH"] = f"{cli.environ['HOME']}/bin:{cli.environ['PATH']}"
        del cli.environ["XDG_CONFIG_HOME"]  # so that it is ~/.config
        for name, content in OWN.get(self.name, {}).items():
            self.write(name, content)
        self.copy_samples()

    def copy_samples(self) -> None:
        """Have what a clone has: the samples, beside one who reads of them."""
        if self.name == "README.md" or self.name.startswith(SAMPLES.name):
            shutil.copytree(SAMPLES, self.cli.directory / SAMPLES.name)
            for name in SHORTER:
                if name.startswith(SAMPLES.name):
                    file = self.cli.directory / name
                    file.write_text(shorter(name, file.read_text()))

    def write(self, name: str, content: str | Callable[[Path], None]) -> None:
        """Write a file where its name says."""
        file = Path(self.cli.directory, name.replace("~", self.cli.environ["HOME"]))
        file.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(file)
            return
        file.write_text(content)
        if content.startswith("#!"):
            file.chmod(0o755)

    def follow(self) -> str:
        """Do all that the page shows; return what was to be seen."""
        for block in self.blocks:
            if block.file:
                self.write(block.file, shorter(f"{self.name}/{block.file}", block.body))
        script = ["set -euo pipefail", "trap 'echo \"$place: $BASH_COMMAND: exit code $?\"' ERR"]
        for block in self.blocks:
            script.append(f"place={block.place}")
            script += self.lines(block)
        code, seen = type_in("\n".join(script), self.cli.environ, self.cli.directory)
        assert code == 0, seen
        return seen

    def lines(self, block: Block) -> list[str]:
        """Return what is typed for a block."""
        file = block.file or block.place.replace("/", "-").replace(":", "-") + f".{block.kind}"
        match block.kind:
            case "sh":
                return self.shell(block)
            case "yaml":
                if (block.file or "").startswith("sample_pipelines/frameworks/"):
                    return []  # test_frameworks runs it, with the environment that it names
                if block.file is None:
                    self.write(file, whole(block.body))
                return [f"trainui validate {file}"]
            case "python" if block.file is None:
                self.write(file, block.body)
                return [f"TRAINUI_METRICS_FILE=$PWD/{file}.jsonl python {file}"]
            case "toml":
                assert block.file == "~/.config/trainui/config.toml", "only settings are TOML"
                return ["trainui worker status"]  # it refuses any that are wrong
            case "python" | "text" | "" | "{toctree}":
                return []
        raise AssertionError(f"{block.place}: nobody checks {block.kind}")

    @staticmethod
    def shell(block: Block) -> list[str]:
        """Return the lines of a block that are typed here."""
        typed = [line for line in block.body.splitlines() if not is_elsewhere(line)]
        if any(line.endswith("\\") for line in block.body.splitlines()):
            typed = [line for line in block.command_lines() if not is_elsewhere(line)]
        return [
            f"{command} || test $? = 1"
            if (command := line.partition(" #")[0].strip()) in FAILS
            else line
            for line in typed
        ]


def shorter(name: str, text: str) -> str:
    """Return a file's text with the changes by which it takes less time."""
    for before, after in SHORTER.get(name, ()):
        assert before in text
        text = text.replace(before, after)
    return text


def is_elsewhere(line: str) -> bool:
    return line.strip().startswith(tuple(ELSEWHERE))


def whole(text: str) -> str:
    """Return a pipeline file with a piece of one in it."""
    if "stages:" in text:
        return text
    if text.lstrip().startswith("-"):
        return "stages:\n" + text
    resumed = 'resume_args: ["${checkpoint}"]\n' if "checkpoint:" in text else ""
    stage = f"name: train\nrun: python train.py\n{resumed}{text}"
    return "stages:\n  -\n" + textwrap.indent(stage, "    ")


def check_the_tutorial(reader: Reader, seen: str) -> None:
    assert "continue" in seen
    assert "step-200.json" in seen
    shown = reader.cli.json("show", "unlucky")
    assert shown["status"] == "completed"
    assert [len(one["attempts"]) for one in shown["stages"]] == [2, 2, 1]
    assert shown["stages"][0]["attempts"][1]["checkpoint"].endswith("step-200.json")
    assert len((reader.cli.directory / "points.csv").read_text().splitlines()) > 800


def check_the_readme(reader: Reader, _seen: str) -> None:
    assert reader.cli("wait", "digits").code == 0


def check_who_is_told(reader: Reader, _seen: str) -> None:
    assert reader.cli("run", "--name", "crash", "--wait", "--", "false").code == 1
    mail = Path(reader.cli.environ["HOME"], "mail")
    wait_for(mail.exists, "the mail")
    words = mail.read_text().splitlines()
    assert words[:2] == ["-s", words[1]]
    assert words[1].startswith("trainui: crash failed after")
    assert words[2] == "me@example.org"


def check_the_alerts(reader: Reader, _seen: str) -> None:
    (file,) = reader.cli.directory.glob("docs-alerts*.yaml")
    assert reader.cli("run", "--wait", str(file)).code == 0


def check_python(reader: Reader, seen: str) -> None:
    assert "prepare completed" in seen
    assert "'new_metrics_count': 2, 'new_offset': 23, 'file_size': 23" in seen
    shown = reader.cli.run((reader.cli.directory / "shop.yaml").read_text())
    assert shown["stages"][0]["result"] == {"lr": 0.5, "epochs": 3}


def curves_of(reader: Reader, run: str) -> list[dict[str, Any]]:
    """Return the series of a run once there are any."""

    def series() -> list[dict[str, Any]]:
        return list(reader.cli.json("metrics", run)["series"])

    wait_for(series, f"the curves of {run}")
    return series()


def check_the_tracker(reader: Reader, seen: str) -> None:
    added, kind = EXTERNAL[reader.name]
    for run, external in (("first", None), (added, kind)):
        (series,) = curves_of(reader, run)
        assert series["name"] in {"val/loss", "val_loss"}
        assert series["last"] == pytest.approx(0.2)
        known = reader.cli.json("show", run)["external"]
        assert (known and known["kind"]) == external
    if "params.lr" in seen:
        assert [one["name"] for one in reader.cli.json("ls", "params.lr>0.05")["runs"]] == [added]


def check_the_adopted(reader: Reader, seen: str) -> None:
    assert "writes metrics.jsonl" in seen
    assert f"cd '{reader.cli.directory}' && trainui run --name baseline -- python train.py" in seen
    wait_for(lambda: reader.cli.status("baseline") == "cancelled", "the end of the process")


def check_the_search(reader: Reader, seen: str) -> None:
    trials = [one for one in reader.cli.json("show", "lr")["stages"] if "trial" in one]
    assert [one["trial"] for one in trials] == list(range(12))
    assert {one["status"] for one in trials} <= {"completed", "pruned"}
    assert "train (search, 8 trials)" in seen
    for fold in reader.cli.json("metrics", "seeds")["folded"]:
        assert (fold["count"], fold["members"]) == (3, 3)


def check_the_samples(reader: Reader, seen: str) -> None:
    assert "bit for bit" in seen
    assert reader.cli("wait", "digits").code == 0


def check_the_sweeps(reader: Reader, _seen: str) -> None:
    of = ("train[seed=2]", "val/loss")
    for run in ("train", "template"):
        shown = reader.cli.json("show", run)
        assert shown["status"] == "completed"
        series = curves_of(reader, run)
        (last,) = (one["last"] for one in series if (one["stage"], one["name"]) == of)
        assert last == pytest.approx(1 / 3)


CHECKS: dict[str, Callable[[Reader, str], None]] = {
    "README.md": check_the_readme,
    "docs/alerts.md": check_the_alerts,
    "docs/hydra.md": check_the_sweeps,
    "docs/living.md": check_who_is_told,
    "docs/python.md": check_python,
    "docs/search.md": check_the_search,
    "docs/tutorial.md": check_the_tutorial,
    **dict.fromkeys(EXTERNAL, check_the_tracker),
    "docs/trackers/tmux.md": check_the_adopted,
    "sample_pipelines/README.md": check_the_samples,
}
"""What is so once a page was followed."""

FOLLOWED = [page for page in PAGES if blocks_of(page) and name_of(page) not in PAGES_ELSEWHERE]

IN_THE_LONG_SUITE = {
    *(f"docs/trackers/{name}.md" for name in ("mlflow", "tensorboard", "trackio")),
    "docs/hydra.md",
    "sample_pipelines/README.md",
}
"""Pages whose commands are those of `docs/trackers/wandb.md`; test_hydra launches such sweeps, and
the README and the tests of the samples run each of them."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The home, and the worker, of all pages that change no settings."""
    command_line = CommandLine(tmp_path_factory.mktemp("all readers"))
    yield command_line
    command_line.close()


@pytest.fixture
def cli(home: CommandLine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CommandLine]:
    """One whose paths have a space in them."""
    root = tmp_path / "a reader"
    root.mkdir()
    command_line = CommandLine(root)
    page = request.node.callspec.params["page"] if hasattr(request.node, "callspec") else None
    if page is None or any(block.kind == "toml" for block in blocks_of(page)):
        yield command_line
        command_line.close()
        return
    command_line.home = home.home
    command_line.environ["TRAINUI_HOME"] = str(home.home)
    yield command_line
    command_line.delete_runs()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.long) if name_of(page) in IN_THE_LONG_SUITE else page
        for page in FOLLOWED
    ],
    ids=name_of,
)
def test_a_pages_blocks_work(cli: CommandLine, page: Path) -> None:
    reader = Reader(cli, page)
    seen = reader.follow()
    if check := CHECKS.get(reader.name):
        check(reader, seen)


def test_the_pages_files_are_those_of_the_samples() -> None:
    shown = [block for block in blocks_of(ROOT / "docs/frameworks.md") if block.file]
    assert len(shown) == len(list(SAMPLES.glob("frameworks/*.yaml")))
    for block in shown:
        assert block.body == (ROOT / str(block.file)).read_text(), block.place


def test_every_command_elsewhere_is_on_some_page() -> None:
    typed = [line for page in PAGES for block in blocks_of(page) for line in block.command_lines()]
    for beginning in ELSEWHERE:
        assert any(line.startswith(beginning) for line in typed), beginning
    assert {name_of(page) for page in PAGES} >= {*PAGES_ELSEWHERE, *OWN, *CHECKS}


@pytest.mark.skipif(
    not (ROOT / ".venv" / "set-up.json").exists() or Path(sys.prefix) != ROOT / ".venv",
    reason="these tests do not run in what dev.py has set up",
)
def test_trainui_runs_from_the_clone(cli: CommandLine) -> None:
    command = shlex.join(["cd", str(ROOT)]) + " && python3 dev.py run ls"
    code, seen = type_in(command, cli.environ, cli.directory)
    assert code == 0, seen
