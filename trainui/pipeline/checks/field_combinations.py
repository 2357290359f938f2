"""Check rules about combinations of fields."""

from __future__ import annotations

from trainui.pipeline import shell
from trainui.pipeline.fields.names import CHECKPOINT_VARIABLE
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.template import Variable, only_variable, parse, variables
from trainui.pipeline.yaml.nodes import Mapping, Scalar, Sequence
from trainui.pipeline.yaml.problems import Problems, quoted


def check(outline: Outline, problems: Problems) -> None:
    """Report every invalid combination of fields."""
    _check_stages_are_there(outline, problems)
    for stage in outline.stages:
        _check_command(stage, problems)
        _check_resume(stage, problems)
        _check_placed(stage, problems)


def _check_stages_are_there(outline: Outline, problems: Problems) -> None:
    entry = outline.document.entries.get("stages")
    if entry is None:
        message = "a pipeline must have `stages`, a list of at least one; add it"
        problems.add(outline.document.mark, "no-stages", message)
    elif isinstance(entry.value, Sequence) and not entry.value.items:
        problems.add(entry.key.mark, "no-stages", "`stages` is empty; list at least one stage")


def _called(stage: StageOutline) -> str:
    return f"stage {quoted(stage.name.text)}" if stage.name else "a stage"


def _check_command(stage: StageOutline, problems: Problems) -> None:
    who = _called(stage)
    if stage.has("run") and stage.has("task"):
        message = f"{who} has both `run` and `task`; remove one"
        problems.add(stage.place("task"), "both-run-and-task", message)
    if not stage.has("run") and not stage.has("task"):
        message = f"{who} has no command; add `run` or `task`"
        problems.add(stage.node.mark, "no-command", message)
    if stage.has("params") and not stage.has("task"):
        message = (
            f"`params` are the arguments of a task, and {who} has none; put the values into "
            "`run`, or into the `params` at the top of the file"
        )
        problems.add(stage.place("params"), "params-without-task", message)


def _check_resume(stage: StageOutline, problems: Problems) -> None:
    who = _called(stage)
    present = [field for field in ("resume_args", "resume_run") if stage.has(field)]
    for field in present:
        place = stage.place(field)
        if not stage.has("checkpoint"):
            message = f"`{field}` of {who} needs a checkpoint; add `checkpoint: GLOB`"
            problems.add(place, "no-checkpoint", message)
        if stage.has("task"):
            message = f"{who} is a task, which gets $TRAINUI_CHECKPOINT instead; remove `{field}`"
            problems.add(place, "resume-of-task", message)
    environ = stage.node.get("env")
    asked = environ.entries.get(CHECKPOINT_VARIABLE) if isinstance(environ, Mapping) else None
    if asked is not None and not stage.has("checkpoint"):
        message = f"{asked.key.text} of {who} needs a checkpoint; add `checkpoint: GLOB`"
        problems.add(asked.key.mark, "no-checkpoint", message)
    if len(present) == 2:
        message = f"{who} has both `resume_args` and `resume_run`; remove one"
        problems.add(stage.place("resume_run"), "both-resume-fields", message)


def _check_placed(stage: StageOutline, problems: Problems) -> None:
    """Report a command to which resume_args cannot simply be appended."""
    run = stage.node.get("run")
    if isinstance(run, Sequence):
        for item in run.items:
            _check_own_item(item if isinstance(item, Scalar) else Scalar("", False), problems)
    elif isinstance(run, Scalar) and stage.has("resume_args"):
        if Variable("resume_args") in variables(run.text):
            return
        if "\n" in run.text.strip():
            message = "`run` has several lines; write ${resume_args} where they belong"
            problems.add(run.mark, "resume-args-not-placed", message)
        elif where := shell.append_fault(parse(run.text.rstrip())):
            message = f"`resume_args` would go {where}; write ${{resume_args}} where they belong"
            problems.add(run.mark, "resume-args-not-placed", message)


def _check_own_item(item: Scalar, problems: Problems) -> None:
    if Variable("resume_args") in variables(item.text) and not only_variable(item.text):
        message = "${resume_args} stands for several words; make it a separate item of the list"
        problems.add(item.mark, "misplaced-variable", message)
