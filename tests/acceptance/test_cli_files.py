"""Pipeline files are begun, drawn and described to editors by commands."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.command_line import CommandLine, states_of
from trainui.pipeline.loader import load_text


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


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


def test_an_existing_file_is_not_overwritten(cli: CommandLine) -> None:
    cli.write("pipeline.yaml", "mine\n")
    done = cli("init", "pipeline.yaml", "--json")
    assert (done.code, done.error()) == (2, "usage")
    assert "already exists" in done.err
    assert (cli.directory / "pipeline.yaml").read_text() == "mine\n"


def test_a_starter_file_is_printed_or_written_into_a_directory(
    cli: CommandLine,
) -> None:
    assert load_text(cli("init", "-").out).stages
    assert list(cli.directory.iterdir()) == []
    assert cli("init", "new/p.yaml").code == 0
    assert load_text((cli.directory / "new/p.yaml").read_text()).stages
    (cli.directory / "file").touch()
    done = cli("init", "file/p.yaml")
    assert done.code == 4
    assert "file/p.yaml" in done.err
    assert cli.json("init", "p.yaml") == {"file": "p.yaml", "notes": []}


def test_the_schema_is_printed_for_an_editor(cli: CommandLine) -> None:
    schema = json.loads(cli("schema").out)
    Draft202012Validator.check_schema(schema)
    assert "gpus" in schema["$defs"]["StageSpec"]["properties"]
    assert "yaml-language-server: $schema=" in cli("schema", "--help").out


DVC = """\
    vars: [{count: 3}]
    stages:
      numbers:
        cmd: seq ${count} > numbers.txt
        deps: [rows.txt]
        outs: [numbers.txt]
      double:
        matrix: {by: [2, 4]}
        cmd:
          - cd .
          - awk '{print $1 * ${item.by}}' numbers.txt > times-${item.by}.txt
        deps: [numbers.txt]
        outs: ["times-${item.by}.txt"]
      sums:
        foreach: {a: {file: times-2.txt}, b: {file: times-4.txt}}
        do:
          wdir: sums
          cmd: 'echo "step,loss" > ${key}.csv; cat -n ../${item.file} | tr "\\t" "," >> ${key}.csv'
          deps: ["../${item.file}"]
          plots: [{"${key}.csv": {cache: false, x: step}}]
"""


def test_a_dvc_file_becomes_a_pipeline_that_runs(cli: CommandLine) -> None:
    cli.write("dvc.yaml", DVC)
    cli.write("rows.txt", "1\n")
    (cli.directory / "sums").mkdir()
    written = cli("init", "--from", "dvc.yaml", "dvc-pipeline.yaml")
    assert written.code == 0
    assert "b.csv (cache: false)" in written.err
    shown = cli.json("run", "dvc-pipeline.yaml", "--wait")
    assert states_of(shown) == dict.fromkeys(
        ["numbers", "double[by=2]", "double[by=4]", "sums@a", "sums@b"], "completed"
    )
    assert (cli.directory / "times-4.txt").read_text() == "4\n8\n12\n"
    (series,) = cli.json("metrics", "dvc-pipeline", "sums@b")["series"]
    assert (series["name"], series["count"], series["last"]) == ("loss", 3, 12.0)
    again = cli("init", "--from", "dvc.yaml", "dvc-pipeline.yaml")
    assert (again.code, again.out) == (2, "")
    broken = cli("init", "--from", "rows.txt", "other.yaml")
    assert broken.code == 2
    assert broken.err.startswith("rows.txt:1:1: ")
