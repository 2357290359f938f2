"""Check stages against each other, and their members: dependencies, matrices, searches.

Duplicates, unknown names, cycles, unmatched members, spaces that nothing uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import field

from trainui.pipeline import field_names, matrix, template
from trainui.pipeline.graph import Graph
from trainui.pipeline.masking import SHORTEST, is_secret
from trainui.pipeline.matrix import SEED, TRIAL, Pairing, Values
from trainui.pipeline.outline import MAX_MEMBERS, Outline, StageOutline
from trainui.pipeline.substitution import FIELDS, StageReference, stage_reference
from trainui.pipeline.template import Variable
from trainui.pipeline.yaml_nodes import (
    Mapping,
    MappingEntry,
    Position,
    Problems,
    Scalar,
    did_you_mean,
    one_line,
    quoted,
)
from trainui.record import dataclass

MAX_EDGES = 1_000_000
"""Maximum number of dependencies between members: 1000 members that depend on 1000."""

SHOWN_OF_CYCLE = 20
"""Number of stages of a cycle shown in its message."""


def check_graph(outline: Outline, problems: Problems) -> None:
    """Report every invalid name and dependency."""
    first: dict[str, StageOutline] = {}
    for stage in outline.stages:
        if stage.name is not None and first.setdefault(stage.name.text, stage) is not stage:
            name, line = stage.name, _mark(first[stage.name.text]).line
            message = f"duplicate stage name {quoted(name.text)} (first on line {line}); rename one"
            problems.add(name.mark, "duplicate-stage", message)
    if outline.too_large:
        return
    pairing = Pairing(outline.groups())
    parents = {  # a member counts as its stage
        name: tuple(filter(None, (pairing.group_of(above.text) for above in _upstream(stage))))
        for name, stage in first.items()
    }
    graph = Graph.from_parents(parents)
    for cycle in graph.cycles():
        message = f"dependency cycle: {_drawn(cycle)}; remove one of these dependencies"
        problems.add(_mark(first[cycle[0]]), "cycle", message)
    searches = {name: stage.space for name, stage in first.items() if stage.space is not None}
    evaluations = frozenset(name for name, stage in first.items() if stage.each_checkpoint)
    checker = _StageChecker(pairing, graph, problems, searches, evaluations)
    for stage in outline.stages:
        checker.check(stage)
        _check_each_checkpoint(stage, first, pairing, problems)


def _upstream(stage: StageOutline) -> tuple[Scalar, ...]:
    """Return the stages that a stage names as upstream; itself is another problem."""
    each = stage.each_checkpoint
    if each is None or (stage.name is not None and each.text == stage.name.text):
        return stage.depends_on
    return (*stage.depends_on, each)


_ONLY_WITH_EACH = ("every", "metric", "goal")
"""Fields of an evaluation of each checkpoint."""

_NOT_WITH_EACH = {
    **dict.fromkeys(
        ("matrix", "seeds", "over", "search"), "the members are the checkpoints; remove it"
    ),
    **dict.fromkeys(
        ("checkpoint", "resume_args", "resume_run"),
        "an evaluation begins from the start; remove it",
    ),
}
"""Fields that such an evaluation cannot have, with the reason."""


def _check_each_checkpoint(
    stage: StageOutline, first: AnyMapping[str, StageOutline], pairing: Pairing, problems: Problems
) -> None:
    each = stage.each_checkpoint
    if each is None:
        for name in _ONLY_WITH_EACH:
            if stage.has(name):
                message = f"`{name}` needs `each_checkpoint: STAGE`; add it, or remove `{name}`"
                problems.add(stage.place(name), "each-checkpoint", message)
        return
    for name, other in (("metric", "goal"), ("goal", "metric")):
        if stage.has(name) and not stage.has(other):
            message = f"`{name}` of an evaluation needs `{other}`; add it, or remove `{name}`"
            problems.add(stage.place(name), "each-checkpoint", message)
    for name, why in _NOT_WITH_EACH.items():
        if stage.has(name):
            message = f"`{name}` cannot be combined with `each_checkpoint`: {why}"
            problems.add(stage.place(name), "each-checkpoint", message)
    if "${" in each.text:
        message = "`each_checkpoint` is the name of a stage, without variables"
        problems.add(each.mark, "misplaced-variable", message)
        return
    if stage.name is not None and each.text == stage.name.text:
        message = "`each_checkpoint` names its own stage; name the one that writes the checkpoints"
        problems.add(each.mark, "each-checkpoint", message)
        return
    group = pairing.group_of(each.text)
    if group is None:
        near = problems.guess(each.text, first)
        problems.add(each.mark, "unknown-stage", f"unknown stage {quoted(each.text)}{near}")
    elif first[group].each_checkpoint is not None:
        message = f"{quoted(group)} evaluates checkpoints itself; name the stage that writes them"
        problems.add(each.mark, "each-checkpoint", message)
    elif not first[group].has("checkpoint"):
        message = f"{quoted(group)} writes no checkpoints; add `checkpoint: GLOB` to it"
        problems.add(each.mark, "no-checkpoint", message)


def _mark(stage: StageOutline) -> Position:
    return stage.name.mark if stage.name else stage.node.mark


def _drawn(cycle: Sequence[str]) -> str:
    names = [one_line(name) for name in (*cycle, cycle[0])]
    if len(names) > SHOWN_OF_CYCLE:
        left_out = len(names) - SHOWN_OF_CYCLE
        half = SHOWN_OF_CYCLE // 2
        names = [*names[:half], f"({left_out} more)", *names[-half:]]
    return " -> ".join(names)


@dataclass(slots=True)
class _StageChecker:
    """Checks each stage's references to other stages."""

    pairing: Pairing
    graph: Graph
    problems: Problems
    searches: AnyMapping[str, Collection[str]]
    """Stages whose members are trials, with the parameters of their spaces."""
    evaluations: Collection[str] = frozenset()
    """Stages that evaluate each checkpoint of another."""
    edges: int = 0
    downstream: dict[str, set[str]] = field(default_factory=dict)

    def check(self, stage: StageOutline) -> None:
        for name in stage.depends_on:
            self._check_dependency(stage, name)
        for scalar, variable, reference in _references(stage):
            self._check_reference(stage, scalar, variable, reference)

    def _check_dependency(self, stage: StageOutline, name: Scalar) -> None:
        if self.pairing.group_of(name.text) is None:
            self.problems.add(name.mark, "unknown-stage", self._unknown(name.text))
            return
        if self.edges > MAX_EDGES:
            return
        pairs = self._pairs(stage, name.text)
        self.edges += sum(len(names) for _, names in pairs)
        self._check_pairs(name.text, pairs, name.mark)
        if self.edges > MAX_EDGES:
            message = (
                f"the sweeps have over {MAX_EDGES:,} dependencies; give their matrices a key in "
                "common"
            )
            self.problems.add(name.mark, "too-many-dependencies", message)

    def _check_reference(
        self, stage: StageOutline, scalar: Scalar, variable: Variable, reference: StageReference
    ) -> None:
        place = self.problems.place(scalar.mark, str(variable))
        group = self.pairing.group_of(reference.name)
        if group is None:
            self.problems.add(place, "unknown-stage", self._unknown(reference.name))
            return
        own = stage.name.text if stage.name is not None else None
        if group == own and group in self.evaluations:
            message = (
                f"{variable} is known when all checkpoints have been evaluated; move this to a "
                f"stage that depends on {quoted(group)}"
            )
            self.problems.add(place, "not-upstream", message)
            return
        if group == own and group in self.searches:
            message = (
                f"{variable} is known when all trials of {quoted(group)} have ended, so none of "
                "them can use it; write ${stage_dir} for a trial's own directory, or move this to "
                f"a stage that depends on {quoted(group)}"
            )
            self.problems.add(place, "not-upstream", message)
            return
        if own is not None and group != own:
            self._check_upstream(own, group, place)
        if fault := self._search_fault(group, variable, reference):
            self.problems.add(place, *fault)
            return
        pairs = self._pairs(stage, reference.name)
        self._check_pairs(reference.name, pairs, place)
        most = max((len(names) for _, names in pairs), default=0)
        if most > 1 and reference.what == "dir":
            message = (
                f"{variable} is the directory of one stage, but {most} members of "
                f"{quoted(reference.name)} match; write ${{stages.{reference.name}.dirs}}"
            )
            self.problems.add(place, "several-members", message)

    def _search_fault(
        self, group: str, variable: Variable, reference: StageReference
    ) -> tuple[str, str] | None:
        """Return the problem of a reference to the wrong kind of stage, as code and message."""
        of_checkpoint = reference.what in ("best.checkpoint", "best.step")
        if group in self.evaluations:
            if of_checkpoint or reference.what in ("best.dir", "dirs"):
                return None
            fit = "best.checkpoint, best.step, best.dir or dirs"
            message = f"{variable}: {quoted(group)} evaluates checkpoints; it has {fit}"
            return "several-members" if reference.what == "dir" else "unknown-variable", message
        if of_checkpoint:
            message = f"{variable}: {quoted(group)} has no `each_checkpoint`, so it has no best one"
            return "unknown-variable", message
        if group in self.searches:
            keys = sorted(self.searches[group])
            if reference.key is not None and keys and reference.key not in keys:
                near = did_you_mean(reference.key, keys) or f"; it has {', '.join(keys)}"
                what = f"the search of {quoted(group)} has no parameter {quoted(reference.key)}"
                return "unknown-variable", f"{variable}: {what}{near}"
            if reference.what != "dir":
                return None
            return "several-members", (
                f"{variable} is the directory of one stage, but {quoted(group)} has trials; "
                f"write ${{stages.{group}.best.dir}} or ${{stages.{group}.dirs}}"
            )
        if not reference.what.startswith("best."):
            return None
        message = f"{variable}: {quoted(group)} has no search with a space, so it has no best trial"
        return "unknown-variable", message

    def _check_upstream(self, stage: str, group: str, place: Position) -> None:
        if group in self.graph.parents.get(stage, ()):
            return
        if group not in self.downstream:
            self.downstream[group] = self.graph.downstream(group)
        if stage in self.downstream[group]:
            return
        message = (
            f"{quoted(stage)} uses the directory of {quoted(group)} but does not depend on it; "
            "add it to `depends_on`"
        )
        self.problems.add(place, "not-upstream", message)

    def _pairs(self, stage: StageOutline, name: str) -> list[tuple[Values | None, tuple[str, ...]]]:
        """Return, for each member, the stages that `name` resolves to."""
        return [(values, self.pairing.resolve(name, values)) for values in stage.members]

    def _check_pairs(
        self, name: str, pairs: list[tuple[Values | None, tuple[str, ...]]], place: Position
    ) -> None:
        alone = next((values for values, names in pairs if not names), None)
        if alone is not None:
            values = ", ".join(f"{key}={value}" for key, value in alone.items())
            message = (
                f"no member of {quoted(name)} matches the member with {one_line(values)}; "
                "give both matrices the same values of the keys they share"
            )
            self.problems.add(place, "no-pair", message)

    def _unknown(self, name: str) -> str:
        near = self.problems.guess(name, self.graph.parents)
        return f"unknown stage {quoted(name)}{near}"


