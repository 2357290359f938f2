"""Finds runs and stages by their exact names; errors list the existing ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from trainui.domain.records import RunRecord
from trainui.errors import NotFoundError
from trainui.resume import shell_environment
from trainui.resume.snapshot.files import CodeSnapshot
from trainui.store.db.engine import open_store
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.store.runs import runs


def existing_run(connection: Connection, run_id: str) -> RunRecord:
    """Return the run with exactly this id; raise NotFoundError if it does not exist."""
    run = runs.get(connection, run_id)
    if run is None:
        raise NotFoundError(f"no run {run_id!r}; `trainui ls` lists the runs")
    return run


def run_of(run_id: str) -> RunRecord:
    """Return the run with exactly this id; raise NotFoundError if it does not exist."""
    with open_store().read() as connection:
        return existing_run(connection, run_id)


def check_names(known: Collection[str], names: Iterable[str]) -> None:
    """Raise NotFoundError if a run does not have all these stages."""
    for name in names:
        if name not in known:
            listed = views.shown_names(known)
            raise NotFoundError(f"no stage is named {name!r}; this run has {listed}")


def submission_of(run_id: str) -> Mapping[str, Any]:
    """Return what is on record of a run's submission, and of the edits since."""
    with open_store().read() as connection:
        return runs.submission(connection, run_id)


def given_params(run_id: str) -> dict[str, str]:
    """Return the parameters that a run was given with `-p`."""
    secret = shell_environment.read_or_empty(Path(run_of(run_id).directory)).secrets.params
    given = submission_of(run_id).get("given", {})
    return {name: str(secret.get(name, value)) for name, value in given.items()}


def snapshot_words(run_id: str) -> str:
    """Describe the snapshot of a run's code: size and source; empty if it has none."""
    found = submission_of(run_id).get("snapshot")
    return CodeSnapshot(**found).words if found else ""
