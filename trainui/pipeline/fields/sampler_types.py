"""Field types of a sampler and of a pruning rule: a name, or `{by: NAME}` with options."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from trainui.domain.search import Prune
from trainui.pipeline.fields import optuna_options, readers, types
from trainui.pipeline.fields.optuna_options import PRUNERS, SAMPLERS, Option, Options
from trainui.pipeline.fields.readers import fault
from trainui.pipeline.yaml.problems import did_you_mean, quoted


def _sampler(value: Any, info: ValidationInfo) -> tuple[str, dict[str, Any]]:
    by, options = _class(value, info, SAMPLERS, "sampler")
    if options.get("group") and not options.get("multivariate"):
        raise fault("bad-option", "needs `multivariate: true`", "group")
    variants = [name for name in _VARIANTS if options.get(name)]
    if len(variants) > 1:
        message = f"cannot be combined with {variants[0]}; remove one"
        raise fault("bad-option", message, variants[1], key=True)
    return by, options


_VARIANTS = ("use_separable_cma", "with_margin", "lr_adapt")
"""Options of `cmaes` of which Optuna accepts one at a time."""

_BOOTSTRAPPED = {"HyperbandPruner": "max_resource", "SuccessiveHalvingPruner": "min_resource"}
"""Pruner -> the option that must be a number where `bootstrap_count` is above 0."""


def _prune(value: Any, info: ValidationInfo) -> Prune:
    inner = None
    if isinstance(value, dict) and "prune" in value:
        inner = readers.within(lambda one: _prune(one, info), value["prune"], "prune")
        value = {name: one for name, one in value.items() if name != "prune"}
    by, options = _class(value, info, PRUNERS, "pruner")
    if by == "PatientPruner" and inner is None:
        raise fault(
            "bad-option", "patient needs the rule that it delays; add, for example, `prune: median`"
        )
    if by != "PatientPruner" and inner is not None:
        message = "only patient has a rule to delay; remove it"
        raise fault("unknown-field", message, "prune", key=True)
    _check_bounds(by, options)
    return Prune(by, options, inner)


def _check_bounds(by: str, options: Mapping[str, Any]) -> None:
    """Check the options that Optuna accepts only with others."""
    if by == "ThresholdPruner" and not {"lower", "upper"} & options.keys():
        raise fault("bad-option", "threshold needs `lower` or `upper`; add one")
    if {"lower", "upper"} <= options.keys() and options["lower"] > options["upper"]:
        raise fault("bad-range", f"is {options['lower']}, above `upper`; swap them", "lower")
    bound = _BOOTSTRAPPED.get(by, "")
    if options.get("bootstrap_count") and not isinstance(options.get(bound), int):
        raise fault("bad-option", f"needs `{bound}`, a whole number", "bootstrap_count")
    most = options.get("max_resource")
    if isinstance(most, int) and options.get("min_resource", 1) > most:
        raise fault("bad-range", f"is above `max_resource`, {most}", "min_resource")


def _class(
    value: Any, info: ValidationInfo, classes: Mapping[str, Options], kind: str
) -> tuple[str, dict[str, Any]]:
    """Return the class of Optuna and its keyword arguments; `value` is a name or has `by`."""
    if not isinstance(value, dict):
        by, given = _class_name(value, info, classes, kind), {}
    elif "by" in value:
        by = readers.within(lambda one: _class_name(one, info, classes, kind), value["by"], "by")
        given = {name: one for name, one in value.items() if name != "by"}
    else:
        example = next(iter(optuna_options.named(classes)))
        raise fault(
            "missing-field", f"needs the name of the {kind}; add, for example, `by: {example}`"
        )
    known, options, short = classes[by], {}, optuna_options.short_name(by)
    for name, one in given.items():
        full = _option_name(name, short, known)
        if full in options:
            raise fault("bad-option", "is given twice; remove one", name, key=True)
        options[full] = readers.within(partial(_option, info=info, option=known[full]), one, name)
    for name, option in known.items():
        if option.required and name not in options:
            raise fault("bad-option", f"{short} needs `{name}`; write {{by: {short}, {name}: 10}}")
    return by, {**optuna_options.DEFAULTS.get(by, {}), **options}


_NOTHING = frozenset({"none", "false", "off", "no"})


def _class_name(value: Any, info: ValidationInfo, classes: Mapping[str, Options], kind: str) -> str:
    text = readers.expanded(value, info, f"the name of a {kind}, or {{by: NAME}} with options").text
    known = optuna_options.named(classes)
    if text not in known:
        shorts = [optuna_options.short_name(name) for name in classes]
        near = did_you_mean(text, known) or f"; it may be {', '.join(shorts)}"
        if kind == "pruner" and text.lower() in _NOTHING:
            near = "; to disable pruning, omit `prune`"
        raise fault(f"bad-{kind}", f"is not a {kind} of Optuna: {quoted(text)}{near}")
    return known[text]


def _option_name(name: str, owner: str, known: Options) -> str:
    """Return the keyword argument of an option: `startup_trials` is `n_startup_trials`."""
    for candidate in (name, f"n_{name}"):
        if candidate in known:
            return candidate
    shown = [one.removeprefix("n_") for one in known]
    near = did_you_mean(name.removeprefix("n_"), shown)
    hint = near or (f"; it may have {', '.join(shown)}" if shown else "; remove it")
    raise fault("bad-option", f"{owner} has no option {quoted(name)}{hint}", name, key=True)


def _option(value: Any, info: ValidationInfo, option: Option) -> Any:
    scalar = readers.expanded(value, info, option.expected)
    found = readers.typed(scalar)
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


def _class_schema(classes: Mapping[str, Options], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a name, or of a mapping with `by` and the options of any class."""
    names = types.or_filled({"enum": sorted(optuna_options.named(classes))})
    options = {name for known in classes.values() for name in known}
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


Sampler = Annotated[
    tuple[str, dict[str, Any]],
    PlainValidator(_sampler),
    WithJsonSchema(_class_schema(SAMPLERS, {})),
]
"""The class and the arguments of a sampler of Optuna."""

PruneRule = Annotated[
    Prune,
    PlainValidator(_prune),
    WithJsonSchema(_class_schema(PRUNERS, {"prune": {"type": ["string", "object"]}})),
]
"""The class and the arguments of a pruner of Optuna."""
