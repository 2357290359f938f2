"""After a whole run under an open umask: all is private, and no secret is where it may not be."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, states_of
from tests.acceptance.terminal import PROGRAM, terminal
from tests.security.another_user import can, needs_root, open_the_way_to, unshared_directory
from trainui.supervisor.process import processes_of

SECRETS = {
    "shell": "canary-shell-1",
    "variable": "canary-variable-2",
    "given": "canary-given'3",
    "parameter": "canary-parameter-4",
    "nested": "canary-nested-5",
    "command": "canary-command-6",
}
CANARY = re.compile(rb"canary-[a-z]+")

PIPELINE = f"""
    name: canary
    params: {{api_key: null, lr: 1}}
    stages:
      - name: train
        run: ["${{python}}", train.py, --key, "${{params.api_key}}", --x, "${{env.WANDB_API_KEY}}"]
        env: {{HF_TOKEN: {SECRETS["variable"]}, COPY: "${{params.api_key}}"}}
        metrics: m.jsonl
      - name: task
        task: tasks.go
        params: {{password: {SECRETS["parameter"]}, a: [{{secret_b: {SECRETS["nested"]}}}]}}
        depends_on: [train]
      - name: shell
        run: "test ${{params.api_key}} = \\"$COPY\\"; echo no; exit 3"
        env: {{COPY: "${{params.api_key}}"}}
        depends_on: [train]
      - name: argument
        run: [sh, -c, "echo about $1 >&2; exit 4", x, {SECRETS["command"]}]
        env: {{MY_SECRET: {SECRETS["command"]}}}
        depends_on: [train]
      - name: lost
        run: "true"
        workdir: /nowhere/${{env.WANDB_API_KEY}}
        depends_on: [train]
"""

TRAIN = f"""
    import json, os, sys, time
    assert sys.argv[2] == os.environ["COPY"] == {SECRETS["given"]!r}
    assert sys.argv[4] == os.environ["WANDB_API_KEY"] == {SECRETS["shell"]!r}
    assert os.environ["HF_TOKEN"] == {SECRETS["variable"]!r}
    with open(os.environ["TRAINUI_STAGE_DIR"] + "/m.jsonl", "w") as file:
        for step in range(100):
            file.write(json.dumps({{"step": step, "loss": 1 / (step + 1)}}) + "\\n")
    open(os.environ["TRAINUI_STAGE_DIR"] + "/own", "w").close()
    while not os.path.exists("seen"):
        time.sleep(0.01)
"""

TASKS = f"""
    def go(password, a):
        assert password == {SECRETS["parameter"]!r}
        assert a == [{{"secret_b": {SECRETS["nested"]!r}}}]
        raise ValueError("not with " + password)
