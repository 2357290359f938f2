"""Which pipeline a resume takes: the file that is named, the one on record, or the edited one.

An edited file is never taken silently, and never left out silently.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from trainui import text
from trainui.cli.output import printing
from trainui.errors import PipelineFileError, UsageError

if TYPE_CHECKING:
    from trainui.control.edits.file_changes import EditedFile
    from trainui.domain.definition import Pipeline
    from trainui.domain.records import RunRecord

_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
_PLAIN = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class PipelineChoice:
    """A pipeline to resume with."""

    pipeline: Pipeline | None = None
    """An edited one; None: the one on record."""
    diff: str | None = None
    """How it differs from the one on record."""
    edited: EditedFile | None = None
    """The run's file where it was edited and nobody has said what to do about that."""


def choose(run: RunRecord, file: str | None, *, as_submitted: bool) -> PipelineChoice:
    """Return the pipeline to resume with, as far as it is known without asking.

    Raises:
        UsageError: both are wanted.
        PipelineFileError: the file has problems.
    """
    from trainui.control.edits import file_changes

    if file is not None and as_submitted:
        raise UsageError("--file and --as-submitted exclude each other; give one of them")
    if as_submitted:
        return PipelineChoice()
    if file is not None:
        pipeline = file_changes.load(file, run)
        return PipelineChoice(pipeline, file_changes.diff(run, pipeline, file))
    edited = file_changes.edited_file(run)
    if edited is None:
        return PipelineChoice()
    try:
        pipeline = file_changes.load(edited.file, run)
    except PipelineFileError:
        printing.note("nothing was changed; `--as-submitted` resumes with the pipeline on record\n")
        raise
    if file_changes.says_the_same(pipeline, run):
        return PipelineChoice()
    return PipelineChoice(pipeline, file_changes.diff(run, pipeline, edited.file), edited)


def ask(
    run: RunRecord, choice: PipelineChoice, plan: Sequence[str], *, as_json: bool
) -> PipelineChoice:
    """Let a person decide about an edited file; return the choice with nothing left to decide.

    Args:
        run: the run.
        choice: of a file that was edited.
        plan: of a resume with it, as lines.
        as_json: whether a script is to read the answer.

    Raises:
        UsageError: nobody is there to be asked.
        typer.Exit: nothing is to be done.
    """
    assert choice.edited is not None
    file = text.harmless(choice.edited.file)
    shown = diff_lines(choice.diff or "", coloured=colours(sys.stderr))
    printing.note(f"{file} was edited since {text.harmless(run.name)} had it:\n")
    for line in (*shown, "", *plan, ""):
        printing.note(line)
    if as_json or not printing.on_terminal():
        raise UsageError(
            f"{file} was edited since; say which pipeline to resume with: `--file {file}` takes "
            "it as it is now, `--as-submitted` leaves it out"
        )
    question = "Resume with the edited file? [y]es, [s] as submitted, [n]othing"
    answer = typer.prompt(question, default="n", show_default=False, err=True).strip().lower()
    if answer in ("y", "yes"):
        return PipelineChoice(choice.pipeline, choice.diff)
    if answer == "s":
        return PipelineChoice()
    printing.note("nothing was done")
    raise typer.Exit(1)


def diff_lines(diff: str, *, coloured: bool = False) -> list[str]:
    """Return a unified diff as harmless lines, coloured where that is wanted."""
    lines = [text.harmless(line) for line in diff.splitlines()]
    if not coloured:
        return lines
    return [
        printing.Coloured(f"{_COLOURS[line[0]]}{line}{_PLAIN}") if line[:1] in _COLOURS else line
        for line in lines
    ]


def colours(stream: object) -> bool:
    """Tell whether a stream shows colours: a terminal, and nobody said otherwise."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(is_terminal) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
