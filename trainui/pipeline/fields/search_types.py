"""Field types of a stage's `search`: ranges and choices, numbers of trials and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema

from trainui.model.search import Choices, Range
from trainui.model.search import Scalar as Value
from trainui.pipeline.fields import names, readers, search_rules, types
from trainui.pipeline.fields.readers import fault
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.yaml.nodes import kind_of
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
    return readers.within(partial(_choices, info=info), value["choices"], "choices")


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
        scalar = readers.within(
            lambda item: readers.expanded(item, info, "one value"), value, index
        )
        if scalar.text == "" and scalar.plain:
            raise fault("wrong-type", 'is empty; write "" where empty text is meant', index)
        typed = readers.within(readers.typed, scalar, index)
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
        name: readers.within(lambda one: _bounded(one, info), value[name], name)
        for name in ("low", "high", "step")
        if name in value
    }
    log = "log" in value and readers.within(
        lambda one: readers.flag(one, info), value["log"], "log"
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
    number = readers.number(value, info)
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
    if problem := names.key_fault(value):
        raise fault("bad-name", problem)
    if value == TRIAL:
        raise fault("bad-name", f"{quoted(value)} is the number of a trial; use another name")
    return value


def _over(value: Any, info: ValidationInfo) -> str:
    return readers.expanded(value, info, "a key of the matrix").text


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
    rule = None if sampler is None else search_rules.samplers()[sampler[0]]
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
    text = readers.expanded(value, info, "the name of a metric").text
    if not text.strip():
        raise fault("wrong-type", "is empty; name the metric whose best value counts")
    return text


_NUMBER = types.or_filled({"type": "number"})
_SCALARS = {"type": ["string", "number", "boolean", "null"]}
_LIST = {"type": "array", "items": _SCALARS, "minItems": 1}
_RANGE = {
    "type": "object",
    "properties": {
        "low": {**_NUMBER, "description": "The lowest value."},
        "high": {**_NUMBER, "description": "The highest value."},
        "log": {
            **types.or_filled({"type": "boolean"}),
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

SearchGoal = Annotated[str, types.one_of(("minimize", "maximize"), "bad-goal")]
"""The direction of a search."""

Trials = Annotated[int, types.whole(1, MAX_TRIALS)]
"""The number of trials of a search."""

Seeds = Annotated[int, types.whole(1, MAX_SEEDS)]
"""The number of seeds of a stage."""

Seed = Annotated[int, types.whole(0, LARGEST_SEED)]
"""The seed of a sampler."""

Over = Annotated[str, types.FieldReader(_over, {"type": "string", "pattern": names.MATRIX_KEY})]
"""A key of a matrix."""
