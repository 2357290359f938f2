"""The commands `doctor`, which checks this machine, and `plugins`, which lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from trainui import text
from trainui.cli import options
from trainui.cli.machine.checks import BAD, GOOD, NOTE, Result
from trainui.cli.output import printing, progress
from trainui.errors import UsageError
from trainui.plugin import registry

_SYMBOLS = {GOOD: "✓", NOTE: "!", BAD: "✗"}


@options.command("trainui doctor")
def doctor(as_json: options.Json = False) -> None:
    """Check what trainui needs on this machine, with advice for each problem.

    The exit code is 4 if something must be fixed first.
    """
    with progress.display("checking"):
        findings = [_finding(name, check) for name, check in _checks().items()]
    printing.answer(as_json, {"findings": findings}, _lines(findings))
    raise typer.Exit(4 if any(one["level"] == BAD for one in findings) else 0)


def _checks() -> dict[str, Callable[[], Result]]:
    """Return the checks by subject, in display order."""
    from trainui.cli.machine import checks

    return {
        "versions": checks.versions,
        "python": checks.python,
        "configuration": checks.configuration,
        "home": checks.home,
        "file system": checks.home_file_system,
        "database": checks.database,
        "runs": checks.runs_directory,
        "disk": checks.disk,
        "clock": checks.system_clock,
        "broker": checks.broker,
        "worker": checks.worker,
        "processes": checks.processes,
        "at boot": checks.at_boot,
        "session": checks.session,
        "limits": checks.limits,
        "gpus": checks.gpus,
        "plugins": checks.plugins,
        "notifications": checks.notifications,
        "terminal": checks.terminal,
    }


def _finding(name: str, check: Callable[[], Result]) -> dict[str, Any]:
    """Run a check; one that raises an error becomes a finding, too."""
    try:
        level, message, *advice = check()
    except UsageError as error:  # of the settings: the configuration's check reports it
        level, message, advice = NOTE, f"not checked: {error}", ["correct it first"]
    except Exception as error:
        level, message, advice = BAD, f"{type(error).__name__}: {error}", ["see the message"]
    return {"name": name, "level": level, "message": message, "advice": next(iter(advice), None)}


def _lines(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = []
    for one in findings:
        level, advice = one["level"], one["advice"]
        words = "" if level == GOOD or not advice else f": {advice}"
        shown.append((f"{_SYMBOLS[level]} {level}", one["name"], one["message"] + words))
    return text.table(shown)


@options.command("trainui plugins")
def plugins(as_json: options.Json = False) -> None:
    """List the installed plugins, with what is wrong with one that cannot be used.

    All of them are loaded. A broken one changes nothing else, so the exit code is 0.
    """
    found = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "package": entry.package,
            "version": entry.version,
            "loaded": is_loaded,
            "problem": entry.problem or None,
        }
        for entry, is_loaded in registry.listed()
    ]
    found.sort(key=lambda one: (str(one["kind"]), str(one["name"])))
    if not found and not as_json:
        printing.note("no plugins are installed")
    printing.answer(as_json, {"plugins": found}, _table(found))


def _table(found: list[dict[str, Any]]) -> list[str]:
    shown = [
        (one["name"], one["kind"], f"{one['package']} {one['version']}", one["problem"] or "")
        for one in found
    ]
    return text.table([("NAME", "KIND", "PACKAGE", "PROBLEM"), *shown]) if shown else []
