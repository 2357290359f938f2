"""Field types of a stage's `search`: ranges and choices, numbers of trials and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from trainui.domain.search import Choices, Range
from trainui.pipeline.fields import names, optuna_options, readers, types
from trainui.pipeline.fields.record import FieldType, mapping
from trainui.pipeline.fields.value import Value
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.yaml.nodes import Mapping as MappingNode
from trainui.pipeline.yaml.nodes import Sequence, kind_of
from trainui.pipeline.yaml.problems import did_you_mean, quoted

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


def _space(value: Value) -> Range | Choices:
    if isinstance(value.node, Sequence):
        return _choices(value)
    if not isinstance(value.node, MappingNode):
        message = f"must be choices or a range, such as {_FORMS}, not {kind_of(value.node)}"
        raise value.fault("wrong-type", message)
    given = value.fields()
    if "choices" not in given:
        return _range(value, given)
    _only_known(value, ("choices",), "choices have no field {}; remove it")
    return _choices(given["choices"])


def _only_known(value: Value, known: tuple[str, ...], message: str) -> None:
    for name in value.fields():
        if name not in known:
            hint = did_you_mean(name, known)
            text = f"has no field {quoted(name)}{hint}" if hint else message.format(quoted(name))
            raise value.fault("unknown-field", text, name)


def _choices(value: Value) -> Choices:
    items = value.items("a list")
    if not items:
        raise value.fault("empty-space", "has no choice; give at least one")
    found: list[Any] = []
    written: list[str] = []
    for item in items:
        scalar = readers.filled(item, readers.expanded(item, "one value"))
        typed = readers.typed(item, scalar)
        if typed in found:
            earlier = written[found.index(typed)]
            message = f"has the value {quoted(scalar.text)} more than once; remove one"
            if scalar.text != earlier:
                message = f"is {quoted(scalar.text)}, which equals {quoted(earlier)}; remove one"
            raise item.fault("duplicate-value", message)
        found.append(typed)
        written.append(scalar.text)
    return Choices(tuple(found), tuple(written))


def _range(value: Value, given: Mapping[str, Value]) -> Range:
    known = f"a range may have {', '.join(_RANGE_FIELDS)}, and no field {{}}; remove it"
    _only_known(value, _RANGE_FIELDS, known)
    for name in ("low", "high"):
        if name not in given:
            message = f"needs {name}; a range is {{low: 1e-5, high: 1e-1}}"
            raise value.fault("missing-field", message)
    numbers = {n: _bounded(given[n]) for n in ("low", "high", "step") if n in given}
    log = "log" in given and readers.flag(given["log"])
    low, high = numbers["low"], numbers["high"]
    if low > high:
        raise value.fault("bad-range", f"low {low} is above high {high}; swap them")
    if log and low <= 0:
        raise given["low"].fault("bad-range", f"must be above 0 with log: true, not {low}")
    if fault := "step" in numbers and _step_fault(numbers, log):
        raise given["step"].fault("bad-range", fault)
    whole = all(isinstance(number, int) for number in numbers.values())
    if not whole:
        numbers = {name: float(number) for name, number in numbers.items()}
    return Range(numbers["low"], numbers["high"], log, numbers.get("step"), whole)


def _bounded(value: Value) -> int | float:
    number = readers.number(value)
    if abs(number) > (_LARGEST_WHOLE if isinstance(number, int) else _LARGEST):
        raise value.fault("out-of-range", f"is too large: {number:.3g}")
    return number


def _step_fault(numbers: Mapping[str, int | float], log: bool) -> str | None:
    step, width = numbers["step"], _exact(numbers["high"]) - _exact(numbers["low"])
    if step <= 0:
        return f"must be above 0, not {step}"
    if log:
        return "cannot be combined with log: true; remove one"
    if width / _exact(step) > _LARGEST_WHOLE:
        return f"is too small for a range this wide: {step:g}"
    if step > width > 0:
        return f"{step} is larger than the range, {float(width):g}; lower it"
    if width % _exact(step):
        last = float(_exact(numbers["low"]) + width // _exact(step) * _exact(step))
        last = int(last) if isinstance(step, int) and last.is_integer() else last
        return (
            f"steps of {step} do not end at high; the last value would be {last}; set high to that"
        )
    return None


def _exact(number: float) -> Fraction:
    """Return the number as its shortest text says it, as Optuna does: 0.3 is no multiple of .1.

    Optuna's own arithmetic rounds to 28 digits, and then allows values beyond the range.
    """
    return Fraction(str(number))


def _space_key_fault(name: str) -> str | None:
    if name == TRIAL:
        return f"{quoted(name)} is the number of a trial; use another name"
    return names.key_fault(name)


def check_grid(value: Value, search: Mapping[str, Any]) -> None:
    """Report a sampler that tries each combination once, where it cannot.

    It cannot if a range has no step, if there are more trials than combinations, or too many
    combinations for Optuna's grid, which lists them all.
    """
    by, _ = search.get("sampler", ("", {}))
    space, trials = search.get("space", {}), search.get("trials")
    if by not in optuna_options.FINITE:
        return
    given, short = value.fields(), optuna_options.short_name(by)
    for name, values in space.items():
        if values.size is None:
            message = f"must have a step, or whole numbers, for the sampler {short}"
            raise given["space"].fields()[name].fault("bad-range", message)
    size = math.prod(values.size or 1 for values in space.values())
    if trials is not None and trials > size:
        message = f"is {trials}, but {short} has only {size} combinations; write {size}"
        raise given["trials"].fault("out-of-range", message)
    if by == "GridSampler" and size > MAX_TRIALS:
        message = (
            f"has {size:,} combinations, and the sampler grid takes at most {MAX_TRIALS:,}; use "
            "larger steps, or the sampler random"
        )
        raise given["space"].fault("out-of-range", message)


def _metric(value: Value) -> str:
    text = readers.expanded(value, "the name of a metric").text
    if not text.strip():
        raise value.fault("wrong-type", "is empty; name the metric whose best value counts")
    return text


_LIST = {"type": "array", "items": types.TEXT_SCHEMA, "minItems": 1}
_RANGE = {
    "type": "object",
    "properties": {
        "low": {**types.NUMBER.schema, "description": "The lowest value."},
        "high": {**types.NUMBER.schema, "description": "The highest value."},
        "log": {**types.FLAG.schema, "description": "True: sample the logarithm uniformly."},
        "step": {**types.NUMBER.schema, "description": "Distance between values."},
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

SPACE = mapping(
    _space_key_fault,
    FieldType(_space, {"anyOf": [_LIST, _RANGE, _CHOICES]}),
    propertyNames={"pattern": names.MATRIX_KEY, "not": {"const": TRIAL}},
    minProperties=1,
)
"""The parameters of a search and their values."""

METRIC = FieldType(_metric, types.TEXT_SCHEMA)
"""The name of a metric."""

GOAL = types.one_of(("minimize", "maximize"), "bad-goal")
"""The direction of a search."""

OVER = FieldType(
    lambda value: readers.expanded(value, "a key of the matrix").text,
    {"type": "string", "pattern": names.MATRIX_KEY},
)
"""A key of a matrix."""
