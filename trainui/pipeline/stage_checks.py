"""Check each stage beyond what one field shows: command, checkpoint, metrics, alerts, variables.

Every `${...}` must be known, allowed in its field, and valid in its context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from trainui.model.definition import ALERT_CONDITIONS
from trainui.pipeline import field_names, substitution, template
from trainui.pipeline.field_names import CHECKPOINT_VARIABLE, is_preset, presets
from trainui.pipeline.matrix import SEED, TRIAL
from trainui.pipeline.outline import Outline, StageOutline, templates_in
from trainui.pipeline.substitution import (
    FIELDS,
    KEYED,
    PARAMETER,
    SIMPLE,
    UNFIT,
    Rule,
    is_several,
    is_well_formed,
    spots,
)
from trainui.pipeline.template import (
    Parameters,
    Template,
    Variable,
    only_variable,
    parse,
    variables,
)
from trainui.pipeline.yaml_nodes import (
    Mapping,
    Problems,
    Scalar,
    Sequence,
    did_you_mean,
    one_line,
    one_or_more,
    quoted,
)
from trainui.record import dataclass


def check_stages(outline: Outline, problems: Problems) -> None:
    """Report every invalid combination of fields, checkpoint, metric source and alert."""
    _check_combinations(outline, problems)
    _check_metrics(outline, problems)
    _check_alerts(outline, problems)
    _check_checkpoint(outline, problems)


def _check_combinations(outline: Outline, problems: Problems) -> None:
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
    run, added = stage.node.get("run"), stage.node.get("resume_args")
    adds_none = isinstance(added, Sequence) and not added.items
    if isinstance(run, Sequence):
        for item in run.items:
            _check_own_item(item if isinstance(item, Scalar) else Scalar("", False), problems)
    elif isinstance(run, Scalar) and stage.has("resume_args") and not adds_none:
        if Variable("resume_args") in variables(run.text):
            return
        if "\n" in run.text.strip():
            message = "`run` has several lines; write ${resume_args} where they belong"
            problems.add(run.mark, "resume-args-not-placed", message)
        elif where := substitution.append_fault(parse(run.text.rstrip())):
            message = (
                f"`resume_args` would go {where}; write ${{resume_args}} where they belong, or "
                "`resume_args: []` in a stage without any"
            )
            problems.add(run.mark, "resume-args-not-placed", message)


def _check_own_item(item: Scalar, problems: Problems) -> None:
    if Variable("resume_args") in variables(item.text) and not only_variable(item.text):
        message = "${resume_args} stands for several words; make it a separate item of the list"
        problems.add(item.mark, "misplaced-variable", message)


# Check that the members of a sweep do not write their checkpoints to the same path.
#
# Otherwise one member would continue from the checkpoint of another.


_OWN = frozenset({"stage_dir", "stages"})
"""Variables with a different value for each member."""

_ABSOLUTE = frozenset({"run_dir", "env"})
"""Variables that are assumed to start an absolute path, shared by all members."""


def _check_checkpoint(outline: Outline, problems: Problems) -> None:
    """Report every sweep in which two members have the same checkpoint path."""
    for stage in outline.stages:
        path = _checkpoint_path(stage)
        if path is None or stage.size < 2:
            continue
        parts = template.join(_filled(path.text, stage, outline.parameters, frozenset()))
        if _is_outside(parts) and (same := _not_named(parts, stage)):
            problems.add(path.mark, "shared-checkpoint", _shared_message(path.text, stage, same))


def _shared_message(path: str, stage: StageOutline, same: list[str]) -> str:
    who = f"the members of {quoted(stage.name.text)}" if stage.name else "its members"
    keys = " and ".join(f"${{matrix.{key}}}" for key in same)
    return (
        f"{who} share the checkpoint path {one_line(path)}, so one would continue from "
        f"another's; put {keys} into the path, or write checkpoints to ${{stage_dir}}"
    )


def _checkpoint_path(stage: StageOutline) -> Scalar | None:
    node = stage.node.get("checkpoint")
    path = node.get("path") if isinstance(node, Mapping) else node
    return path if isinstance(path, Scalar) and not path.is_null else None


def _filled(
    text: str, stage: StageOutline, known: Parameters, above: frozenset[str]
) -> Iterator[str | Variable]:
    """Yield a text's parts, with parameters and the stage's own environment variables expanded."""
    for part in template.parse(text):
        value = None if isinstance(part, str) else _value(part, stage, known)
        if value is None or str(part) in above:
            yield part
        else:
            yield from _filled(value, stage, known, above | {str(part)})


def _value(variable: Variable, stage: StageOutline, known: Parameters) -> str | None:
    environ = stage.node.get("env")
    if variable.kind == "params" and variable.key in known.values:
        return known.values[variable.key].text
    if variable.kind == "env" and isinstance(environ, Mapping):
        value = environ.get(variable.key)
        return value.text if isinstance(value, Scalar) else None
    return None


def _is_outside(parts: Template) -> bool:
    """Return True if a path leads out of the stage's directory."""
    first = parts[0] if parts else ""
    if isinstance(first, Variable):
        return first.kind in _ABSOLUTE
    return first.startswith(("/", "~", "../"))


