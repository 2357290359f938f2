"""The command `doctor`: check this machine, one line per check, with advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import typer

from trainui import text
from trainui.cli import options
from trainui.cli.machine.checks import BAD, GOOD, NOTE, Result
from trainui.cli.output import printing, progress

_SYMBOLS = {GOOD: "✓", NOTE: "!", BAD: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    """The checked subject."""
    level: str
    message: str
    advice: str | None = None
    """How to fix it."""


@options.command("trainui doctor")
def doctor(as_json: options.Json = False) -> None:
    """Check what trainui needs on this machine, with advice for each problem.

    The exit code is 4 if something must be fixed first.
    """
    with progress.display("checking"):
        findings = examine(_checks())
    printing.answer(as_json, {"findings": [asdict(one) for one in findings]}, _lines(findings))
    raise typer.Exit(4 if any(one.level == BAD for one in findings) else 0)


def _checks() -> dict[str, Callable[[], Result]]:
    """Return the checks by subject, in display order."""
    from trainui.cli.machine import checks, environment_checks

    return {
        "versions": environment_checks.versions,
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
        "at boot": environment_checks.at_boot,
        "session": environment_checks.session,
        "limits": environment_checks.limits,
        "gpus": checks.gpus,
        "notifications": environment_checks.notifications,
        "terminal": environment_checks.terminal,
    }


def examine(checks: Mapping[str, Callable[[], Result]]) -> list[Finding]:
    """Run each check; one that raises an error becomes a finding, too."""
    return [Finding(name, *_result(check)) for name, check in checks.items()]


def _result(check: Callable[[], Result]) -> Result:
    try:
        return check()
    except Exception as error:
        return BAD, f"{type(error).__name__}: {error}", "see the message"


def _lines(findings: Sequence[Finding]) -> list[str]:
    shown = []
    for one in findings:
        advice = "" if one.level == GOOD or not one.advice else f": {one.advice}"
        shown.append((f"{_SYMBOLS[one.level]} {one.level}", one.name, one.message + advice))
    return text.table(shown)