def _references(stage: StageOutline) -> Iterator[tuple[Scalar, Variable, StageReference]]:
    for name, scalar in stage.templates:
        if name not in FIELDS or "stages" not in FIELDS[name].kinds:
            continue
        for variable in template.variables(scalar.text):
            reference = stage_reference(variable)
            if reference is not None:
                yield scalar, variable, reference


def check_matrices(outline: Outline, problems: Problems) -> None:
    """Report every invalid matrix."""
    for stage in outline.stages:
        _check_matrix(stage, problems)
    if outline.too_large:
        _report_size(outline, problems)
        return
    for stage in outline.stages:
        if stage.name is not None and stage.matrix:
            _check_names(stage, stage.name.text, problems)


def _check_matrix(stage: StageOutline, problems: Problems) -> None:
    node = stage.node.get("matrix")
    if not isinstance(node, Mapping):
        return
    if not node.entries and not stage.matrix:
        message = "`matrix` has no keys; add one, or remove it"
        problems.add(stage.place("matrix"), "empty-matrix", message)
    for key, entry in node.entries.items():
        _check_values(key, stage.matrix.get(key, ()), entry.key.mark, problems)


def _check_values(key: str, values: tuple[str, ...], place: Position, problems: Problems) -> None:
    if is_secret(key) and any(len(value) >= SHORTEST for value in values):
        message = (
            f"matrix: {quoted(key)} is the name of a secret, and the values would be in the names "
            "and directories of the stages; sweep over a name instead and look the secret up with "
            "it, e.g. in `env`; if it is none, rename the key"
        )
        problems.add(place, "secret-in-name", message)
        return
    for value in _repeated(values):
        message = f"matrix: {quoted(key)} has the value {quoted(value)} more than once; keep one"
        problems.add(place, "duplicate-value", message)
    for value in values:
        if not value.isprintable():
            message = (
                f"matrix: {quoted(value)} contains an unprintable character, which is not allowed"
            )
            problems.add(place, "bad-name", message)


