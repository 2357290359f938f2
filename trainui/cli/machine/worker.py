"""The worker: what runs the stages in the background."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trainui.cli import options
from trainui.cli.machine import systemd
from trainui.cli.output import interrupt, printing, progress
from trainui.errors import UnfitEnvironmentError

START_TIMEOUT = 60.0
"""Seconds in which the worker has to come up, also on a busy machine with a cold disk."""

_BEGUN = "what was begun by then goes on; see `trainui worker status`"

app = typer.Typer(
    help="Start, stop and look at the worker, which runs the stages in the background.",
    short_help="The worker: start, stop, status, pause, unpause, install, uninstall.",
    rich_markup_mode=None,
)


def register(parser: typer.Typer) -> None:
    """Add the commands."""
    parser.add_typer(app, name="worker")


@interrupt.saying(_BEGUN)
def start(as_json: options.Json = False) -> None:
    """Start the worker, its broker and its guard; return when it takes work.

    Commands that need it do so by themselves. Where it runs already, nothing is done.
    """
    from trainui.execution.daemon import lifecycle

    with progress.shown("starting the worker"):
        lifecycle.ensure_started(wait=START_TIMEOUT)
    _show(lifecycle.status(), as_json)


@interrupt.saying(_BEGUN)
def stop(
    with_stages: Annotated[
        bool, typer.Option("--with-stages", help="Cancel all that runs first.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """End the worker, its guard and its broker; stages that run go on.

    The next `worker start` takes them up where they are.
    """
    from trainui.cli.machine import drain
    from trainui.execution.daemon import lifecycle

    if with_stages:
        drain.cancel_everything()
    with progress.shown("stopping the worker"):
        has_ended = lifecycle.stop()
    if not has_ended:
        raise UnfitEnvironmentError(
            "not all has ended, or somebody started it again; see `trainui worker status`"
        )
    drain.tell_of_running()
    _show(lifecycle.status(), as_json)


def status(as_json: options.Json = False) -> None:
    """Tell whether the worker runs, what it may use, and where its log is."""
    from trainui.execution.daemon import lifecycle

    _show(lifecycle.status(), as_json)


def pause(as_json: options.Json = False) -> None:
    """Let nothing new start; what runs goes on."""
    _set_paused(True, as_json)


def unpause(as_json: options.Json = False) -> None:
    """Let new stages start again."""
    _set_paused(False, as_json)


def _set_paused(paused: bool, as_json: bool) -> None:
    from trainui import control

    control.set_paused(paused)
    words = "paused: nothing new starts, what runs goes on" if paused else "not paused"
    printing.answer(as_json, {"paused": paused}, [words])


def _show(found: dict[str, Any], as_json: bool) -> None:
    from trainui.cli.machine import checks

    printing.answer(as_json, found, _lines(found))
    if other := checks.with_other_places(found):
        printing.note(f"the worker {other}: {checks.RESTART}")


def _lines(found: dict[str, Any]) -> list[str]:
    from trainui import settings, text

    broker = found["broker"]
    reachable = "answers" if broker["reachable"] else "does not answer"
    if broker["pid"] is None and not broker["reachable"] and settings.load().broker_url is None:
        reachable = "does not run"
    slots = [f"{slot['kind']} {slot['index']}" for slot in found["slots"]]
    rows = [
        ("worker", _worker(found)),
        ("guard", f"process {found['guard_pid']}" if found["guard_pid"] else "does not run"),
        ("broker", f"{broker['kind']} at {broker['url']}, {reachable}"),
        ("host", found["host"]),
        ("slots", ", ".join(slots)),
        ("log", found["log"]),
        *(("hosts", _host(one)) for one in found["hosts"]),
        *(("disk", _disk(one)) for one in found["disks"]),
        *(("!", problem) for problem in found["problems"]),
    ]
    return text.table(rows)


def _worker(found: dict[str, Any]) -> str:
    if found["running"]:
        return f"runs as process {found['pid']}"
    return f"takes no work, as process {found['pid']}" if found["pid"] else "does not run"


def _host(found: dict[str, Any]) -> str:
    from trainui import text

    kinds = [slot["kind"] for slot in found["slots"] if "problem" not in slot]
    places = f"{kinds.count('cpu')} CPU places, {kinds.count('gpu')} GPUs"
    queues = f", queues {', '.join(found['queues'])}" if found["queues"] else ""
    words = f"{found['host']}: {places}{queues}"
    if not found["heard"]:
        words = f"! {words}, not heard of for {found['seconds']:.0f} s"
    return text.harmless(words)


def _disk(found: dict[str, Any]) -> str:
    from trainui import formatting

    words = f"{formatting.size(found['free_bytes'])} free on {found['path']}"
    return f"! {words}, which is little" if found["low"] else words


options.add(app, start, "Start it; return when it takes work.", "trainui worker start")
options.add(
    app,
    stop,
    "End it; stages go on.",
    "trainui worker stop",
    "trainui worker stop --with-stages",
)
options.add(app, status, "Tell whether it runs.", "trainui worker status --json")
options.add(app, pause, "Let nothing new start.", "trainui worker pause")
options.add(app, unpause, "Let new stages start again.", "trainui worker unpause")
systemd.register(app)
