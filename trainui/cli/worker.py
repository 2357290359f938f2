"""The commands `worker ...`, which control the background process that runs stages.

Also cancels everything that is running before the worker is stopped for good.
"""

from __future__ import annotations

import os
import time
from typing import Annotated, Any

import typer

from trainui import control, formatting, paths, settings, text
from trainui.cli import options, printing, standstill
from trainui.control import requests
from trainui.errors import SchemaRefusedError, StoreError, UnfitEnvironmentError, UsageError
from trainui.execution.daemon import lifecycle
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import Status
from trainui.store.db import engine, home_identity
from trainui.store.read import views

START_TIMEOUT = 60.0
"""Seconds for the worker to start, also on a busy machine with a cold disk cache."""

CANCEL_MARGIN = 60.0
"""Seconds allowed beyond a stage's grace period, e.g. until the GPU's memory is free."""

NAMES_SHOWN = 8
"""Stages that keep running and are named; the others are counted."""

_BEGUN = "the operation may still complete; see `trainui worker status`"


def register(parser: typer.Typer) -> None:
    """Add the commands, as a group."""
    app = typer.Typer(
        help="Control the worker, which runs the stages in the background.", rich_markup_mode=None
    )
    options.register(app, __name__)
    parser.add_typer(app, name="worker")


