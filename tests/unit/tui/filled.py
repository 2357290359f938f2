"""Runs in every state, stored by the verbs that the worker uses, for the screen to show."""

from __future__ import annotations

import math
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.store.readings import Feeder
from trainui import clock, paths, settings
from trainui.execution.attempt import executors
from trainui.model.definition import CheckpointRule, Pipeline, StageDefinition
from trainui.model.records import AttemptRecord, Slot, StageRecord
from trainui.model.states import Status
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, metrics_progress, stored_pipeline

Graph = Mapping[str, Sequence[str]]

DIAMOND: Graph = {
    "prepare": (),
    "train[hidden=32]": ("prepare",),
    "train[hidden=128]": ("prepare",),
    "evaluate": ("train[hidden=32]", "train[hidden=128]"),
    "report": ("evaluate",),
}

MEMBERS = tuple(f"train[lr={lr},seed={seed}]" for lr in ("0.03", "0.3", "3") for seed in (1, 2))
SWEEP: Graph = {
    "prepare": (),
    **dict.fromkeys(MEMBERS, ("prepare",)),
    "select": MEMBERS,
}


class Filler:
    """Brings runs and their stages into the states that a test wants."""

    def __init__(self, store: Database, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self._slots = 0

    def run(
        self,
        graph: Graph,
        *,
        name: str = "digits",
        run_id: str | None = None,
        pipeline: str | None = None,
        run_params: Mapping[str, str] | None = None,
        origin: str | None = None,
        **fields: object,
    ) -> str:
        """Store a run; keyword arguments go to each of its stages' definitions."""
        run_id = run_id or str(uuid.uuid4())
        directory = self.directory / run_id
        definitions = tuple(_definition(stage, graph[stage], fields) for stage in graph)
        new = stored_pipeline.NewRun(
            id=run_id,
            name=name,
            pipeline=Pipeline(
                pipeline or name,
                definitions,
                params=run_params or {"epochs": "30"},
                file="/home/ada/pipelines/digits.yaml",
                text="stages: []",
                digest="0" * 64,
            ),
            directory=str(directory),
            stage_directories={
                stage: str(directory / short)
                for stage, short in paths.stage_directory_names(list(graph)).items()
            },
            submission={"umask": 0o22, "from": origin},
        )
        with self.store.write() as connection:
            stored_pipeline.create(connection, new)
        return run_id

    def stage(self, run_id: str, name: str) -> StageRecord:
        with self.store.read() as connection:
            found = views.stage(connection, run_id, name)
        assert found is not None
        return found

    def start(self, run_id: str, name: str, *, ago: float = 0.0) -> AttemptRecord:
        """Let a queued stage run since `ago` seconds."""
        self._slots += 1
        slot = Slot(settings.host(), "cpu", self._slots)
        with self.store.write() as connection:
            stage = views.stage(connection, run_id, name)
            assert stage is not None
            granted = attempts.grant(connection, stage, [slot], host=settings.host())
            assert granted is not None
            claimed = attempts.claim(connection, run_id, name, granted.celery_task_id or "")
            assert claimed is not None
            attempts.mark_started(
                connection,
                claimed,
                started_at=clock.now() - int(ago * clock.SECOND),
                pid=4242,
                supervisor=4241,
            )
        Path(stage.directory).mkdir(parents=True, exist_ok=True)
        executors.make_records(Path(claimed.directory))
        return claimed

    def end(
        self,
        attempt: AttemptRecord,
        status: Status = Status.COMPLETED,
        *,
        ago: float = 0.0,
        error: str | None = None,
        exit_code: int | None = 0,
        is_read: bool = True,
    ) -> None:
        """Let an attempt end `ago` seconds before now, usually after its metrics are read."""
        if is_read:
            self.read_metrics(attempt)
        with self.store.write() as connection:
            attempts.end(
                connection,
                attempt.id,
                attempts.Outcome(
                    status,
                    clock.now() - int(ago * clock.SECOND),
                    exit_code=exit_code,
                    error=error,
                ),
            )

    def read_metrics(self, attempt: AttemptRecord) -> None:
        """Record that the reader has read an attempt's metrics to their end."""
        with self.store.write() as connection:
            metrics_progress.mark_metrics_complete(connection, attempt.id)

    def complete(self, run_id: str, *names: str, took: float = 12.0, ago: float = 0.0) -> None:
        """Let stages run and complete."""
        for name in names:
            self.end(self.start(run_id, name, ago=ago + took), ago=ago)

    def fail(self, run_id: str, name: str, error: str, *, exit_code: int | None = 1) -> None:
        """Let a stage run and fail."""
        attempt = self.start(run_id, name, ago=31.0)
        self.end(attempt, Status.FAILED, error=error, exit_code=exit_code)

    def log(self, attempt: AttemptRecord, text: str | bytes, stream: str = "stdout") -> Path:
        """Add to an attempt's log."""
        file = Path(attempt.directory) / f"{stream}.log"
        with file.open("ab") as log:
            log.write(text if isinstance(text, bytes) else text.encode())
        return file

    def feed(
        self, run_id: str, name: str, metrics: Mapping[str, list[tuple[float, float]]]
    ) -> None:
        """Store these points of a stage."""
        Feeder(self.store, self.stage(run_id, name).id).feed(metrics)

    def curves(self, run_id: str, name: str, count: int = 300, attempt: int = 1) -> Feeder:
        """Store metrics of a stage, as a training makes them."""
        feeder = Feeder(self.store, self.stage(run_id, name).id)
        feeder.feed(training(count))
        return feeder


def training(count: int, first: int = 0) -> dict[str, list[tuple[float, float]]]:
    """Metrics of a training, from a step on."""
    steps = range(first, first + count)
    return {
        "train/loss": [(s, 2.3 * math.exp(-s / 90) + 0.08 * math.sin(s * 1.7)) for s in steps],
        "val/accuracy": [(s, 0.98 - 0.9 * math.exp(-s / 60)) for s in steps if s % 10 == 0],
        "lr": [(s, 0.1 * (1 + math.cos(s / 100)) / 2) for s in steps],
        "grad_norm": [(s, 1 + math.sin(s / 3) ** 2 + (8 if s == 140 else 0)) for s in steps],
    }


def _definition(
    name: str, upstreams: Sequence[str], fields: Mapping[str, object]
) -> StageDefinition:
    group, _, member = name.partition("[")
    pairs = [pair.split("=") for pair in member.rstrip("]").split(",") if "=" in pair]
    matrix = dict(pairs) or None
    definition = StageDefinition(
        name,
        group=group,
        matrix=matrix,
        command=("python", f"{group}.py", "--out", "/data/runs/here"),
        depends_on=tuple(upstreams),
        workdir="/home/ada/pipelines",
        checkpoint=CheckpointRule("ckpt-*.npz"),
        outputs=("model.npz",),
    )
    return replace(definition, **fields)  # type: ignore[arg-type]


def running_demo(filler: Filler, **run: Any) -> str:
    """Store the demo half way: one training is over, one runs, with curves and logs."""
    run_id = filler.run(DIAMOND, **run)
    filler.complete(run_id, "prepare", took=2.1, ago=40)
    done = filler.start(run_id, "train[hidden=32]", ago=38)
    filler.log(done, "epoch 30 accuracy 0.971\n")
    filler.curves(run_id, "train[hidden=32]")
    filler.end(done, ago=7)
    live = filler.start(run_id, "train[hidden=128]", ago=38)
    filler.curves(run_id, "train[hidden=128]", 180)
    lines = (
        f"epoch {n:>2}/30  loss {2.3 / n:.4f}  accuracy {0.9 + n / 400:.3f}" for n in range(1, 60)
    )
    filler.log(live, "\n".join(lines) + "\n")
    filler.log(live, "\r".join(f"{n:>3}%|{'#' * (n // 4)}" for n in range(0, 64, 3)), "stderr")
    return run_id


def failed_demo(filler: Filler, **run: Any) -> str:
    """Store the demo with a training that failed."""
    run_id = filler.run(DIAMOND, **run)
    filler.complete(run_id, "prepare", took=2.1, ago=40)
    filler.complete(run_id, "train[hidden=32]", took=20)
    attempt = filler.start(run_id, "train[hidden=128]", ago=31)
    filler.log(
        attempt,
        'Traceback (most recent call last):\n  File "train.py", line 88, in main\n'
        "RuntimeError: loss is NaN at step 412\n",
        "stderr",
    )
    filler.curves(run_id, "train[hidden=128]", 120)
    filler.end(
        attempt,
        Status.FAILED,
        exit_code=1,
        error="exit code 1: RuntimeError: loss is NaN at step 412",
    )
    return run_id


def multiply(database: Path, run_id: str, count: int) -> None:
    """Copy a run and its stages `count` times, an hour apart into the past."""
    connection = sqlite3.connect(database)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    stage_columns = [row[1] for row in connection.execute("PRAGMA table_info(stages)")]
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    changed = {
        "id": "id || '-' || i",
        "name": "name || '-' || i",
        "created_at": f"created_at - i * {3600 * clock.SECOND}",
    }
    taken = ", ".join(changed.get(name, name) for name in columns)
    connection.execute(
        f"{numbers} INSERT INTO runs ({', '.join(columns)}) "
        f"SELECT {taken} FROM runs, n WHERE id = ?",
        (count, run_id),
    )
    changed = {"id": "id || '-' || i", "run_id": "run_id || '-' || i"}
    taken = ", ".join(changed.get(name, name) for name in stage_columns)
    connection.execute(
        f"{numbers} INSERT INTO stages ({', '.join(stage_columns)}) "
        f"SELECT {taken} FROM stages, n WHERE run_id = ?",
        (count, run_id),
    )
    connection.commit()
    connection.close()
