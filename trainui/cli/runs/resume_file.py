"""Chooses the pipeline of a resume: the given file, the one on record, or the edited file.

An edited file is never used or ignored silently.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from trainui.cli.output import printing, resume_plan
from trainui.errors import PipelineFileError, UsageError
from trainui.resume.preview import PipelineChoice, choose_pipeline

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord


def choose(
    run: RunRecord, file: str | None, *, as_submitted: bool, trials: int | None = None
) -> PipelineChoice:
    """Return the pipeline to resume with, as far as it can be chosen without asking.

    `trials`: the number of trials to add to the run's search.

    Raises:
        UsageError: options exclude each other, or the run has no search to add trials to.
        PipelineFileError: the file has problems.
    """
    if file is not None and as_submitted:
        raise UsageError("--file and --as-submitted exclude each other; give one of them")
    if trials is not None:
        if file is not None:
            raise UsageError("--trials and --file exclude each other; edit `trials` in the file")
        from trainui.resume import edit_effects

        return choose_pipeline(run, edit=edit_effects.with_more_trials(run, trials))
    try:
        return choose_pipeline(run, file=file, as_submitted=as_submitted)
    except PipelineFileError:
        if file is None:
            printing.note(
                "nothing was changed; `--as-submitted` resumes with the pipeline on record", ""
            )
        raise


def ask(
    run: RunRecord, choice: PipelineChoice, plan: Sequence[str], *, as_json: bool
) -> PipelineChoice:
    """Ask the user whether to use an edited file; return the final choice.

    `plan` has the lines of the plan with the edited file. With `--json`, nothing can be asked.

    Raises:
        UsageError: no terminal to ask on.
        typer.Exit: the user chose to do nothing.
    """
    file = choice.changed_file
    shown = resume_plan.diff_lines(choice.diff, sys.stderr)
    printing.note(f"{file} has changed since the run {run.name}:", "", *shown, "", *plan, "")
    if as_json or not printing.on_terminal():
        raise UsageError(
            f"{file} has changed since this run; choose a version: `--file {file}` uses "
            "the new one, `--as-submitted` the old one"
        )
    question = "Resume with the edited file? [y]es, [s] as submitted, [n]othing"
    answer = typer.prompt(question, default="n", show_default=False, err=True).strip().lower()
    if answer in ("y", "yes"):
        return choice
    if answer == "s":
        return PipelineChoice()
    printing.note("nothing was done")
    raise typer.Exit(1)
