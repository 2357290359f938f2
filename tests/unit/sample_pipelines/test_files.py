"""The pipeline files hold known fields only, and name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample_pipelines.samples import FOLDER, PIPELINES, read_pipeline

FILE_FIELDS = {"name", "params", "defaults", "stages"}
STAGE_FIELDS = {
    *("name", "run", "task", "params", "depends_on", "env", "matrix", "cpus", "gpus", "retries"),
    *("timeout", "metrics", "checkpoint", "resume_args", "outputs", "allow_failure"),
}

every_pipeline = pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_there_are_four_and_each_is_named_like_its_file() -> None:
    names = {path.stem: read_pipeline(path)["name"] for path in PIPELINES}

    assert names == {name: name for name in ("digits", "flaky", "sweep", "torch")}


@every_pipeline
def test_only_known_fields_are_used(path: Path) -> None:
    pipeline = read_pipeline(path)

    assert set(pipeline) <= FILE_FIELDS
    for stage in pipeline["stages"]:
        assert set(stage) <= STAGE_FIELDS
        assert ("run" in stage) != ("task" in stage)


@every_pipeline
def test_every_script_that_is_named_exists(path: Path) -> None:
    for stage in read_pipeline(path)["stages"]:
        if "task" in stage:
            module, function = stage["task"].split(".")
            assert f"def {function}(" in (FOLDER / f"{module}.py").read_text()
        else:
            (script,) = re.findall(r"\w+\.py\b", " ".join(strings(stage["run"])))
            assert (FOLDER / script).is_file()


@every_pipeline
def test_a_stage_uses_the_directories_of_stages_it_comes_after(path: Path) -> None:
    before: dict[str, set[str]] = {}
    for stage in read_pipeline(path)["stages"]:
        parents = set(stage.get("depends_on", []))
        before[stage["name"]] = parents.union(*(before[parent] for parent in parents))
        used = re.findall(r"\$\{stages\.(\w+)\.dirs?}", " ".join(strings(stage)))
        assert set(used) <= before[stage["name"]]


@every_pipeline
def test_every_substitution_is_a_known_one(path: Path) -> None:
    pipeline = read_pipeline(path)
    for stage in pipeline["stages"]:
        known = {"python", "stage_dir", "checkpoint"}
        known |= {f"params.{key}" for key in pipeline["params"]}
        known |= {f"matrix.{key}" for key in stage.get("matrix", {})}
        found = re.findall(r"\$\{([^}]+)}", " ".join(strings(stage)))
        assert {name for name in found if not name.startswith("stages.")} <= known


def test_no_script_hides_a_module_that_others_import() -> None:
    import sys

    names = {path.stem for path in FOLDER.glob("*.py")}

    assert names.isdisjoint(sys.stdlib_module_names | {"numpy", "torch"})


def test_no_script_knows_trainui() -> None:
    for path in FOLDER.glob("*.py"):
        assert "trainui" not in path.read_text().lower(), path.name


def test_the_data_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.gz")) < 100_000


def test_the_readme_and_the_licence_name_everything() -> None:
    readme = (FOLDER / "README.md").read_text()
    for path in PIPELINES:
        assert path.name in readme
    about = (FOLDER / "DATA.md").read_text()
    for part in ("UCI", "Alpaydin", "Kaynak", "CC BY 4.0", "10.24432/C50P49"):
        assert part in about
