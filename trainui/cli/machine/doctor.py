"""The command `doctor`: check this machine, one line per check, with advice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import typer

from trainui import text
from trainui.cli import options
from trainui.cli.machine.check_result import BAD, GOOD, Finding
from trainui.cli.output import printing, progress


@options.command("trainui doctor")
def doctor(as_json: options.Json = False) -> None:
    """Check what trainui needs on this machine, with advice for each problem.

    The exit code is 4 if something must be fixed first.
    """
    with progress.display("looking"):
        findings = examine(_checks())
    printing.answer(as_json, {"findings": [asdict(one) for one in findings]}, _lines(findings))
    raise typer.Exit(4 if any(one.level == BAD for one in findings) else 0)


def _checks() -> list[Callable[[], Finding]]:
    """Return the checks in display order."""
    from trainui.cli.machine import checks, environment_checks

    return [
        environment_checks.versions,
        checks.python,
        checks.configuration,
        checks.home,
        checks.home_file_system,
        checks.database,
        checks.runs_directory,
        checks.disk,
        checks.system_clock,
        checks.broker,
        checks.worker,
        environment_checks.at_boot,
        environment_checks.session,
        environment_checks.limits,
        checks.gpus,
        environment_checks.notifications,
        environment_checks.terminal,
    ]


def examine(checks: Sequence[Callable[[], Finding]]) -> list[Finding]:
    """Run each check; one that raises an error becomes a finding, too."""
    return [_made(check) for check in checks]


def _made(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        name = check.__name__.replace("_", " ")
        return Finding(name, BAD, f"{type(error).__name__}: {error}", "see the message")


def _lines(findings: Sequence[Finding]) -> list[str]:
    shown = []
    for one in findings:
        advice = "" if one.level == GOOD or not one.advice else f": {one.advice}"
        shown.append((f"{_SYMBOLS[one.level]} {one.level}", one.name, one.message + advice))
    return text.table(shown)


_SYMBOLS = {GOOD: "✓", "note": "!", BAD: "✗"}
