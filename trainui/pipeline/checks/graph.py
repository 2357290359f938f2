"""Check stage names and dependencies: duplicates, unknown names, cycles, unmatched members."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from trainui.pipeline import template
from trainui.pipeline.graph import Graph
from trainui.pipeline.matrix import Pairing, Values, expand
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.substitution.values import FIELDS, StageReference, stage_reference
from trainui.pipeline.template import Variable
from trainui.pipeline.yaml.nodes import Position, Scalar
from trainui.pipeline.yaml.problems import Problems, did_you_mean, one_line, quoted

MAX_EDGES = 1_000_000
"""Maximum number of dependencies between members: 1000 members that depend on 1000."""

SHOWN_OF_CYCLE = 20
"""Number of stages of a cycle shown in its message."""


def check(outline: Outline, problems: Problems) -> None:
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
        name: tuple(filter(None, (pairing.group_of(above.text) for above in stage.depends_on)))
        for name, stage in first.items()
    }
    graph = Graph.from_parents(parents)
    for cycle in graph.cycles():
        message = f"dependency cycle: {_drawn(cycle)}; remove one of these dependencies"
        problems.add(_mark(first[cycle[0]]), "cycle", message)
    searches = {name: stage.space for name, stage in first.items() if stage.space is not None}
    checker = _StageChecker(pairing, graph, problems, searches)
    for stage in outline.stages:
        checker.check(stage)


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
    searches: Mapping[str, Collection[str]]
    """Stages whose members are trials, with the parameters of their spaces."""
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
        return [(values, self.pairing.resolve(name, values)) for values in expand(stage.matrix)]

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
