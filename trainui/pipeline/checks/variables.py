"""Check every `${...}` of a document: known, allowed in its field, valid in its context."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainui.pipeline import template
from trainui.pipeline.fields import names
from trainui.pipeline.matrix import SEED, TRIAL
from trainui.pipeline.outline import Outline, StageOutline, templates_in
from trainui.pipeline.shell import UNFIT, spots
from trainui.pipeline.substitution.values import (
    FIELDS,
    KEYED,
    PARAMETER,
    SIMPLE,
    Rule,
    is_several,
    is_well_formed,
)
from trainui.pipeline.template import Variable
from trainui.pipeline.yaml.nodes import Mapping, Scalar
from trainui.pipeline.yaml.problems import Problems, did_you_mean, quoted

_SHELL_NAME = re.compile(r"[#!]?[A-Za-z_][A-Za-z0-9_]*(?:[^A-Za-z0-9_.].*)?|[0-9@*#?$!-].*")
"""Text that the shell accepts between braces."""


_FORMS = {kind: f"${{{kind}.KEY}}" for kind in KEYED} | {"stages": "${stages.NAME.dir}"}


@dataclass(frozen=True, slots=True)
class _Scope:
    """The parameters and keys that the variables of a stage can refer to."""

    params: frozenset[str]
    matrix: tuple[str, ...] = ()
    search: tuple[str, ...] | None = None
    lacks_space: bool = False
    """True if the stage's search has no parameter, which is reported by itself."""


def check(outline: Outline, problems: Problems) -> None:
    """Report every invalid variable, except references to stages (see `graph`)."""
    declared = outline.document.get("params")
    if isinstance(declared, Mapping):
        for scalar in templates_in(declared):
            _check_scalar(scalar, PARAMETER, _Scope(frozenset()), problems)
    for stage in outline.stages:
        space = None if stage.space is None else tuple(sorted(stage.space))
        lacks_space = stage.has("search") and not space and not stage.own_keys
        generated = (SEED,) * stage.has("seeds") + (TRIAL,) * (space is not None)  # even if invalid
        matrix = tuple(dict.fromkeys((*stage.matrix, *generated)))
        scope = _Scope(outline.parameters.declared, matrix, space, lacks_space)
        for field, scalar in stage.templates:
            if rule := FIELDS.get(field):
                _check_scalar(scalar, rule, scope, problems, in_params=field == "params")
        _check_shell(stage, problems)


def _check_scalar(
    scalar: Scalar, rule: Rule, scope: _Scope, problems: Problems, *, in_params: bool = False
) -> None:
    for variable in template.variables(scalar.text):
        found = _fault(variable, rule, scope)
        if found is None and is_several(variable):
            # a list as a task's parameter has to be the whole value
            fits = not in_params or template.only_variable(scalar.text) is not None
            found = _several_fault(variable, rule, fits=fits)
        if found is not None:
            place = problems.place(scalar.mark, str(variable))
            problems.add(place, *found)


def _fault(variable: Variable, rule: Rule, scope: _Scope) -> tuple[str, str] | None:
    if not is_well_formed(variable):
        return "unknown-variable", _unknown(variable, scope)
    if variable.kind not in rule.kinds:
        return "misplaced-variable", _misplaced(variable, rule)
    if variable.kind == "params" and variable.key not in scope.params:
        near = did_you_mean(variable.key, scope.params) or "; declare it under params"
        return "unknown-variable", f"{_shown(variable)}: unknown parameter{near}"
    if variable.kind == "matrix" and variable.key not in scope.matrix:
        return "unknown-variable", _unknown_key(variable, scope.matrix)
    if variable.kind == "search" and variable.key not in (scope.search or ()):
        if scope.lacks_space:
            return None
        return "unknown-variable", _unknown_search(variable, scope.search)
    if variable.kind == "env" and names.is_no_variable(variable.key):
        message = f"{_shown(variable)}: this cannot be the name of an environment variable"
        return "unknown-variable", message
    return None


def _shown(variable: Variable) -> str:
    return quoted(str(variable))[1:-1]


