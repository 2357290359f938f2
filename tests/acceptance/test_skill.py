"""`trainui skill`: every command in it is typed, in its order; and where it is installed."""

from __future__ import annotations

import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from tests.acceptance import command_server
from tests.acceptance.command_line import CommandLine
from tests.acceptance.pages import DOCS, ROOT
from tests.acceptance.small_training import TRAIN
from tests.acceptance.typing_person import type_in
from tests.unit.cli.test_help import commands as commands_of
from trainui import errors, settings
from trainui.cli.app import listing, parser
from trainui.cli.pipeline_file import SCHEMAS
from trainui.pipeline.spec import json_schema
from trainui.pipeline.substitution import KEYED, SIMPLE
from trainui.plugin import Command, registry
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


WORDS = """
    better worse distinguishable not too few nohup tmux sleep COMMAND RUN config toml help
    python train py lr step val loss train trainui seeds
"""
"""Words in code that name nothing of trainui's: examples, other programs, verdicts in words."""


def names(schema: Any) -> Iterator[str]:
    """The names of fields and values in a JSON schema."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("properties", "$defs"):
                yield from value
            elif key == "enum":
                yield from (str(one) for one in value)
            yield from names(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from names(one)


def known() -> set[str]:
    """Every name that there is: of commands, options, fields, answers, settings and tools."""
    from trainui.plugins.mcp import server  # it takes long, and each process of pytest would do it

    found = {
        *WORDS.split(),
        *settings._CONVERTERS,
        *SIMPLE,
        *KEYED,
        "TRAINUI_METRICS_FILE",
        "--help",
    }
    plugins = listing(registry.names(Command))
    for parsed in (parser(), plugins):
        for path, command in commands_of(get_command(parsed)):
            found |= {*path.split(), *(word for one in command.params for word in one.opts)}
    found |= {*names(json_schema()), *names(SCHEMAS)}
    for tool in (*server.READING, *server.WRITING):
        found |= {tool.name, *tool.input_schema["properties"]}
    errors_of = [errors.TrainuiError]
    for one in errors_of:
        errors_of += one.__subclasses__()
        found.add(one.code)
    return found | {"TRAINUI_METRICS_FILE", "--help"}


def test_it_names_only_what_exists() -> None:
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", prose)
    assert len(spans) > 60
    named = {word for one in spans for word in re.findall(r"--?[a-z][\w-]*|[A-Za-z_]\w*", one)}
    assert named - known() == set()


def test_the_page_on_agents_has_the_tools_as_they_are() -> None:
    from trainui.plugins.mcp import server

    page = (DOCS / "agents.md").read_text()
    tools = {
        one.name: [*one.input_schema["properties"]] for one in (*server.READING, *server.WRITING)
    }
    rows = re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", page, re.MULTILINE)
    assert {name: parameters.split(", ") for name, parameters in rows} == tools


def test_its_lists_are_the_codes() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["skill"](TEXT)
    assert made == TEXT, "write it anew: python docs/generate.py"


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


@pytest.mark.usefixtures("only_on_sqlite")
def test_every_command_does_what_it_says(cli: CommandLine) -> None:
    command_server.put_first(cli.directory.parent / "typed", cli.environ)
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
