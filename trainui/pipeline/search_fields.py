"""Field types of a stage's `search`: space, numbers of trials and seeds, sampler, pruning rule.

Samplers and pruners are those of the installed plugins: a name, or `{by: NAME}` with options.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from trainui.model.definition import Choices, Prune, Range
from trainui.model.definition import Scalar as Value
from trainui.pipeline import field_names, field_types
from trainui.pipeline.field_names import Rules, full_names, pruners, samplers, searchers
from trainui.pipeline.field_types import fault
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.yaml_nodes import did_you_mean, kind_of, quoted
from trainui.plugin import Option, Searcher, SearchRule, registry

MAX_TRIALS = 20_000
"""Upper limit of `trials`, as of the members of a matrix."""

MAX_SEEDS = 1000
"""Upper limit of `seeds`."""

LARGEST_SEED = 2**32 - 1
"""The largest seed that NumPy takes."""

_LARGEST_WHOLE = 2**53
"""Beyond it, floats and so Optuna's samplers skip whole numbers."""

_LARGEST = 1e300
"""A wider range would overflow in the samplers."""

_RANGE_FIELDS = ("low", "high", "log", "step")
_FORMS = "[relu, gelu] or {low: 1e-5, high: 1e-1}"


def _space(value: Any, info: ValidationInfo) -> Range | Choices:
    if isinstance(value, list):
        return _choices(value, info)
    if not isinstance(value, dict):
        raise fault(
            "wrong-type", f"must be choices or a range, such as {_FORMS}, not {kind_of(value)}"
        )
    if "choices" not in value:
        return _range(value, info)
    _only_known(value, ("choices",), "choices have no field {}; remove it")
    if not isinstance(value["choices"], list):
        raise fault("wrong-type", f"must be a list, not {kind_of(value['choices'])}", "choices")
    return field_types.within(partial(_choices, info=info), value["choices"], "choices")


def _only_known(value: Mapping[str, Any], known: tuple[str, ...], message: str) -> None:
    for name in value:
        if name not in known:
            hint = did_you_mean(name, known)
            text = (
                message.format(quoted(name)) if not hint else f"has no field {quoted(name)}{hint}"
            )
            raise fault("unknown-field", text, name, key=True)


def _choices(values: list[Any], info: ValidationInfo) -> Choices:
    if not values:
        raise fault("empty-space", "has no choice; give at least one")
    found: list[Value] = []
    written: list[str] = []
    for index, value in enumerate(values):
        scalar = field_types.within(
            lambda item: field_types.expanded(item, info, "one value"), value, index
        )
        if scalar.text == "" and scalar.plain:
            raise fault("wrong-type", 'is empty; write "" where empty text is meant', index)
        typed = field_types.within(field_types.typed, scalar, index)
        if typed in found:
            earlier = written[found.index(typed)]
            message = f"has the value {quoted(scalar.text)} more than once; remove one"
            if scalar.text != earlier:
                message = f"is {quoted(scalar.text)}, which equals {quoted(earlier)}; remove one"
            raise fault("duplicate-value", message, index)
        found.append(typed)
        written.append(scalar.text)
    return Choices(tuple(found), tuple(written))


def _range(value: Mapping[str, Any], info: ValidationInfo) -> Range:
    known = f"a range has the fields {', '.join(_RANGE_FIELDS)}, and not {{}}; remove it"
    _only_known(value, _RANGE_FIELDS, known)
    for name in ("low", "high"):
        if name not in value:
            raise fault("missing-field", f"needs `{name}`; a range is {{low: 1e-5, high: 1e-1}}")
    numbers = {
        name: field_types.within(lambda one: _bounded(one, info), value[name], name)
        for name in ("low", "high", "step")
        if name in value
    }
    log = "log" in value and field_types.within(
        lambda one: field_types.flag(one, info), value["log"], "log"
    )
    low, high = numbers["low"], numbers["high"]
    if low > high:
        raise fault("bad-range", f"has its low, {low}, above its high, {high}; swap them")
    if log and low <= 0:
        raise fault("bad-range", f"must be above 0 with `log: true`, not {low}", "low")
    if "step" in numbers and (problem := _step_fault(numbers, log)):
        raise fault("bad-range", problem, "step")
    whole = all(isinstance(number, int) for number in numbers.values())
    if not whole:
        numbers = {name: float(number) for name, number in numbers.items()}
    return Range(numbers["low"], numbers["high"], log, numbers.get("step"), whole)


