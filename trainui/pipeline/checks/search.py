"""Check a stage's search, and the folding of its seeds, against its other fields."""

from __future__ import annotations

from trainui.pipeline import template
from trainui.pipeline.matrix import SEED, TRIAL
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.yaml.nodes import Mapping, MappingEntry, Position, Scalar
from trainui.pipeline.yaml.problems import Problems, did_you_mean, quoted

_WITH_SPACE = ("trials", "sampler", "seed")
"""Fields that have no effect where the members are those of a matrix."""

_PATHS = ("workdir", "python", "inputs")
"""Fields whose paths are made absolute at submission, before the values of a trial are known."""


def check(outline: Outline, problems: Problems) -> None:
    """Report every search and every `over` that does not fit its stage."""
    for stage in outline.stages:
        _check_seeds(stage, problems)
        _check_over(stage, problems)
        entry = stage.node.entries.get("search")
        if entry is not None and isinstance(entry.value, Mapping):
            _check_search(stage, entry, entry.value, problems)


def _check_seeds(stage: StageOutline, problems: Problems) -> None:
    seeds = stage.node.entries.get("seeds")
    if seeds is not None and SEED in stage.own_keys:
        message = (
            f"`matrix` already has the key {SEED}; remove `seeds`, or replace it by `over: {SEED}`"
        )
        problems.add(seeds.key.mark, "both-seeds", message)


def _check_over(stage: StageOutline, problems: Problems) -> None:
    over = stage.node.get("over")
    if not isinstance(over, Scalar) or "${" in over.text:
        return
    mark = stage.node.entries["over"].key.mark
    if stage.has("seeds"):
        message = f"`seeds` implies `over: {SEED}`; remove one of them"
        problems.add(mark, "both-seeds", message)
    elif over.text not in stage.matrix:
        keys = tuple(stage.matrix)
        near = did_you_mean(over.text, keys) or (f"; it has {', '.join(keys)}" if keys else "")
        message = f"`over`: the stage's `matrix` has no key {quoted(over.text)}{near}"
        problems.add(over.mark, "unknown-key", message)


def _check_search(
    stage: StageOutline, entry: MappingEntry, search: Mapping, problems: Problems
) -> None:
    space = search.entries.get("space")
    if space is None:
        _check_without_space(stage, entry, search, problems)
        return
    if isinstance(space.value, Mapping) and not space.value.entries:
        problems.add(space.key.mark, "empty-space", "search.space has no parameters; add one")
    if "trials" not in search.entries:
        message = "a search with a `space` needs a number of trials; add, for example, `trials: 40`"
        problems.add(entry.key.mark, "missing-field", message)
    _check_members(stage, search, space, problems)
    _check_used(stage, space, problems)
    _check_paths(stage, problems)


def _check_without_space(
    stage: StageOutline, entry: MappingEntry, search: Mapping, problems: Problems
) -> None:
    if not stage.has("matrix") and not stage.matrix:
        message = "a search needs a `space`, or a `matrix` in its stage whose members it prunes"
        problems.add(entry.key.mark, "missing-field", message)
        return
    for name in _WITH_SPACE:
        if name in search.entries:
            message = (
                f"`{name}` has no effect without a `space`: `matrix` gives the members; remove it"
            )
            problems.add(search.entries[name].key.mark, "search-with-matrix", message)


def _check_members(
    stage: StageOutline, search: Mapping, space: MappingEntry, problems: Problems
) -> None:
    """Report a stage that would get members of two kinds."""
    if stage.has("seeds") and "prune" in search.entries:
        message = "`prune` compares single trainings, but `seeds` gives a trial several; remove one"
        problems.add(search.entries["prune"].key.mark, "search-with-matrix", message)
    if stage.own_keys:
        message = (
            "`search.space` and `matrix` both define the stage's members; remove one, or move the "
            "keys of `matrix` into the space as choices"
        )
        problems.add(space.key.mark, "search-with-matrix", message)


def _check_used(stage: StageOutline, space: MappingEntry, problems: Problems) -> None:
    """Report parameters that no field uses: all trials would be the same in them."""
    if not isinstance(space.value, Mapping):
        return
    used = {
        variable.key
        for field, scalar in stage.templates
        for variable in template.variables(scalar.text)
        if variable.kind == "search" and field != "search"
    }
    for name, entry in space.value.entries.items():
        if name not in used and name != TRIAL:
            where = "params" if stage.has("task") else "run"
            message = f"no field uses ${{search.{name}}}; put it into `{where}`, or remove it here"
            problems.add(entry.key.mark, "unused-parameter", message)


def _check_paths(stage: StageOutline, problems: Problems) -> None:
    for field, scalar in stage.templates:
        parts = template.parse(scalar.text) if field in _PATHS else ()
        first = parts[0] if parts else ""
        if isinstance(first, template.Variable) and first.kind == "search":
            place: Position = problems.place(scalar.mark, str(first))
            message = f"{first} cannot begin a path here; write ./{first}, or an absolute path"
            problems.add(place, "misplaced-variable", message)
