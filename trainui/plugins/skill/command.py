"""The command `skill`, and where the file goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from trainui.plugin import UnfitEnvironmentError, UsageError

PLACES = (".claude/skills", ".agents/skills", "AGENTS.md")
"""Where agents look, in a project or in the user's home directory."""

NOTES = "AGENTS.md"

MARKER = "<!-- trainui -->"

LINES = (
    f"{MARKER}\n"
    "Trainings here run with trainui: before you start, wait for, compare or resume one, read what "
    "`trainui skill` prints.\n"
)
"""The two lines in the file of a project's notes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is about to be written."""

    path: Path
    before: str | None
    """Its text now; None: it does not exist."""
    after: str

    @property
    def change(self) -> str:
        """What will happen to it."""
        if self.before == self.after:
            return "unchanged"
        return "new" if self.before is None else "replaced" if self.path.name != NOTES else "added"


def skill(
    directory: Annotated[
        str | None,
        typer.Argument(
            metavar="[DIR]",
            help=f"Where to install: a directory of skills, or {NOTES} ({', '.join(PLACES)}).",
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install it in DIR; without DIR, ask where.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON value on stdout.")
    ] = False,
) -> None:
    """Print how a coding agent works with trainui, in the Agent Skills' form, or install it.

    --install shows what it will write first. In a directory of skills it becomes
    `trainui/SKILL.md`; AGENTS.md gets two lines that lead to this command.
    """
    text = files("trainui.plugins.skill").joinpath("SKILL.md").read_text(encoding="utf-8")
    if not install:
        if directory is not None:
            raise UsageError(f"to install it there, type `trainui skill --install {directory}`")
        typer.echo(json.dumps({"markdown": text, "files": []}) if as_json else text, nl=as_json)
        return
    planned = planned_file(Path(directory or _asked()).expanduser(), text)
    for line in _shown(planned):
        typer.echo(line, err=True)
    if planned.change != "unchanged":
        if _is_on_terminal() and not typer.confirm("Write it?", default=True, err=True):
            typer.echo("nothing was written", err=True)
            raise typer.Exit(1)
        _write(planned)
    if as_json:
        record = {"path": str(planned.path), "change": planned.change}
        typer.echo(json.dumps({"markdown": text, "files": [record]}))


def planned_file(place: Path, text: str) -> Written:
    """Return what an installation in a place would write."""
    path = place if place.name == NOTES else place / "trainui" / "SKILL.md"
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UnfitEnvironmentError(
            f"{path} cannot be read: {error}; choose another DIR"
        ) from error
    if path.name != NOTES:
        return Written(path, before, text)
    kept = _without_marker(before or "")
    return Written(path, before, f"{kept}{LINES}" if kept else LINES)


def _without_marker(text: str) -> str:
    """Return the notes without our two lines, ended by an empty line."""
    lines = text.splitlines()
    if MARKER in lines:
        at = lines.index(MARKER)
        del lines[at : at + 2]
    kept = "\n".join(lines).strip("\n")
    return f"{kept}\n\n" if kept else ""


def _shown(planned: Written) -> Iterator[str]:
    yield f"{planned.change}: {planned.path}"
    if planned.change == "unchanged":
        return
    if planned.path.name == NOTES:
        yield from (f"+ {line}" for line in LINES.splitlines())
        return
    lines = planned.after.splitlines()
    yield f"  {len(lines)} lines: what `trainui skill` prints"
    if planned.before is not None:
        yield f"  in place of {len(planned.before.splitlines())} lines that differ"


def _asked() -> str:
    """Return the place that the user chooses."""
    usual = [*PLACES, *(f"~/{place}" for place in PLACES[:2])]
    if not _is_on_terminal():
        raise UsageError(
            f"--install needs DIR where there is no terminal to ask on: one of {', '.join(usual)}"
        )
    for number, place in enumerate(usual, 1):
        found = " (exists)" if Path(place).expanduser().exists() else ""
        typer.echo(f"{number}  {place}{found}", err=True)
    answer = typer.prompt("Where? A number, or a directory", default="1", err=True).strip()
    is_listed = answer.isdecimal() and 1 <= int(answer) <= len(usual)
    return usual[int(answer) - 1] if is_listed else answer


def _write(planned: Written) -> None:
    try:
        planned.path.parent.mkdir(parents=True, exist_ok=True)
        planned.path.write_text(planned.after, encoding="utf-8")
    except OSError as error:
        raise UnfitEnvironmentError(
            f"{planned.path} cannot be written: {error.strerror}; choose another DIR"
        ) from error


def _is_on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
