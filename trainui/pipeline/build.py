"""Build stage definitions from valid fields: expand matrices and resolve dependency names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trainui.domain.definition import (
    ALERT_CONDITIONS,
    Alert,
    CheckpointRule,
    Json,
    MetricSource,
    StageDefinition,
)
from trainui.domain.search import Search
from trainui.pipeline import template
from trainui.pipeline.fields import locations
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.matrix import SEED, TRIAL, MatrixMembers, Pairing, Values, expand, member_name
from trainui.pipeline.outline import Outline, StageOutline

Fields = Mapping[str, Any]
"""The fields of a mapping that the file gives, as `spec` reads them."""


def stages(
    specs: Sequence[Fields], outline: Outline, directory: str
) -> tuple[StageDefinition, ...]:
    """Return the stages in file order, with each matrix replaced by its members."""
    written = list(zip(specs, outline.stages, strict=True))
    pairing = Pairing(
        MatrixMembers(spec["name"], expand(seen.matrix), seen.space is not None)
        for spec, seen in written
    )
    return tuple(
        definition
        for spec, seen in written
        for definition in _members(spec, seen, pairing, outline.parameters, directory)
    )


def _members(
    spec: Fields, seen: StageOutline, pairing: Pairing, parameters: Parameters, directory: str
) -> Iterator[StageDefinition]:
    common = _common(spec, parameters, directory)
    for values in expand(seen.matrix):
        yield StageDefinition(
            name=member_name(spec["name"], values),
            group=spec["name"],
            matrix=values,
            trial=int((values or {})[TRIAL]) if seen.space is not None else None,
            depends_on=_dependencies(spec.get("depends_on", ()), values, pairing),
            **common,
        )


def _dependencies(
    written: Sequence[str], values: Values | None, pairing: Pairing
) -> tuple[str, ...]:
    if len(written) == 1:
        # not copied: when 1000 stages depend on the same 1000, they all share one tuple
        return pairing.resolve(written[0], values)
    resolved = (name for wanted in written for name in pairing.resolve(wanted, values))
    return tuple(dict.fromkeys(resolved))


def _common(spec: Fields, parameters: Parameters, directory: str) -> dict[str, Json]:
    """Return the fields that all members of a stage have in common; absent ones keep defaults."""
    fields = {name: _MADE[name](one) if name in _MADE else one for name, one in spec.items()}
    for name in ("name", "matrix", "depends_on"):
        fields.pop(name, None)
    if fields.pop("seeds", None):
        fields["over"] = SEED
    if spec.get("python"):
        fields["python"] = locations.interpreter(spec["python"], directory)
    return fields | {
        "command": fields.pop("run", None),
        "params": template.map_texts(spec.get("params", {}), parameters.typed),
        "workdir": locations.absolute(spec.get("workdir", ""), directory),
        "inputs": tuple(locations.absolute(path, directory) for path in spec.get("inputs", ())),
    }


def _source(spec: Fields) -> MetricSource:
    common = {name: spec[name] for name in ("path", "format", "step", "restarts") if name in spec}
    stream = next((name for name in ("stdout", "stderr") if name in spec), None)
    return MetricSource(**common, stream=stream, pattern=spec.get(stream or ""))


def _search(spec: Fields) -> Search:
    given = dict(spec)
    if "sampler" in given:
        given["sampler"], given["sampler_options"] = given["sampler"]
    return Search(**given)


def _alert(spec: Fields) -> Alert:
    condition = next(name for name in ALERT_CONDITIONS if name in spec)
    return Alert(
        condition,
        metric=spec.get("metric", "*"),
        limit=float(spec[condition]),
        goal=spec.get("goal", "min"),
        after=spec.get("after"),
        action=spec.get("then", "notify"),
    )


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "metrics": lambda sources: tuple(_source(one) for one in sources),
    "checkpoint": lambda rule: CheckpointRule(rule["path"], rule.get("complete")),
    "resume_args": tuple,
    "outputs": tuple,
    "alerts": lambda alerts: tuple(_alert(one) for one in alerts),
    "search": _search,
}
"""Field -> what a definition has for it; others are taken over as they are."""