"""


class Used:
    """A home in which a run has ended, and all that was seen of it."""

    def __init__(self, root: Path) -> None:
        self.cli = CommandLine(root)
        self.cli.always_forks = True
        self.cli.environ["WANDB_API_KEY"] = SECRETS["shell"]
        self.command_lines: set[bytes] = set()

    @property
    def home(self) -> Path:
        return self.cli.home

    def run(self, name: str) -> None:
        """Run the pipeline to its end, looking at every process meanwhile.

        The training goes on once it was seen.
        """
        seen = self.cli.directory / "seen"
        seen.unlink(missing_ok=True)
        waiting = self.cli.start(
            *("run", "pipeline.yaml", "--name", name, "--wait"),
            *("-p", f"api_key={SECRETS['given']}"),
        )
        while waiting.poll() is None:
            now = set(command_lines(self.home))
            self.command_lines |= now
            if any(b"train.py" in line for line in now):
                seen.touch()
        out, err = waiting.communicate()
        assert waiting.returncode == 1, (out, err)

    def of_stage(self, name: str, run: str) -> Path:
        return Path(self.cli("path", run, name).out.strip())


def command_lines(home: Path) -> Iterator[bytes]:
    for pid in processes_of({"TRAINUI_HOME": str(home)}):
        try:
            yield Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def used() -> Iterator[Used]:
    with unshared_directory() as root:
        used = Used(root)
        used.cli.write("pipeline.yaml", PIPELINE)
        used.cli.write("train.py", TRAIN)
        used.cli.write("tasks.py", TASKS)
        with umask(0):
            used.run("open")
            used.cli("rerun", "open", "train")
            used.cli("wait", "open")
        with umask(0o077):
            used.run("closed")
        yield used
        used.cli.close()


def test_the_stages_got_their_secrets(used: Used) -> None:
    shown = used.cli.json("show", "closed")
    assert states_of(shown) == {
        "train": "completed",
        "task": "failed",
        "shell": "failed",
        "argument": "failed",
        "lost": "failed",
    }
    errors = {stage["name"]: stage["error"] for stage in shown["stages"]}
    assert errors["task"].startswith("ValueError: not with ***")
    assert errors["shell"].startswith("exit code 3\n\nno")
    assert errors["argument"].startswith("exit code 4: about ***\n\nabout ***")
    assert errors["lost"].startswith("workdir /nowhere/*** does not exist")


def test_everything_of_ours_is_private_whatever_the_umask(used: Used) -> None:
    ours = [path for path in [used.home, *used.home.rglob("*")] if not is_a_stages_own(path)]
    kinds = {path.name for path in ours}
    assert {"trainui.db", "trainui.db-wal", "worker.log", "broker.log", "broker.sock"} <= kinds
    assert {"doorbell.sock", "env.json", "exit.json", "stdout.log", "train~1"} <= kinds
    assert any(name.endswith(".aof") for name in kinds)
    for path in ours:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"


def is_a_stages_own(path: Path) -> bool:
    return path.name in ("own", "m.jsonl")


def test_a_stages_files_follow_the_submitters_umask(used: Used) -> None:
    for run, mode in (("open", 0o666), ("closed", 0o600)):
        made = used.of_stage("train", run) / "own"
        assert stat.S_IMODE(made.stat().st_mode) == mode
        assert stat.S_IMODE(made.parents[1].stat().st_mode) == 0o700


def test_secrets_are_only_in_files_where_their_owner_put_them(used: Used) -> None:
    allowed = {"env.json": 0, "pipeline.yaml": 0, "stderr.log": 0, "result.json": 0}
    for path in used.home.rglob("*"):
        if not path.is_file():
            continue
        found = CANARY.findall(path.read_bytes())
        if path.name in allowed:
            allowed[path.name] += len(found)
        else:
            assert not found, path
    # the environment, the file as submitted, and what stages printed and raised themselves
    assert all(allowed.values()), allowed


def test_no_secret_is_in_a_command_line_but_its_owners(used: Used) -> None:
    assert any(b"supervise.py" in line or b"celery" in line for line in used.command_lines)
    telling = {line for line in used.command_lines if CANARY.search(line)}
    assert any(b"train.py" in line for line in telling)
    for line in telling:
        is_ours_to_type = b"-m\0trainui\0run\0" in line
        assert is_ours_to_type or b"train.py" in line or line.startswith((b"sh\0", b"/")), line
        assert b"supervis" not in line
        assert b"trainui.execution" not in line


@pytest.mark.parametrize(
    "command",
    [
        "show closed",
        "resume closed --file edited.yaml --dry-run",
        f"run pipeline.yaml --dry-run -p api_key={SECRETS['given']}",
    ],
)
def test_no_command_prints_a_secret(used: Used, command: str) -> None:
    edited = PIPELINE.replace(SECRETS["parameter"], "canary-edited-7")
    used.cli.write("edited.yaml", edited.replace("exit 3", "exit 0"))
    for options in ((), ("--json",)):
        done = used.cli(*command.split(), *options)
        assert not CANARY.search((done.out + done.err).encode()), done
        assert "Traceback" not in done.err


def test_no_screen_shows_a_secret(used: Used) -> None:
    """Over every stage of a run, its plan and the file chooser; a stage's own log is as it is."""
    own = ("about canary-command", "not with canary-parameter")
    seen: list[str] = []
    program = f"import os; os.chdir({str(used.cli.directory)!r})\n{PROGRAM}"
    with terminal((160, 50), program=program, **used.cli.environ) as shown:
        shown.until_shown("closed", "open")

        def press(key: str, *texts: str) -> None:
            shown.press(key)
            shown.until_shown(*texts)
            seen.extend(shown.screen.display)

        press("\r", "2 task")
        for key, name in zip("jjjg", ("shell", "argument", "lost", "train"), strict=True):
            press(key, f"2 {name}")
        press("r", "4 to run, 1 skipped")
        press("\x1b", "u run a file")
        press("u", "pipeline.yaml")
    assert any("***" in line for line in seen)
    telling = [line for line in seen if "canary-" in line]
    assert telling  # the logs are as they are
    assert [line for line in telling if not any(words in line for words in own)] == []


def test_an_edited_secret_is_seen_though_it_is_not_shown(used: Used) -> None:
    used.cli.write("edited.yaml", PIPELINE.replace(SECRETS["variable"], "canary-edited-7"))
    plan = used.cli.json("resume", "closed", "--file", "edited.yaml", "--dry-run")
    train = next(stage for stage in plan["stages"] if stage["name"] == "train")
    assert train["action"] == "run"
    assert train["reason"] == "env changed: HF_TOKEN *** -> ***"


@needs_root
def test_another_user_gets_nothing(used: Used) -> None:
    everything = [used.home, *used.home.rglob("*")]
    outside = used.cli.directory / "for all"
    outside.write_text("x")
    outside.chmod(0o644)
    open_the_way_to(used.home)
    outside.parent.chmod(0o755)
    assert can([outside]) == [("read", str(outside))]
    assert can(everything) == []
    # and were the directories left open, the files and sockets are not
    opened = [used.home, used.home / "broker", used.home / "worker", used.home / "runs"]
    try:
        for directory in opened:
            directory.chmod(0o755)
        assert set(can(everything)) == {
            (what, str(path)) for path in opened for what in ("list", "read")
        }
    finally:
        for directory in opened:
            directory.chmod(0o700)


def test_nothing_listens_on_the_network(used: Used) -> None:
    pids = processes_of({"TRAINUI_HOME": str(used.home)})
    assert len(pids) >= 4  # guard, broker, worker, reader
    listening = set(network_sockets())
    for pid in pids:
        held = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
        assert not held & listening, Path(f"/proc/{pid}/cmdline").read_bytes()


def network_sockets() -> Iterator[str]:
    """Every network socket of this machine, as its links in /proc read."""
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            yield f"socket:[{line.split()[9]}]"