def _bounded(value: Any, info: ValidationInfo) -> int | float:
    number = field_types.number(value, info)
    if abs(number) > (_LARGEST_WHOLE if isinstance(number, int) else _LARGEST):
        raise fault("out-of-range", f"is too large: {number:.3g}")
    return number


def _step_fault(numbers: Mapping[str, int | float], log: bool) -> str | None:
    """Return the error in a range's step; None if it is valid."""
    step, width = numbers["step"], _exact(numbers["high"]) - _exact(numbers["low"])
    if step <= 0:
        return f"must be above 0, not {step}"
    if log:
        return "cannot be combined with `log: true`; remove one"
    if width / _exact(step) > _LARGEST_WHOLE:
        return f"is too small for a range this wide: {step:g}"
    if step > width > 0:
        return f"is {step}, larger than the range, {float(width):g}; lower it"
    if not width % _exact(step):
        return None
    last = float(_exact(numbers["low"]) + width // _exact(step) * _exact(step))
    last = int(last) if isinstance(step, int) and last.is_integer() else last
    return f"is {step}, with which the last value is {last} and not `high`; set `high` to that"


def _exact(number: float) -> Fraction:
    """Return the number as its shortest text says it, as Optuna does: 0.3 is no multiple of .1.

    Optuna's own arithmetic rounds to 28 digits, and then allows values beyond the range.
    """
    return Fraction(str(number))


def _space_key(value: str) -> str:
    if problem := field_names.key_fault(value):
        raise fault("bad-name", problem)
    if value == TRIAL:
        raise fault("bad-name", f"{quoted(value)} is the number of a trial; use another name")
    return value


def _over(value: Any, info: ValidationInfo) -> str:
    return field_types.expanded(value, info, "a key of the matrix").text


def check_grid(
    space: Mapping[str, Range | Choices],
    sampler: tuple[str, Mapping[str, Any]] | None,
    trials: int | None,
) -> None:
    """Raise the error of a sampler that tries each combination once, where it cannot.

    Raises:
        PydanticCustomError: a range has no step, there are more trials than combinations, or too
            many combinations for the sampler.
    """
    rule = None if sampler is None else samplers()[sampler[0]]
    if rule is None or not rule.tries_all:
        return
    short = rule.short
    for name, values in space.items():
        if values.size is None:
            message = f"must have a step, or whole numbers, for the sampler {short}"
            raise fault("bad-range", message, "space", name)
    size = math.prod(values.size or 1 for values in space.values())
    if trials is not None and trials > size:
        message = f"is {trials}, but {short} has only {size} combinations; write {size}"
        raise fault("out-of-range", message, "trials")
    if rule.most is not None and size > rule.most:
        message = (
            f"has {size:,} combinations, and the sampler {short} takes at most {rule.most:,}; use "
            "larger steps, or another sampler"
        )
        raise fault("out-of-range", message, "space")


def _metric(value: Any, info: ValidationInfo) -> str:
    text = field_types.expanded(value, info, "the name of a metric").text
    if not text.strip():
        raise fault("wrong-type", "is empty; name the metric whose best value counts")
    return text


_NUMBER = field_types.or_filled({"type": "number"})
_SCALARS = {"type": ["string", "number", "boolean", "null"]}
_LIST = {"type": "array", "items": _SCALARS, "minItems": 1}
_RANGE = {
    "type": "object",
    "properties": {
        "low": {**_NUMBER, "description": "The lowest value."},
        "high": {**_NUMBER, "description": "The highest value."},
        "log": {
            **field_types.or_filled({"type": "boolean"}),
            "description": "True: sample the logarithm uniformly.",
        },
        "step": {**_NUMBER, "description": "Distance between values."},
    },
    "required": ["low", "high"],
    "additionalProperties": False,
}
_CHOICES = {
    "type": "object",
    "properties": {"choices": _LIST},
    "required": ["choices"],
    "additionalProperties": False,
}


Space = Annotated[
    Range | Choices, PlainValidator(_space), WithJsonSchema({"anyOf": [_LIST, _RANGE, _CHOICES]})
]
"""The values of one parameter of a search."""

Metric = Annotated[str, PlainValidator(_metric), WithJsonSchema(_SCALARS)]
"""The name of a metric."""

SpaceKey = Annotated[str, BeforeValidator(_space_key)]
"""The name of a parameter of a search."""

SearchGoal = Annotated[str, field_types.one_of(("minimize", "maximize"), "bad-goal")]
"""The direction of a search."""

Trials = Annotated[int, field_types.whole_number(1, MAX_TRIALS)]
"""The number of trials of a search."""

Seeds = Annotated[int, field_types.whole_number(1, MAX_SEEDS)]
"""The number of seeds of a stage."""

Seed = Annotated[int, field_types.whole_number(0, LARGEST_SEED)]
"""The seed of a sampler."""

Over = Annotated[
    str, field_types.FieldReader(_over, {"type": "string", "pattern": field_names.MATRIX_KEY})
]
"""A key of a matrix."""


def _sampler(value: Any, info: ValidationInfo) -> tuple[str, dict[str, Any]]:
    return _rule(value, info, samplers(), "sampler")


def _prune(value: Any, info: ValidationInfo) -> Prune:
    inner = None
    if isinstance(value, dict) and "prune" in value:
        inner = field_types.within(lambda one: _prune(one, info), value["prune"], "prune")
        value = {name: one for name, one in value.items() if name != "prune"}
    rules = pruners()
    by, options = _rule(value, info, rules, "pruner")
    if rules[by].delays and inner is None:
        short = rules[by].short
        raise fault(
            "bad-option",
            f"{short} needs the rule that it delays; add, for example, `prune: median`",
        )
    if not rules[by].delays and inner is not None:
        delaying = ", ".join(rule.short for rule in rules.values() if rule.delays) or "no pruner"
        message = f"only {delaying} has a rule to delay; remove it"
        raise fault("unknown-field", message, "prune", key=True)
    return Prune(by, options, inner)


def check_pruner(sampler: tuple[str, dict[str, Any]] | None, prune: Prune | None) -> None:
    """Raise a fault if a search's pruner is of another plugin than its sampler."""
    if sampler is None or prune is None:
        return
    known = searchers()
    decides, other = known[sampler[0]], known[prune.by]
    if other is not decides:
        raise fault(
            "bad-pruner",
            f"is of {other.title or other.name}, and the sampler is of "
            f"{decides.title or decides.name}; use one that {decides.title or decides.name} has, "
            "or remove it",
            "prune",
        )


def _rule(value: Any, info: ValidationInfo, rules: Rules, kind: str) -> tuple[str, dict[str, Any]]:
    """Return a full name and its keyword arguments; `value` is a name or has `by`."""
    if not rules:
        message = f"needs a plugin that has a {kind}, and none is installed; see `trainui plugins`"
        raise fault(f"bad-{kind}", message)
    if not isinstance(value, dict):
        by, given = _full_name(value, info, rules, kind), {}
    elif "by" in value:
        by = field_types.within(lambda one: _full_name(one, info, rules, kind), value["by"], "by")
        given = {name: one for name, one in value.items() if name != "by"}
    else:
        example = next(iter(full_names(rules)))
        raise fault(
            "missing-field", f"needs the name of the {kind}; add, for example, `by: {example}`"
        )
    rule, options = rules[by], dict[str, Any]()
    for name, one in given.items():
        full = _option_name(name, rule)
        if full in options:
            raise fault("bad-option", "is given twice; remove one", name, key=True)
        options[full] = field_types.within(
            partial(_option, info=info, option=rule.options[full]), one, name
        )
    for name, option in rule.options.items():
        if option.required and name not in options:
            short = rule.short
            raise fault("bad-option", f"{short} needs `{name}`; write {{by: {short}, {name}: 10}}")
    _check_together(by, options)
    defaults = {
        name: option.default for name, option in rule.options.items() if option.default is not None
    }
    return by, {**defaults, **options}


def _check_together(by: str, options: Mapping[str, Any]) -> None:
    """Raise the first problem that the plugin sees in options together."""
    plugin = searchers()[by]
    for one in registry.run(plugin, plugin.problems, by, options) or ():
        place = (one.option,) if one.option else ()
        raise fault(one.code, one.message, *place, key=one.at_name)


_NOTHING = frozenset({"none", "false", "off", "no"})


def _full_name(value: Any, info: ValidationInfo, rules: Rules, kind: str) -> str:
    text = field_types.expanded(
        value, info, f"the name of a {kind}, or {{by: NAME}} with options"
    ).text
    known = full_names(rules)
    if text not in known:
        shorts = [rule.short for rule in rules.values()]
        near = did_you_mean(text, known) or f"; it may be {', '.join(shorts)}"
        if kind == "pruner" and text.lower() in _NOTHING:
            near = "; to disable pruning, omit `prune`"
        raise fault(f"bad-{kind}", f"is not a {kind} of {_titles()}: {quoted(text)}{near}")
    return known[text]


def _titles() -> str:
    return " or ".join(one.title or one.name for one in registry.records(Searcher))


def _option_name(name: str, rule: SearchRule) -> str:
    """Return the keyword argument of an option: `startup_trials` is `n_startup_trials`."""
    for candidate in (name, f"n_{name}"):
        if candidate in rule.options:
            return candidate
    shown = [one.removeprefix("n_") for one in rule.options]
    near = did_you_mean(name.removeprefix("n_"), shown)
    hint = near or (f"; it may have {', '.join(shown)}" if shown else "; remove it")
    raise fault("bad-option", f"{rule.short} has no option {quoted(name)}{hint}", name, key=True)


def _option(value: Any, info: ValidationInfo, option: Option) -> Any:
    scalar = field_types.expanded(value, info, option.expected)
    found = field_types.typed(scalar)
    if found in option.words and isinstance(found, str):
        return found
    if option.flag:
        fits = isinstance(found, bool)
    else:
        kind = int if option.whole else (int, float)
        fits = isinstance(found, kind) and not isinstance(found, bool)
        fits = fits and not (option.words and not option.whole)
        fits = fits and option.least <= found <= option.most
    if not fits:
        raise fault("bad-option", f"must be {option.expected}, not {quoted(scalar.text)}")
    return found


def _schema(rules: Rules, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a name, or of a mapping with `by` and the options of any rule."""
    names = field_types.or_filled({"enum": sorted(full_names(rules))})
    options = {name for rule in rules.values() for name in rule.options}
    written = sorted(options | {name.removeprefix("n_") for name in options})
    values = {"type": ["string", "number", "boolean"]}
    return {
        "anyOf": [
            names,
            {
                "type": "object",
                "properties": {"by": names, **dict.fromkeys(written, values), **extra},
                "required": ["by"],
                "additionalProperties": False,
            },
        ]
    }


class _Schema:
    """Metadata of a type whose JSON Schema depends on the plugins."""

    def __init__(self, rules: Callable[[], Rules], **extra: Any) -> None:
        self._rules, self._extra = rules, extra

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the schema (Pydantic's hook)."""
        del core_schema, handler
        return _schema(self._rules(), self._extra)


Sampler = Annotated[tuple[str, dict[str, Any]], PlainValidator(_sampler), _Schema(samplers)]
"""The full name and the options of a sampler."""

PruneRule = Annotated[
    Prune,
    PlainValidator(_prune),
    _Schema(pruners, prune={"type": ["string", "object"]}),
]
"""The full name and the options of a pruner."""
