"""Pipeline files are begun, drawn and described to editors by commands."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from tests.acceptance.command_line import CommandLine, states_of
from trainui.pipeline.loader import load_text


def test_a_file_to_begin_from_runs_as_it_is(cli: CommandLine) -> None:
    done = cli("init")
    assert done.code == 0
    assert "trainui run pipeline.yaml" in done.out
    assert cli("validate", "pipeline.yaml").code == 0
    shown = cli.json("run", "pipeline.yaml", "--wait", "-p", "epochs=2")
    assert shown["name"] == "pipeline"
    assert set(states_of(shown).values()) == {"completed"}
    (series,) = cli.json("metrics", "pipeline", "lr=0.1")["series"]
    assert (series["name"], series["count"]) == ("loss", 2)


def test_a_file_that_is_there_is_not_written_over(cli: CommandLine) -> None:
    cli.write("pipeline.yaml", "mine\n")
    done = cli("init", "pipeline.yaml", "--json")
    assert (done.code, done.error()) == (2, "usage")
    assert "is there already" in done.err
    assert (cli.directory / "pipeline.yaml").read_text() == "mine\n"


def test_a_file_to_begin_from_can_be_printed_and_its_directory_must_be_there(
    cli: CommandLine,
) -> None:
    assert load_text(cli("init", "-").out).stages
    assert list(cli.directory.iterdir()) == []
    done = cli("init", "nowhere/p.yaml")
    assert done.code == 4
    assert "nowhere/p.yaml" in done.err
    assert cli.json("init", "p.yaml") == {"file": "p.yaml"}


def test_the_schema_is_printed_for_an_editor(cli: CommandLine) -> None:
    schema = json.loads(cli("schema").out)
    Draft202012Validator.check_schema(schema)
    assert "gpus" in schema["$defs"]["StageSpec"]["properties"]
    assert "yaml-language-server: $schema=" in cli("schema", "--help").out