def _not_named(parts: Template, stage: StageOutline) -> list[str]:
    """Return the matrix keys in which members differ but which their paths do not contain."""
    found = [part for part in parts if isinstance(part, Variable)]
    if any(one.kind in _OWN for one in found):
        return []
    named = {one.key for one in found if one.kind == "matrix"}
    own = {tuple(value for key, value in row.items() if key in named) for row in stage.rows}
    if stage.rows and len(own) == len(stage.rows):
        named |= stage.rows[0].keys()  # some of the keys are enough
    return [key for key, values in stage.matrix.items() if len(values) > 1 and key not in named]


# Check metric sources: exactly one kind each, and patterns with named groups.


_PRESET = re.compile(r"[A-Za-z0-9_-]+")
"""Text that may be a preset's name; as a pattern it could not capture a number."""


def _check_metrics(outline: Outline, problems: Problems) -> None:
    """Report every invalid source."""
    for stage in outline.stages:
        for source in one_or_more(stage.node.get("metrics")):
            if isinstance(source, Mapping):
                _check_source(source, problems)


def _check_source(source: Mapping, problems: Problems) -> None:
    given = [name for name in ("path", "stdout", "stderr") if name in source.entries]
    if len(given) != 1:
        message = "a source of metrics must have exactly one of `path`, `stdout` and `stderr`"
        problems.add(source.mark, "metrics-source", message)
    elif given != ["path"]:
        if "format" in source.entries:
            message = "`format` applies to `path` only; remove it"
            problems.add(source.entries["format"].key.mark, "metrics-source", message)
        _check_pattern(source, given[0], problems)


def _check_pattern(source: Mapping, stream: str, problems: Problems) -> None:
    node, step = source.get(stream), source.get("step")
    if not isinstance(node, Scalar) or "${" in node.text:
        return  # the spec reports it, or it is not yet known
    if _PRESET.fullmatch(node.text):
        _check_preset(node, stream, problems)
        return
    try:
        groups = list(re.compile(node.text).groupindex)
    except (re.error, RecursionError, OverflowError):
        return  # the spec reports it
    if not groups:
        message = (
            f"`{stream}` must be a pattern whose groups have the metrics' names, "
            r"such as loss=(?P<loss>\S+), or a preset's name"
        )
        problems.add(node.mark, "bad-pattern", message)
    elif isinstance(step, Scalar) and step.text not in groups:
        near = did_you_mean(step.text, groups)
        message = f"`step` {quoted(step.text)} is not a group of the pattern{near}"
        problems.add(step.mark, "bad-pattern", message)


