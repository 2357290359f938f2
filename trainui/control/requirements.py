"""What a pipeline needs of this machine and its files before it is submitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trainui import settings
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UnfitEnvironmentError, UnsafePathError, UsageError
from trainui.pipeline.inputs import allowed_directories, validate_file_path
from trainui.pipeline.substitution import phases


def check_slots(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> None:
    """See that every stage can ever have the slots that it needs.

    Args:
        stages: those that are to run.
        environ: what their run inherits; a `CUDA_VISIBLE_DEVICES` in it limits the GPUs.

    Raises:
        UnfitEnvironmentError: this machine has too few.
    """
    wanted = list(stages)
    if (lack := lacking_gpus(wanted, environ)) is not None:
        raise UnfitEnvironmentError(
            f"{lack}; `--no-gpus` runs it without, `trainui doctor` shows what was found"
        )
    if (lack := lacking_cpus(wanted)) is not None:
        raise UnfitEnvironmentError(lack)


def lacking_cpus(stages: Iterable[StageDefinition]) -> str | None:
    """Say which stage can never have the CPU places that it needs here; None: all can."""
    # one that needs a GPU takes no CPU place
    needy = max((one for one in stages if not one.gpus), key=lambda one: one.cpus, default=None)
    places = settings.load().cpus
    if needy is None or needy.cpus <= places:
        return None
    return (
        f"stage {needy.name} needs {needy.cpus} CPU places and this machine has {places}: lower "
        "its `cpus`, or raise the setting `cpus` (TRAINUI_CPUS) and start the worker anew"
    )


def lacking_gpus(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> str | None:
    """Say which stage can never have the GPUs that it needs on this machine; None: all can."""
    needy = max(stages, key=lambda stage: stage.gpus, default=None)
    if needy is None or needy.gpus == 0 or settings.load().database_url is not None:
        return None  # another host may have what this one lacks
    from trainui.execution.gpu.gpus import usable_gpus

    usable = usable_gpus(environ=environ)
    if usable.working >= needy.gpus:
        return None
    wanted = f"{needy.gpus} GPU" if needy.gpus == 1 else f"{needy.gpus} GPUs"
    has = f"only {usable.working} can be used" if usable.working else "no GPU can be used"
    why = f" ({usable.hindrance})" if usable.hindrance else ""
    return f"stage {needy.name} needs {wanted} and {has} on this machine{why}"


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
    for error in wrong_inputs(pipeline, environ, run_directory):
        raise error


def wrong_inputs(
    pipeline: Pipeline, environ: Mapping[str, str], run_directory: Path | None = None
) -> Iterator[UsageError]:
    """Yield what is wrong with each input that no stage makes, of the first stage that has it.

    Args:
        pipeline: the pipeline.
        environ: what `${env.NAME}` refers to.
        run_directory: what lies in there is made by the run; None: there is no run.
    """
    seen: set[str] = set()
    for stage in pipeline.stages:
        try:
            inputs = phases.inputs_before_start(stage, environ)
        except UsageError as error:
            yield error
            continue
        for path in [one for one in inputs if one not in seen]:
            seen.add(path)
            if run_directory is not None and Path(path).is_relative_to(run_directory):
                continue
            try:
                validate_file_path(path, allowed=[pipeline.directory], base=pipeline.directory)
            except UnsafePathError as error:
                yield UnsafePathError(f"stage {stage.name}, input {error}")


def allowed_for(pipeline: Pipeline) -> list[str]:
    """Return where a pipeline's inputs may lie, for its stages to look again as they start."""
    return allowed_directories([pipeline.directory], base=pipeline.directory)
