"""Checks before submission: slots here, packages of searches, inputs, and earlier checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from trainui import settings
from trainui.errors import UnfitEnvironmentError, UnsafePathError, UsageError, install_advice
from trainui.formatting import quantity
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.search import Search
from trainui.pipeline.allowed_paths import allowed_directories, validate_file_path
from trainui.pipeline.fields import search_rules
from trainui.pipeline.rules import shared_paths
from trainui.pipeline.substitution import phases


def check_search(stages: Iterable[StageDefinition]) -> None:
    """Raise UnfitEnvironmentError if a package of the stages' searches is not installed."""
    searches = {stage.group or stage.name: stage.search for stage in stages if stage.search}
    for name, search in searches.items():
        plugin = search_rules.searchers().get(search.sampler)
        if plugin is None:
            raise UnfitEnvironmentError(
                f"the search of stage {name} needs a plugin that is not installed; see "
                "`trainui plugins`"
            )
        title = plugin.title or plugin.name
        if any(find_spec(module) is None for module in plugin.modules):
            advice = install_advice(plugin.extra) if plugin.extra else "install it"
            raise UnfitEnvironmentError(
                f"the search of stage {name} needs {title}, which is not installed: {advice}"
            )
        for used, module in _needed(search):
            if find_spec(module) is None:
                raise UnfitEnvironmentError(
                    f"{used}, in the search of stage {name}, needs {module}, which is not "
                    f"installed: install it beside {title} (pip install {module})"
                )


def _needed(search: Search) -> Iterator[tuple[str, str]]:
    """Yield the parts of a search that need a package besides the searcher's, and that package."""
    rules = {**search_rules.samplers(), **search_rules.pruners()}
    rule, used = search.prune, [search.sampler]
    while rule is not None:
        used.append(rule.by)
        rule = rule.wrapped
    yield from ((one, module) for one in used if one in rules for module in rules[one].modules)
    for option in search.sampler_options:
        if search.sampler_options[option]:
            for module in rules[search.sampler].options[option].modules:
                yield option, module


def check_executors(stages: Iterable[StageDefinition]) -> None:
    """Check the executors of stages that do not run on this machine.

    Raises:
        UsageError: no package has an executor of that name, or its options are wrong.
        PluginError: it cannot be loaded.
    """
    for stage in (one for one in stages if not one.is_local):
        from trainui.execution.attempt import executors

        for option, message in executors.problems(stage.executor, stage.executor_options):
            raise UsageError(f"stage {stage.name}: executor {stage.executor}: {option}: {message}")


def check_slots(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> None:
    """Raise UnfitEnvironmentError if a stage needs more slots than this machine has.

    `CUDA_VISIBLE_DEVICES` in the run's environment limits the GPUs.
    """
    wanted = [stage for stage in stages if stage.is_local]
    if (problem := missing_gpus(wanted, environ)) is not None:
        raise UnfitEnvironmentError(
            f"{problem}; `--no-gpus` runs it without, `trainui doctor` shows what was found"
        )
    if (problem := missing_cpus(wanted)) is not None:
        raise UnfitEnvironmentError(problem)


def missing_cpus(stages: Iterable[StageDefinition]) -> str | None:
    """Return a message if a stage needs more CPU slots than this machine has; else None."""
    # a stage with a GPU takes no CPU slot
    largest = max((one for one in stages if not one.gpus), key=lambda one: one.cpus, default=None)
    slots = settings.load().cpus
    if largest is None or largest.cpus <= slots:
        return None
    return (
        f"stage {largest.name} needs {largest.cpus} CPU slots and this machine has {slots}: lower "
        "its `cpus`, or raise the setting `cpus` (TRAINUI_CPUS) and restart the worker"
    )


def missing_gpus(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> str | None:
    """Return a message if a stage needs more GPUs than this machine has; else None."""
    largest = max(stages, key=lambda stage: stage.gpus, default=None)
    if largest is None or largest.gpus == 0 or settings.load().database_url is not None:
        return None  # another host may have enough
    from trainui.execution.gpus import usable_gpus

    usable = usable_gpus(environ=environ)
    if usable.working >= largest.gpus:
        return None
    wanted = quantity(largest.gpus, "GPU")
    has = f"only {usable.working} can be used" if usable.working else "no GPU can be used"
    why = f" ({usable.hindrance})" if usable.hindrance else ""
    return f"stage {largest.name} needs {wanted} and {has} on this machine{why}"


def check_inputs(pipeline: Pipeline, *, run_directory: Path, environ: Mapping[str, str]) -> None:
    """Raise the first error of `invalid_inputs`, if there is one."""
    for error in invalid_inputs(pipeline, environ, run_directory):
        raise error


def invalid_inputs(
    pipeline: Pipeline, environ: Mapping[str, str], run_directory: Path | None = None
) -> Iterator[UsageError]:
    """Yield an error for each invalid input that no stage produces, once per input.

    Inputs inside `run_directory` are produced by the run. An UnsafePathError: it does not exist, or
    its location is not allowed; else `${env.NAME}` names a variable that is not in `environ`.
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
    """Return the directories allowed for a pipeline's inputs; stages check again at their start."""
    return allowed_directories([pipeline.directory], base=pipeline.directory)


def checkpoint_remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield a remark for each stage of a new run with checkpoints from before: used or ignored.

    A stage continues from one only if it is asked to. The pipeline comes from `control.preview`.
    """
    from trainui.resume import checkpoints

    nowhere = settings.runs_dir(settings.load()) / "RUN" / "STAGE"
    noted_places: set[tuple[str, str]] = set()
    for stage in pipeline.stages:
        rule = stage.checkpoint
        if rule is None or (place := (rule.glob, stage.workdir)) in noted_places:
            continue
        noted_places.add(place)
        where = checkpoints.search(stage, nowhere)
        if not where.found:
            continue
        if (asked := checkpoints.requested(stage)) is not None:
            yield f"{stage.name} continues from {asked}"
        elif (said := checkpoints.reason_unused(where)) is not None:
            yield f"{stage.name} gets no checkpoint: {said}"


def shared_path_remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield a remark for each path to which several stages write at once.

    The pipeline comes from `control.preview`.
    """
    yield from (one.words for one in shared_paths.find(pipeline.stages))
