"""What a pipeline needs of this machine and its files before it is submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline import substitution
from trainui.pipeline.inputs import validate_file_path


def check_gpus(stages: Iterable[StageDefinition]) -> None:
    """See that every stage can ever have the GPUs that it needs.

    Raises:
        UnfitEnvironmentError: this machine has too few.
    """
    needy = max(stages, key=lambda stage: stage.gpus, default=None)
    if needy is None or needy.gpus == 0:
        return
    from trainui.execution.gpus import usable_gpus

    usable = len(usable_gpus())
    if usable < needy.gpus:
        has = f"only {usable} may be used" if usable else "no GPU may be used"
        raise UnfitEnvironmentError(
            f"stage {needy.name} needs {needy.gpus} GPU(s) and {has} on this machine; "
            "`--no-gpus` runs it without, `trainui doctor` shows what was found"
        )


def check_inputs(pipeline: Pipeline, *, run_directory: Path, environ: Mapping[str, str]) -> None:
    """See that every input is there and may be read; those that the run makes are checked later.

    Args:
        pipeline: submitted, so that its paths are absolute.
        run_directory: what lies in there is made by the run.
        environ: what `${env.NAME}` refers to: the environment that the stages will get.

    Raises:
        UnsafePathError: an input is not there, or lies where it may not.
        UsageError: `${env.NAME}` names a variable that is not set.
    """
    for stage in pipeline.stages:
        for path in substitution.inputs_before_start(stage, environ):
            if not Path(path).is_relative_to(run_directory):
                validate_file_path(path, allowed=[pipeline.directory], base=pipeline.directory)
