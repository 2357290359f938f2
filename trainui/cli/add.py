"""The command `add`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import formatting, system, text
from trainui.cli import options, printing
from trainui.errors import UsageError

if TYPE_CHECKING:
    from trainui.control.external import Added
    from trainui.metrics.discovery.trainings import LeftOut

MOST_LEFT_OUT = 20
"""Paths that were left out and are named on a terminal."""

_ANY_PID = "?"
"""The value of a `--pid` without a number."""


@options.command("trainui add ~/project/runs", "trainui add --pid 4711", "trainui add --pid")
def add(
    path: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Directories or files of trainings.",
            parser=Path,  # Typer would look at it, and its file system may not answer
        ),
    ] = None,
    pid: Annotated[
        str | None,
        typer.Option(
            metavar="[PID]",
            help="Adopt a process that already runs; without a number, list candidates.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The run's name.")] = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Add trainings that trainui did not start, as external runs.

    Finds trainings of W&B, MLflow, Trackio, Optuna, TensorBoard, Lightning, Hugging Face, Keras,
    Stable-Baselines3, Ultralytics, DVCLive and Hydra, and metric files and logs with usual names.
    They are only read: nothing in PATH is written, locked or deleted. What cannot be read or stored
    is left out and named; in --json, `left_out` lists each path and why.
    """
    if (pid is None) == (not path):
        raise UsageError(
            "give either PATH or --pid, not both or neither; `trainui add --pid` lists processes"
        )
    if pid == _ANY_PID:
        _list_candidates(as_json=as_json)
        return
    left_out: LeftOut = {}
    if pid is None:
        added = _of_paths(path or [], name, dry_run, left_out)
    else:
        added = _of_process(pid, name, dry_run)
    if not dry_run:
        from trainui.execution.daemon import lifecycle

        for remark in filter(None, (one.remark for one in added)):
            printing.note(remark)
        lifecycle.ensure_started()  # its metrics reader reads the trainings
    _print(added, left_out, as_json=as_json, dry_run=dry_run)


def _of_paths(
    paths: Sequence[Path], name: str | None, dry_run: bool, left_out: LeftOut
) -> Sequence[Added]:
    from trainui.control import external

    places = (path.expanduser().absolute() for path in paths)
    found = [one for place in places for one in external.find(place, left_out)]
    for path in paths:
        if (kind := system.network_file_system(path.expanduser())) is not None:
            printing.note(
                f"{path} is on a network file system ({kind}): a training that runs on another "
                "machine may be shown as ended; what it writes is read within 30 s"
            )
    return external.preview(found) if dry_run else external.add(found, name)


def _of_process(pid: str, name: str | None, dry_run: bool) -> Sequence[Added]:
    from trainui.control import external

    if not pid.isdigit():
        raise UsageError(f"--pid {pid!r}: expected a process id; `trainui add --pid` lists yours")
    if not dry_run:
        return [external.adopt(int(pid), name)]
    training, _ = external.training_of(int(pid))
    return [external.Added("", training, training.name, is_new=True)]


def _print(added: Sequence[Added], left_out: LeftOut, *, as_json: bool, dry_run: bool) -> None:
    from trainui.execution import external_stages

    rows: list[dict[str, Any]] = [
        {
            "run": one.run_id or None,
            "name": one.name,
            "kind": one.training.kind,
            "path": str(one.training.path),
            "stages": [*external_stages.stage_names(one.training.jobs)],
            "new": one.is_new,
        }
        for one in added
    ]
    hidden = 1 if dry_run else 0  # a dry run has no ids to show
    header = ("RUN", "NAME", "KIND", "PATH")[hidden:]
    shown = [
        (
            formatting.short_id(one["run"] or ""),
            one["name"],
            one["kind"],
            _place(one),
        )[hidden:]
        for one in rows
        if one["new"]
    ]
    known = len(rows) - len(shown)
    if not as_json:
        count = formatting.quantity(len(shown), "training")
        printing.note(
            f"{'found' if dry_run else 'added'} {count}"
            + (f", {known} already added" if known else "")
        )
    for place, why in islice(left_out.items(), MOST_LEFT_OUT if not as_json else None):
        printing.note(f"left out {place}: {why}")
    if not as_json and len(left_out) > MOST_LEFT_OUT:
        printing.note(f"and {len(left_out) - MOST_LEFT_OUT:,} more; --json lists them all")
    data = {
        "runs": rows,
        "left_out": [{"path": str(place), "why": why} for place, why in left_out.items()],
    }
    printing.answer(as_json, data, text.table([header, *shown]) if shown else [])


def _place(row: Mapping[str, Any]) -> str:
    """Return the path of a training; of a process without what identifies it after a reboot."""
    path = str(row["path"])
    return path.partition("#")[0] if row["kind"] == "process" else path


def _list_candidates(*, as_json: bool) -> None:
    from trainui.control import external

    found = external.candidates()
    header = ("PID", "STARTED", "WHY", "COMMAND")
    shown = [
        (
            str(one.pid),
            formatting.local_time(round(one.started * 1_000_000)),
            one.why,
            " ".join(one.command)[:100],
        )
        for one in found
    ]
    if not found and not as_json:
        printing.note("none of your processes uses a GPU or writes a metric file")
    names = ("pid", "name", "command", "directory", "why")
    listed = [{name: getattr(one, name) for name in names} for one in found]
    printing.answer(as_json, {"candidates": listed}, text.table([header, *shown]) if shown else [])