def _check_names(stage: StageOutline, name: str, problems: Problems) -> None:
    full = [matrix.member_name(name, values) for values in stage.members]
    longest = max(full, key=len)
    if len(longest) > field_names.MAX_MEMBER_NAME:
        message = (
            f"a member would be named {quoted(longest)}, which has over "
            f"{field_names.MAX_MEMBER_NAME} characters; shorten the values"
        )
        problems.add(stage.matrix_mark, "bad-name", message)
    if any(_repeated(values) for values in stage.matrix.values()):
        return  # reported with their key
    for repeated in _repeated(full):
        message = f"two members would be named {quoted(repeated)}; change their values"
        problems.add(stage.matrix_mark, "duplicate-stage", message)


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _report_size(outline: Outline, problems: Problems) -> None:
    largest = max(outline.stages, key=lambda stage: stage.size)
    total = sum(stage.size for stage in outline.stages)
    who = quoted(largest.name.text) if largest.name else "one"
    message = (
        f"the pipeline would have {total:,} stages, of which {who} has {largest.size:,}; at most "
        f"{MAX_MEMBERS:,} are allowed"
    )
    problems.add(largest.matrix_mark, "too-many-stages", message)


_WITH_SPACE = ("trials", "sampler", "seed")
"""Fields that have no effect where the members are those of a matrix."""

_PATHS = ("workdir", "python", "inputs")
"""Fields whose paths are made absolute at submission, before the values of a trial are known."""


def check_searches(outline: Outline, problems: Problems) -> None:
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
        for name, scalar in stage.templates
        for variable in template.variables(scalar.text)
        if variable.kind == "search" and name != "search"
    }
    for name, entry in space.value.entries.items():
        if name not in used and name != TRIAL:
            where = "params" if stage.has("task") else "run"
            message = f"no field uses ${{search.{name}}}; put it into `{where}`, or remove it here"
            problems.add(entry.key.mark, "unused-parameter", message)


def _check_paths(stage: StageOutline, problems: Problems) -> None:
    for name, scalar in stage.templates:
        parts = template.parse(scalar.text) if name in _PATHS else ()
        first = parts[0] if parts else ""
        if isinstance(first, template.Variable) and first.kind == "search":
            place: Position = problems.place(scalar.mark, str(first))
            message = f"{first} cannot begin a path here; write ./{first}, or an absolute path"
            problems.add(place, "misplaced-variable", message)