def _unknown(variable: Variable, scope: _Scope) -> str:
    if not variable.closed:
        return f"{_shown(variable)} has no closing brace on its line"
    return f"{_shown(variable)} is not a variable of trainui{_advice(variable, scope)}"


def _advice(variable: Variable, scope: _Scope) -> str:
    name = variable.name
    if variable.kind == "stages" and ".best" in variable.key:
        of_best = "${stages.NAME.best.dir}, ${stages.NAME.best.trial}, ${stages.NAME.best.params}"
        return f"; write {of_best} or ${{stages.NAME.best.params.KEY}}"
    if variable.kind == "stages":
        return "; write ${stages.NAME.dir}, ${stages.NAME.dirs} or ${stages.NAME.best.dir}"
    if name in KEYED:
        return f"; write ${{{name}.KEY}}"
    if near := _nearest(variable, scope):
        return near
    if name.isidentifier():
        return f"; write ${{env.{name}}} for an environment variable, or ${name} in a shell's text"
    if _SHELL_NAME.fullmatch(name):
        return f"; the shell's own braces are written ${_shown(variable)}"
    return ""


def _nearest(variable: Variable, scope: _Scope) -> str:
    full = [f"params.{key}" for key in scope.params] + [f"matrix.{key}" for key in scope.matrix]
    full += [f"search.{key}" for key in scope.search or ()]
    for name in full:
        if name.partition(".")[2] == variable.name:
            return f"; did you mean {quoted(name)}?"
    guesses = [
        f"{kind}.{variable.key}" for kind in ("params", "matrix", "search", "env") if variable.key
    ]
    return did_you_mean(variable.name.strip(), [*SIMPLE, *full, *map(str.strip, guesses)])


def _misplaced(variable: Variable, rule: Rule) -> str:
    if variable.kind == "checkpoint":
        return "${checkpoint} has a value only in resume_args and resume_run"
    if variable.kind == "resume_args":
        return "${resume_args} can be used in run only"
    allowed = ", ".join(_FORMS.get(kind, f"${{{kind}}}") for kind in sorted(rule.kinds))
    return f"{_shown(variable)} cannot be used here; this field may contain {allowed} only"


def _unknown_key(variable: Variable, keys: tuple[str, ...]) -> str:
    if not keys:
        return f"{_shown(variable)}: the stage has no matrix; give it one, or use ${{params.KEY}}"
    near = did_you_mean(variable.key, keys) or f"; it has {', '.join(keys)}"
    return f"{_shown(variable)}: the stage's matrix has no such key{near}"


def _unknown_search(variable: Variable, keys: tuple[str, ...] | None) -> str:
    if keys is None:
        return f"{_shown(variable)}: the stage has no search with a space; use ${{params.KEY}}"
    near = did_you_mean(variable.key, keys) or (keys and f"; it has {', '.join(keys)}") or ""
    return f"{_shown(variable)}: the stage's search has no such parameter{near}"


def _check_shell(stage: StageOutline, problems: Problems) -> None:
    """Report variables at positions of shell text where substitution is not possible."""
    for field in ("run", "resume_run"):
        scalar = stage.node.get(field)
        if not isinstance(scalar, Scalar) or "${" not in scalar.text:
            continue
        parts = template.parse(scalar.text)
        inside = (part for part in parts if isinstance(part, Variable))
        for variable, spot in zip(inside, spots(parts), strict=True):
            if spot.place in UNFIT and is_well_formed(variable):
                message = f"{_shown(variable)} cannot be substituted here; {UNFIT[spot.place]}"
                place = problems.place(scalar.mark, str(variable))
                problems.add(place, "shell-quoting", message)


def _several_fault(variable: Variable, rule: Rule, *, fits: bool) -> tuple[str, str] | None:
    """Return the problem of a variable with several values where only one is allowed."""
    if not rule.several:
        message = f"{_shown(variable)} stands for several values, and this field takes one"
        return "misplaced-variable", message
    message = f"{_shown(variable)} is a list here; make it the whole value"
    return None if fits else ("misplaced-variable", message)