@options.command(
    "trainui worker start",
    "TRAINUI_HOME=/mnt/copy trainui worker start --as-copy",
    short_help="Start it; return when it is ready.",
)
@standstill.report_on_stop(_BEGUN)
def start(
    as_copy: Annotated[
        bool,
        typer.Option(
            "--as-copy",
            help="Make a copied home one of its own: its runs get directories of their own, and "
            "what was running is interrupted.",
        ),
    ] = False,
    moved: Annotated[
        bool,
        typer.Option(
            "--moved", help="Let this home replace the one that it was copied or moved from."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start the worker, its broker and its guard; return when it is ready.

    Commands that need the worker start it automatically. If it is running, nothing is done. In a
    home that is a copy of another one, nothing starts until one of the options says what it is.
    """
    if as_copy and moved:
        raise UsageError("--as-copy and --moved exclude each other; give one of them")
    if as_copy or moved:
        from trainui.control import copied_home

        with printing.progress("changing the home"):
            (copied_home.make_own if as_copy else copied_home.replace_original)()
    with printing.progress("starting the worker"):
        lifecycle.ensure_started(wait=START_TIMEOUT)
    _show(lifecycle.status(), as_json)


@options.command(
    "trainui worker stop",
    "trainui worker stop --with-stages",
    short_help="Stop it; running stages continue.",
)
@standstill.report_on_stop(_BEGUN)
def stop(
    with_stages: Annotated[
        bool, typer.Option("--with-stages", help="Cancel everything that is running first.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Stop the worker, its guard and its broker; running stages continue.

    The next `worker start` monitors them again.
    """
    requests.check_all("end all stages" if with_stages else "stop the worker")
    if with_stages:
        cancel_everything()
    with printing.progress("stopping the worker"):
        has_ended = lifecycle.stop()
    if not has_ended:
        raise UnfitEnvironmentError(
            "some processes did not stop, or it was started again; see `trainui worker status`"
        )
    report_running()
    _show(lifecycle.status(), as_json)


@options.command("trainui worker status --json", short_help="Show its state.")
def status(as_json: options.Json = False) -> None:
    """Show whether the worker is running, what it may use, and where its log is."""
    _show(lifecycle.status(), as_json)


@options.command("trainui worker pause", short_help="Start no new stages.")
def pause(as_json: options.Json = False) -> None:
    """Pause the queue: no new stage starts; running stages continue."""
    _set_paused(True, as_json)


@options.command("trainui worker unpause", short_help="Start new stages again.")
def unpause(as_json: options.Json = False) -> None:
    """Resume the queue: new stages start again."""
    _set_paused(False, as_json)


@options.command(
    "trainui worker install",
    "trainui worker install --print",
    short_help="Start it at boot.",
)
def install(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the unit; change nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start the worker now and at every boot, with a systemd user unit.

    This needs no root, but lingering: otherwise systemd ends a user's services at the last logout.
    It tries `loginctl enable-linger`. The unit uses this shell's home and settings. After a reboot,
    `trainui resume --interrupted` continues the interrupted runs.
    """
    from trainui.execution.daemon import lifecycle

    if only_print:
        written = lifecycle.text(os.environ)
        if as_json:
            printing.value({"unit": written})
        else:
            printing.exact(*written.rstrip("\n").split("\n"))
        return
    path = lifecycle.install(os.environ)
    printing.answer(as_json, {"path": str(path)}, [f"{path}: starts the worker at boot"])


@options.command("trainui worker uninstall", short_help="No longer start it at boot.")
def uninstall(as_json: options.Json = False) -> None:
    """Remove the systemd unit; a running worker continues until `trainui worker stop`."""
    from trainui.execution.daemon import lifecycle

    path = lifecycle.uninstall(os.environ)
    shown = "not installed" if path is None else f"{path}: removed"
    printing.answer(as_json, {"path": None if path is None else str(path)}, [shown])


def _set_paused(paused: bool, as_json: bool) -> None:
    control.set_paused(paused)
    words = (
        "paused: no new stage starts, running stages continue" if paused else "stages start again"
    )
    printing.answer(as_json, {"paused": paused}, [words])


def _show(found: dict[str, Any], as_json: bool) -> None:
    from trainui.cli import doctor

    known = (doctor.schema_trouble(), doctor.lost_stages())
    is_usable = engine.exists() and not any(known)
    for words in (*known, standstill.paused() if is_usable else ""):
        if words and not any(words in one for one in found["problems"]):
            found["problems"].append(words)
    printing.answer(as_json, found, _lines(found))
    if other := doctor.changed_cpus(found):
        printing.note(f"the worker {other}: {doctor.RESTART}")


def _lines(found: dict[str, Any]) -> list[str]:
    broker = found["broker"]
    reachable = "answers" if broker["reachable"] else "does not answer"
    if broker["pid"] is None and not broker["reachable"] and settings.load().broker_url is None:
        reachable = "not running"
    slots = [f"{slot['kind']} {slot['index']}" for slot in found["slots"]]
    worker = f"not ready, process {found['pid']}" if found["pid"] else _absent(found)
    if found["running"]:
        worker = f"running as process {found['pid']}"
    rows = [
        ("home", found["home"]),
        *([("copy of", found["copy_of"])] if found["copy_of"] else []),
        ("worker", worker),
        ("guard", f"process {found['guard_pid']}" if found["guard_pid"] else "not running"),
        ("broker", f"{broker['kind']} at {broker['url']}, {reachable}"),
        ("queue", _queue(found["queue"])),
        ("host", found["host"]),
        ("slots", ", ".join(slots)),
        ("log", found["log"]),
        *(("hosts", _host(one)) for one in found["hosts"]),
        *(("disk", _disk(one)) for one in found["disks"]),
        *(("!", problem) for problem in found["problems"]),
    ]
    return text.table(rows)


def _absent(found: dict[str, Any]) -> str:
    """Return that the worker is not running, and what starts it; a problem says so itself."""
    from trainui.execution import processes

    is_missed = found["guard_pid"] or processes.is_worker_wanted(paths.home())
    return "not running" if is_missed else "not running (starts automatically)"


def _queue(found: dict[str, Any]) -> str:
    words = f"{formatting.quantity(found['waiting'], 'message')} waiting"
    return f"{words}, {found['discarded']} discarded" if found["discarded"] else words


def _host(found: dict[str, Any]) -> str:
    kinds = [slot["kind"] for slot in found["slots"] if "problem" not in slot]
    places = f"{kinds.count('cpu')} CPU slots, {kinds.count('gpu')} GPUs"
    queues = f", queues {', '.join(found['queues'])}" if found["queues"] else ""
    words = f"{found['host']}: {places}{queues}"
    if not found["heard"]:
        words = f"! {words}, no heartbeat for {found['seconds']:.0f} s"
    return words


def _disk(found: dict[str, Any]) -> str:
    words = f"{formatting.size(found['free_bytes'])} free on {found['path']}"
    return f"! {words} (low)" if found["low"] else words


def cancel_everything() -> None:
    """Cancel every unfinished stage and wait until all of their processes have exited.

    If the database cannot be used or does not know a stage, the attempts' own records are used.

    Raises:
        CopiedHomeError: the home is a copy: what it knows as running is its original's.
        UnfitEnvironmentError: some processes are still running.
    """
    from trainui.execution.attempt import lost_attempts

    home_identity.check()
    try:
        _cancel_known()
    except (StoreError, SchemaRefusedError) as error:
        printing.note(*str(error).split("\n"))
        lifecycle.stop()  # it cannot record outcomes, and might still start queued stages
    running = lost_attempts.running_of_home(paths.home())
    if not running:
        return
    names = ", ".join(one.name for one in running)
    printing.note(f"ending without the database: {names}")
    with printing.progress("waiting"):
        left = lost_attempts.end_running(running)
    if left:
        pids = sorted({pid for one in left for pid in one.pids()})
        shown = ", ".join(str(one.directory) for one in left)
        raise UnfitEnvironmentError(
            f"still running: {shown}: process {', '.join(map(str, pids))} survives SIGKILL; end it "
            "or restart the machine, then `trainui worker stop --with-stages` again"
        )


def _cancel_known() -> None:
    if not engine.exists():
        return
    with options.view() as connection:
        alive = [run for run in views.runs(connection) if _is_alive(run)]
    for run in alive:
        asked = control.cancel(run.id)
        if asked:
            printing.note(f"cancelled in {run.name}: {', '.join(asked)}")
    running = _running()
    if not running:
        return
    lifecycle.ensure_started()
    printing.note(f"waiting for the end of {', '.join(stage.name for stage in running)}")
    patience = CANCEL_MARGIN + max(stage.definition.grace for stage in running)
    deadline = time.monotonic() + patience
    with printing.progress("waiting"):
        while running := _running():
            if time.monotonic() > deadline:
                names = ", ".join(_described(stage) for stage in running)
                raise UnfitEnvironmentError(
                    f"still running after {patience:.0f} s: {names}; the worker keeps trying to "
                    "end them; see `trainui ls`"
                )
            time.sleep(0.2)


def _described(stage: StageRecord) -> str:
    return f"{stage.name} ({stage.reason})" if stage.reason else stage.name


def report_running() -> None:
    """Print which stages keep running after the worker has stopped."""
    try:
        running = _running_still() if engine.exists() else []
    except (StoreError, SchemaRefusedError) as error:
        printing.note(f"cannot tell whether stages are still running: {error}")
        return
    if not running:
        return
    names = [stage.name for stage in running[:NAMES_SHOWN]]
    if len(running) > NAMES_SHOWN:
        names.append(f"{len(running) - NAMES_SHOWN} more")
    they = "it" if len(running) == 1 else "them"
    printing.note(
        f"{formatting.quantity(len(running), 'stage')} still running: {', '.join(names)}; the next "
        f"`trainui worker start` monitors {they} again; `--with-stages` would have cancelled {they}"
    )


def _is_alive(run: RunRecord) -> bool:
    """Return True for a run of ours that has not ended; external runs are left alone."""
    return run.completed_at is None and run.external is None


def _running_still() -> list[StageRecord]:
    """Return the running stages that have a process; the others show as `running?`."""
    running = _running()
    with options.view() as connection:
        lost = options.find_lost(connection, {stage.status for stage in running})
    return [stage for stage in running if stage.id not in lost.stages]


def _running() -> list[StageRecord]:
    with options.view() as connection:
        return [
            stage
            for run in views.runs(connection)
            if _is_alive(run)
            for stage in views.stages(connection, run.id)
            if stage.status == Status.RUNNING
        ]
