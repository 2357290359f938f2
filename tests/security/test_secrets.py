"""A stage prints its secrets in every notation, and nothing that quotes it lets them out."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, Done
from tests.acceptance.terminal import PROGRAM, terminal
from tests.unit.supervisor.waiting import wait_for
from trainui.pipeline.masking import MASK
from trainui.store import shell_environment

SECRETS = {
    "shell": "canary-shell-'it'\"s\" &é-yranac",
    "given": "canary-given/5%20+x-yranac",
    "plain": "canary-plain-behind-a-plain-name-yranac",
    "nested": "canary-nested-{a: [1]}-yranac",
    "lines": "canary-line-one-yranac\ncanary-line-two-yranac\n",
    "former": "canary-former-before-an-edit-yranac",
    "assigned": "canary-assigned-in-a-command-yranac",
}

PIPELINE = (
    """
name: leaky
params:
  api_key: null
  url: null
  lr: 0.1
stages:
  - name: fails
    run: ["${python}", leak.py, --url, "${params.url}"]
    env: {HF_TOKEN: "${env.PLAIN}", COPY: "${params.api_key}", OLD_SECRET: CANARY_FORMER}
    metrics: m.jsonl
  - name: task
    task: leak.go
    params: {deep: [{db_password: CANARY_NESTED}]}
  - name: warned
    run: "export MY_TOKEN='CANARY_ASSIGNED'; cat leaked.txt; sleep 0.1; exit 0"
    metrics: leaked.txt
""".replace("CANARY_NESTED", json.dumps(SECRETS["nested"]))
    .replace("CANARY_FORMER", json.dumps(SECRETS["former"]))
    .replace("CANARY_ASSIGNED", SECRETS["assigned"])
)

LEAK = """
import base64, html, json, os, pathlib, shlex, sys, textwrap
from urllib.parse import quote, quote_plus

def forms(secret):
    yield from (secret, shlex.quote(secret), repr(secret), repr(secret.encode()), quote(secret))
    yield from (json.dumps(secret), json.dumps(secret, ensure_ascii=False), html.escape(secret))
    yield from (quote(secret, safe=""), quote_plus(secret), json.dumps(shlex.quote(secret)))
    for user in ("", "u:", "us:"):
        yield "Authorization: Basic " + base64.b64encode((user + secret).encode()).decode()
    yield "\\n".join(textwrap.wrap(secret, 11, drop_whitespace=False))
    yield "\\x1b[1m" + secret[:9] + "\\x1b[0m" + secret[9:]
    yield "x" * 190 + secret
    yield "progress " + secret + "\\rxx"

def text():
    return "\\n".join(form for secret in json.load(open("secrets.json")) for form in forms(secret))

def go(deep):
    return {"said": text(), **{secret: 1 for secret in json.load(open("secrets.json"))}}

if __name__ == "__main__":
    secrets = json.load(open("secrets.json"))
    pathlib.Path(os.environ["TRAINUI_STAGE_DIR"], "m.jsonl").write_text(
        "".join('{"step": %d, "loss": %d}\\n' % (step, step) for step in range(5)))
    print(text())
    print(text(), file=sys.stderr)
    last = secrets[int(os.environ["TRAINUI_ATTEMPT"]) % len(secrets)]
    raise ValueError("no access with " + "x" * 150 + " " + last)
