"""Every command prints with --json what its schema says, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from typer.main import get_command

from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for
from trainui.cli.app import parser
from trainui.cli.pipeline_file import SCHEMAS, schema_of

TEXT = """
    name: whole
    params: {lr: 0.1}
    stages:
      - {name: first, run: "echo out; echo err >&2", outputs: []}
      - name: train
        matrix: {seed: [1, 2]}
        run: [sh, -c, 'echo "{\\"step\\": 1, \\"loss\\": NaN}" >> $TRAINUI_METRICS_FILE']
        depends_on: [first]
      - {name: called, task: "json:loads", params: {s: "[1]"}, depends_on: [first]}
      - {name: broken, run: "exit 3", depends_on: [train]}
      - {name: never, run: "true", depends_on: [broken]}
    """

SEEN_ELSEWHERE = {
    "best": "needs a search; its own tests have one",
    **dict.fromkeys(("boxes add", "boxes rm", "boxes ls"), "needs boxes; test_cli_boxes has two"),
    "demo": "takes a minute; the test of the package runs it",
    "worker install": "needs systemd",
    "resume --interrupted": "needs a run that was interrupted",
    "resume --interrupted --dry-run": "needs a run that was interrupted",
}


def closed(schema: Any) -> Any:
    """The same, with no field allowed beyond those that it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(item) for name, item in schema.items()}
    return {**made, "additionalProperties": False} if "properties" in made else made


class Checker:
    """Runs commands, and holds what they print against the schemas."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.seen: set[str] = set()

    def __call__(self, name: str, *arguments: str, code: int = 0) -> Any:
        """Run a command; return the last value it prints."""
        done = self.cli(*arguments)
        assert done.code == code, done
        value: Any = None
        for value in self._values(name, done.out):
            jsonschema.validate(value, closed(schema_of(name)))
        assert value is not None, done
        self.seen.add(name)
        return value

    @staticmethod
    def _values(name: str, out: str) -> Iterator[Any]:
        if name.endswith(("--follow", "--points")):
            return map(json.loads, out.splitlines())
        return iter([json.loads(out)])


@pytest.mark.usefixtures("only_on_sqlite")
def test_every_output_is_as_its_schema_says(cli: CommandLine) -> None:
    check = Checker(cli)
    cli.write("whole.yaml", TEXT)
    cli.write("bad.yaml", "stages: [{nam: x}]\n")
    cli.write("long.yaml", "name: long\nstages: [{name: a, run: sleep 100}]\n")
    check("ls", "ls", "--json")
    check("error", "show", "nothing", "--json", code=3)
    check("validate", "validate", "bad.yaml", "--json", code=2)
    check("validate", "validate", "whole.yaml", "--json")
    check("graph", "graph", "whole.yaml", "--json")
    check("init", "init", "new.yaml", "--json")
    check("worker status", "worker", "status", "--json")
    check("worker start", "worker", "start", "--json")
    check("worker pause", "worker", "pause", "--json")
    check("worker unpause", "worker", "unpause", "--json")
    check("worker install --print", "worker", "install", "--print", "--json")
    check("worker uninstall", "worker", "uninstall", "--json")
    check("run --dry-run", "run", "whole.yaml", "--dry-run", "--json")
    shown = check("run --wait", "run", "whole.yaml", "--wait", "--json", code=1)
    assert {stage["status"] for stage in shown["stages"]} == {"completed", "failed", "blocked"}
    check("show", "show", "whole", "--json")
    check("wait", "wait", "whole", "--json", code=1)
    check("ls", "ls", "--json")
    check("path", "path", "whole", "--json")
    check("graph", "graph", "whole", "--json")
    check("logs", "logs", "whole", "first", "--json")
    check("logs", "logs", "whole", "never", "--json")
    check("logs --follow", "logs", "whole", "first", "-f", "--json")
    check("events", "events", "whole", "--json")
    check("events --follow", "events", "whole", "-f", "--json")
    check("metrics", "metrics", "whole", "--json")
    check("metrics --points", "metrics", "whole", "--points")
    check("export", "export", "whole", "-o", "points.csv", "--json")
    check("report", "report", "whole", "--json")
    check("resume --dry-run", "resume", "whole", "--dry-run", "--json")
    check("resume", "resume", "whole", "--wait", "--json", code=1)
    check("rerun", "rerun", "whole", "first", "--json")
    check("wait", "wait", "whole", "--json", code=1)
    detached = check("run --detach", "run", "long.yaml", "--detach", "--json")

    def started() -> bool:
        tries = cli.json("show", detached["run"])["stages"][0]["attempts"]
        return bool(tries and tries[-1]["pid"])

    wait_for(started, "its process")
    check("stacks", "stacks", detached["run"], "--json")
    check("cancel", "cancel", detached["run"], "--json")
    check("wait", "wait", detached["run"], "--json", code=130)
    check("doctor", "doctor", "--json")
    check("plugins", "plugins", "--json")
    check("add", "add", str(cli.write("metrics.csv", "step,loss\n1,2\n")), "--json")
    check("note", "note", detached["run"], "a note", "--verdict", "keep", "--json")
    check("tree", "tree", "--json")
    check("diff", "diff", detached["run"], detached["run"], "--json")
    check("digest", "digest", "--json")
    check("compare", "compare", "whole/train[seed=1]", "whole/train[seed=2]", "--json")
    check("add --pid", "add", "--pid", "--json")
    check("backup", "backup", "x.tar.gz", "--json")
    check("rm", "rm", detached["run"], "--dry-run", "--json")
    check("rm", "rm", detached["run"], "--yes", "--json")
    check("prune", "prune", "--keep", "0", "--older-than", "0s", "--yes", "--json")
    check("worker stop", "worker", "stop", "--json")
    check("uninstall", "uninstall", "--yes", "--json")
    assert check.seen | set(SEEN_ELSEWHERE) == set(SCHEMAS)


def test_every_command_with_json_has_a_schema() -> None:
    def commands(command: Any, *names: str) -> Iterator[str]:
        for name, one in getattr(command, "commands", {}).items():
            yield from commands(one, *names, name)
        if any(parameter.name == "as_json" for parameter in command.params):
            yield " ".join(names)

    described = {name.partition(" --")[0] for name in SCHEMAS} - {"error"}
    assert set(commands(get_command(parser()))) == described


def test_a_schema_is_printed(cli: CommandLine) -> None:
    for name in SCHEMAS:
        assert json.loads(cli("schema", name).out)["title"] == f"trainui {name} --json"
        break
    every = json.loads(cli("schema", "--commands").out)
    assert list(every)[: len(SCHEMAS)] == list(SCHEMAS)
    assert {name: schema_of(name) for name in SCHEMAS}.items() <= every.items()
    assert every["serve"]["title"] == "trainui serve --json"
    assert cli("schema", "show", "--commands").code == 2
    refused = cli("schema", "nothing")
    assert refused.code == 2
    assert "worker status" in refused.err


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(name))
