"""A store in a directory of its own, and runs to put in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.store import readings
from trainui.model.definition import Pipeline, StageDefinition
from trainui.store.db.engine import Database, open_store
from trainui.store.runs import stored_pipeline

AddRun = Callable[..., str]


@pytest.fixture
def store(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_both_databases: None,
    database: Mapping[str, str],
) -> Iterator[Database]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    store = open_store()
    yield store
    readings.close_all()
    store.close()


@pytest.fixture
def add_run(store: Database, tmp_path: Path) -> AddRun:
    """Store a run of `{stage: its upstreams}`; keyword arguments go to each stage."""

    def add(run_id: str, graph: dict[str, list[str]], **fields: object) -> str:
        stages = tuple(
            StageDefinition(
                name,
                group=name,
                command="true",
                depends_on=tuple(upstreams),
                **fields,  # type: ignore[arg-type]
            )
            for name, upstreams in graph.items()
        )
        directory = tmp_path / run_id
        new = stored_pipeline.NewRun(
            id=run_id,
            name=f"name of {run_id}",
            pipeline=Pipeline("a pipeline", stages, text="stages: []", digest="0" * 64),
            directory=str(directory),
            stage_directories={name: str(directory / name) for name in graph},
            submission={"umask": 0o22},
        )
        with store.write() as connection:
            stored_pipeline.create(connection, new)
        return run_id

    return add
