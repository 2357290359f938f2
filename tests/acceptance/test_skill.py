"""`trainui skill`: every command in it is typed, in its order; and where it is installed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.acceptance.command_line import CommandLine
from tests.acceptance.small_training import TRAIN
from tests.acceptance.typing_person import type_in
from trainui.plugins import skill
from trainui.plugins.skill.command import LINES, MARKER, planned_file

TEXT = Path(skill.__file__).with_name("SKILL.md").read_text()

BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(sh|yaml)\n(.*?)```", re.DOTALL)


def commands() -> Iterator[str]:
    for _, kind, block in BLOCK.findall(TEXT):
        if kind == "sh":
            yield from block.splitlines()


def test_it_is_short_and_in_the_skills_form() -> None:
    assert len(TEXT.splitlines()) <= 150
    _, head, body = TEXT.split("---\n", 2)
    front = yaml.safe_load(head)
    assert list(front) == ["name", "description"]
    assert re.fullmatch(r"[a-z0-9-]{1,64}", front["name"])
    assert len(front["description"]) <= 1024
    assert body.strip().startswith("# ")
    assert all(line.startswith(("trainui ", "export ")) for line in commands())


@pytest.mark.usefixtures("only_on_sqlite")
def test_every_command_does_what_it_says(cli: CommandLine) -> None:
    cli.write("train.py", TRAIN)
    for name, kind, block in BLOCK.findall(TEXT):
        if kind == "yaml":
            cli.write(name, block)
    script = "set -e\n" + "".join(f"echo '+ {n}'\n{one}\n" for n, one in enumerate(commands()))
    cli.write("skill.sh", script)
    typed = subprocess.run(
        ["bash", "skill.sh"],
        cwd=cli.directory,
        env=cli.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert typed.returncode == 0, typed.stdout[-2000:] + typed.stderr[-2000:]
    shown = {one["name"]: one for one in cli.json("ls")["runs"]}
    assert set(shown) == {"smoke", "base", "higher", "sweep"}
    assert {one["started_by"] for one in shown.values()} == {"agent"}
    assert {one["status"] for one in shown.values()} == {"completed"}
    (higher,) = [one for one in cli.json("tree")["runs"] if one["name"] == "higher"]
    assert higher["from"] == shown["base"]["run"]


def test_an_installation_shows_what_it_writes(cli: CommandLine) -> None:
    done = cli("skill", "--install", ".agents/skills")
    file = cli.directory / ".agents/skills/trainui/SKILL.md"
    assert (done.code, file.read_text()) == (0, TEXT)
    assert done.err.startswith("new: .agents/skills/trainui/SKILL.md")
    again = cli.json("skill", "--install", ".agents/skills")
    assert [one["change"] for one in again["files"]] == ["unchanged"]
    file.write_text("older\n")
    assert cli("skill", "--install", ".agents/skills").err.startswith("replaced: ")
    assert cli("skill").out == TEXT


def test_the_projects_notes_get_two_lines_once(cli: CommandLine) -> None:
    notes = cli.write("AGENTS.md", "# Notes\n\nUse ruff.\n")
    for _ in range(2):
        assert cli("skill", "--install", "AGENTS.md").code == 0
    assert notes.read_text() == f"# Notes\n\nUse ruff.\n\n{LINES}"
    assert LINES.count("\n") == 2
    notes.write_text(f"{MARKER}\nan older line\n\n# Notes\n")
    assert planned_file(notes, TEXT).after == f"# Notes\n\n{LINES}"


def test_without_a_place_it_asks_on_a_terminal(cli: CommandLine) -> None:
    refused = cli("skill", "--install", "--json")
    assert (refused.code, ".claude/skills" in refused.json()["error"]["message"]) == (2, True)
    assert cli("skill", "somewhere").code == 2
    answers = {r"directory \[1\]: ": "2\n", r"Write it\? \[Y/n\]: ": "y\n"}
    code, seen = type_in("trainui skill --install", cli.environ, cli.directory, answers)
    assert (code, "new: .agents/skills/trainui/SKILL.md" in seen) == (0, True)
    assert (cli.directory / ".agents/skills/trainui/SKILL.md").read_text() == TEXT