def _check_preset(node: Scalar, stream: str, problems: Problems) -> None:
    if is_preset(node.text):
        return
    known = presets()
    near = did_you_mean(node.text, known) or f"; the presets: {', '.join(known)}"
    message = (
        f"`{stream}` {quoted(node.text)} is neither a preset nor a pattern whose groups have the "
        rf"metrics' names, such as loss=(?P<loss>\S+){near}"
    )
    problems.add(node.mark, "unknown-preset", message)


# Check alerts: exactly one condition each, and only fields that apply to this condition.


_NEED_METRIC = ("above", "below", "no_improvement")

_ONLY_WITH = {"goal": ("no_improvement",), "metric": ALERT_CONDITIONS[:-1]}
"""Fields that apply to some conditions only."""


def _check_alerts(outline: Outline, problems: Problems) -> None:
    """Report every invalid alert."""
    defaults = outline.document.get("defaults")
    for node in (defaults, *(stage.node for stage in outline.stages)):
        for alert in one_or_more(node.get("alerts")) if isinstance(node, Mapping) else ():
            if isinstance(alert, Mapping):
                _check_alert(alert, problems)


def _check_alert(alert: Mapping, problems: Problems) -> None:
    given = [name for name in ALERT_CONDITIONS if name in alert.entries]
    if len(given) != 1:
        message = f"an alert must have exactly one of {', '.join(ALERT_CONDITIONS)}"
        problems.add(alert.mark, "alert-condition", message)
        return
    if given[0] in _NEED_METRIC and "metric" not in alert.entries:
        message = f"`{given[0]}` needs a metric; add `metric: NAME`"
        problems.add(alert.mark, "alert-condition", message)
    if given == ["stalled"] and "after" in alert.entries:
        message = "`after` has no effect with `stalled`; remove it"
        problems.add(alert.entries["after"].key.mark, "alert-condition", message)
    action = alert.get("then")
    if isinstance(action, Scalar) and action.text == "restart" and given != ["stalled"]:
        message = f"`then: restart` has no effect with `{given[0]}`; write `then: stop`"
        problems.add(action.mark, "alert-condition", message)
    for name, conditions in _ONLY_WITH.items():
        if name in alert.entries and given[0] not in conditions:
            message = f"`{name}` has no effect with `{given[0]}`; remove it"
            problems.add(alert.entries[name].key.mark, "alert-condition", message)


_SHELL_NAME = re.compile(r"[#!]?[A-Za-z_][A-Za-z0-9_]*(?:[^A-Za-z0-9_.].*)?|[0-9@*#?$!-].*")
"""Text that the shell accepts between braces."""


_FORMS = {kind: f"${{{kind}.KEY}}" for kind in KEYED} | {"stages": "${stages.NAME.dir}"}


_NAMES_NO_CHECKPOINT = frozenset({name for name, one in FIELDS.items() if one == FIELDS["cpus"]})
"""Fields in which `${checkpoint}` is never allowed: their values are known at submission."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """The parameters and keys that the variables of a stage can refer to."""

    params: frozenset[str]
    matrix: tuple[str, ...] = ()
    search: tuple[str, ...] | None = None
    lacks_space: bool = False
    """True if the stage's search has no parameter, which is reported by itself."""


def check_variables(outline: Outline, problems: Problems) -> None:
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
                if stage.each_checkpoint and field not in _NAMES_NO_CHECKPOINT:
                    rule = replace(rule, kinds=rule.kinds | {"checkpoint"})
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
    if variable.kind == "env" and field_names.is_no_variable(variable.key):
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
        return (
            f"; write {of_best} or ${{stages.NAME.best.params.KEY}}, or, with `each_checkpoint`, "
            "${stages.NAME.best.checkpoint} or ${stages.NAME.best.step}"
        )
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
        return (
            "${checkpoint} has a value only in resume_args and resume_run, and in a stage with "
            "`each_checkpoint`"
        )
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