"""

PARTS = re.compile(rb"canary|yranac")
CORES = [
    base64.b64encode(bytes(before) + part)[-(-before * 8 // 6) : (before + 6) * 8 // 6]
    for part in (b"canary", b"yranac")
    for before in range(3)
]


def leaks(data: bytes | str) -> list[bytes]:
    """Return the parts of secrets in some output, also in base64 or broken into lines."""
    data = data.encode() if isinstance(data, str) else data
    joined = re.sub(rb"\s|\x1b\[[0-9;]*m|\\n|\xe2\x94\x82", b"", data)
    return [
        text[max(0, found.start() - 60) : found.end() + 60]
        for text in (data, joined)
        for pattern in (PARTS, *(re.compile(re.escape(core)) for core in CORES))
        for found in pattern.finditer(text)
    ]


class Leaky:
    """A home with two runs that printed their secrets, and a repository with one in a change."""

    def __init__(self, root: Path) -> None:
        self.sent = root / "sent"
        self.cli = CommandLine(root)
        self.cli.always_forks = True
        self.cli.environ |= {
            "WANDB_API_KEY": SECRETS["shell"],
            "TLS_KEY": SECRETS["lines"],
            "PLAIN": SECRETS["plain"],
            "TRAINUI_NOTIFY_COMMAND": f"{{ env | grep TRAINUI_MESSAGE; cat; }} >> {self.sent}; "
            "echo $WANDB_API_KEY; exit 1",
        }
        self.cli.write("pipeline.yaml", PIPELINE)
        self.cli.write("leak.py", LEAK)
        self.cli.write("secrets.json", json.dumps(list(SECRETS.values())))
        self.cli.write("leaked.txt", "\n".join(f"{one} loss 0.5" for one in SECRETS.values()) * 9)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q"], ["add", "leak.py"], ["commit", "-qm", "a"]):
            subprocess.run([*git, *words], cwd=self.cli.directory, check=True)
        for run in ("first", "second"):
            self.cli.write("leak.py", f"{LEAK}\n# {run} {SECRETS['given']}\n")
            note = f"with {SECRETS['shell']} and {SECRETS['given']}"
            done = self.run("run", "pipeline.yaml", "--name", f"{run} {SECRETS['given']}",
                            "--wait", "--note", note)  # fmt: skip
            assert done.code == 1, done
        self.cli.write("pipeline.yaml", PIPELINE.replace("canary-former-before", "canary-former-x"))

    def run(self, *arguments: str) -> Done:
        if arguments[0] not in ("run", "validate"):
            return self.cli(*arguments)
        url = f"https://user:{SECRETS['given']}@example.org"
        return self.cli(*arguments, "-p", f"api_key={SECRETS['given']}", "-p", f"url={url}")


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaky]:
    leaky = Leaky(tmp_path_factory.mktemp("leaky"))
    yield leaky
    leaky.cli.close()


def test_the_stages_printed_their_secrets(leaky: Leaky) -> None:
    logs = leaky.cli("logs", "second ***", "fails").out
    assert leaks(logs)
    assert all(secret.partition("\n")[0] in logs for secret in SECRETS.values())
    shown = leaky.cli.json("show", "second ***")
    errors = {stage["name"]: stage["error"] for stage in shown["stages"]}
    assert errors["fails"].count("***") > 10
    assert str(shown["stages"][1]["result"]).count("***") > 10


COMMANDS = [
    "ls", "show second", "report second", "events", "metrics second", "metrics second fails loss",
    "diff first second", "diff second", "tree", "note second leaked", "path second", "best second",
    "resume second --dry-run", "resume second --file pipeline.yaml --dry-run",
    "rerun second fails --dry-run", "graph second", "graph pipeline.yaml", "worker status",
    "doctor", "validate pipeline.yaml", "run pipeline.yaml --dry-run", "run broken.yaml",
    "validate broken.yaml", "export second", "export second --format jsonl", "shell second fails",
    "note second {given}", "wait second",
]  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_lets_a_secret_out(leaky: Leaky, command: str, options: tuple[str, ...]) -> None:
    broken = (
        PIPELINE.replace("HF_TOKEN: ", "HF_TOKEN: [1], B_KEY: ") + f"\n    x: {SECRETS['given']}"
    )
    leaky.cli.write("broken.yaml", broken)
    words = [word.format(**SECRETS) for word in command.split()]
    runs = {"first": "first ***", "second": "second ***"}
    done = leaky.run(*(runs.get(word, word) for word in words), *options)
    assert leaks(done.out + done.err) == []
    assert "Traceback" not in done.err


def test_no_notification_and_no_file_of_ours_has_a_secret(leaky: Leaky) -> None:
    assert leaky.sent.read_bytes().count(b"***") > 20
    assert leaks(leaky.sent.read_bytes()) == []
    own = {"env.json", "pipeline.yaml", "stdout.log", "stderr.log", "result.json", "m.jsonl"}
    files = [path for path in leaky.cli.home.rglob("*") if path.is_file() and path.name not in own]
    assert {"code.json", "trainui.db", "worker.log"} <= {path.name for path in files}
    for path in files:
        assert leaks(path.read_bytes()) == [], path


def test_no_screen_page_and_no_clipboard_has_a_secret(leaky: Leaky) -> None:
    """The log pane alone shows a stage's own output."""
    program = f"import os; os.chdir({str(leaky.cli.directory)!r})\n{PROGRAM}"
    with terminal((180, 50), program=program, **leaky.cli.environ) as shown:

        def press(keys: str, *texts: str) -> None:
            shown.press(keys)
            shown.until_shown(*texts)
            assert leaks("\n".join(shown.screen.display)) == [], keys

        def leave(closed: str) -> None:
            shown.press("\x1b")
            wait_for(lambda: closed not in shown.text(), f"no {closed}")

        def copied(key: str) -> str:
            before = shown.received.count("\x1b]52;")
            shown.press(key)
            wait_for(lambda: shown.text() and shown.received.count("\x1b]52;") > before, "a copy")
            text = base64.b64decode(shown.received.rpartition("\x1b]52;c;")[2].split("\x07")[0])
            assert leaks(text) == []
            return text.decode()

        shown.until_shown("second ***", "first ***")
        press("D", "What differs", "code")
        leave("What differs")
        assert "***" in copied("Y")
        press("M", "Disk")
        leave("Disk")
        shown.press("\r")
        shown.until_shown("1 Stages", "4 Log: fails", "stderr")
        shown.press("2z")  # from here on, the log is not shown
        wait_for(lambda: "4 Log: fails" not in shown.text(), "no log")
        press("d", "command", "***")
        for pane, text in (("5", "HF_TOKEN"), ("7", "failed"), ("6", "m.jsonl"), ("3", "loss")):
            press(pane, text)
        assert "***" in copied("Y")
        copied("C")
        press("r", "to run")
        leave("to run")
        press("e", " Edit ", "enter preview")


def test_an_adopted_process_keeps_its_secrets_for_a_rerun_alone(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    script = 'import pathlib, sys, time\npathlib.Path("argv").write_text(sys.argv[2])\n'
    cli.write("train.py", script + 'print("step 1 loss 0.5", flush=True)\ntime.sleep(600)\n')
    secret = SECRETS["shell"]
    environ = {**cli.environ, "HUB_TOKEN": secret}
    command = [sys.executable, "train.py", "--token", secret]
    with (cli.directory / "train.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cli.directory, env=environ, stdout=log)
    try:
        wait_for((cli.directory / "argv").exists, "its start")
        run = cli.json("add", "--pid", str(process.pid))["runs"][0]["run"]
        for words in (["show", run], ["diff", run], ["report", run], ["rerun", run], ["ls"]):
            for options in ((), ("--json",)):
                done = cli(*words, *options)
                assert leaks(done.out + done.err) == [], words
        typed = cli("rerun", run).err
        assert f"train.py --token '{MASK}'" in typed
        newest = b""
        with suppress(FileNotFoundError):  # the last who closes the database moves it into that
            newest = (cli.home / "trainui.db-wal").read_bytes()
        assert leaks(newest + (cli.home / "trainui.db").read_bytes()) == []
        recorded = shell_environment.read(cli.home / "runs" / run)
        assert recorded.secrets.stages["process"]["command"] == command
    finally:
        process.kill()
        process.wait()
        cli.close()
