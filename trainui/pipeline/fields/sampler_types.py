"""Field types of a sampler and of a pruning rule: a name, or `{by: NAME}` with options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui.domain.search import Prune
from trainui.pipeline.fields import optuna_options, readers, types
from trainui.pipeline.fields.optuna_options import PRUNERS, SAMPLERS, Option, Options
from trainui.pipeline.fields.record import FieldType, Schema
from trainui.pipeline.fields.value import Value
from trainui.pipeline.yaml.nodes import Mapping as MappingNode
from trainui.pipeline.yaml.problems import did_you_mean, quoted


def _sampler(value: Value) -> tuple[str, dict[str, Any]]:
    by, options = _class(value, SAMPLERS, "sampler")
    if options.get("group") and not options.get("multivariate"):
        raise value.fields()["group"].fault("bad-option", "needs multivariate: true")
    variants = [name for name in _VARIANTS if options.get(name)]
    if len(variants) > 1:
        message = f"cannot be combined with {variants[0]}; remove one"
        raise value.fault("bad-option", message, variants[1])
    return by, options


_VARIANTS = ("use_separable_cma", "with_margin", "lr_adapt")
"""Options of `cmaes` of which Optuna accepts one at a time."""

_BOOTSTRAPPED = {"HyperbandPruner": "max_resource", "SuccessiveHalvingPruner": "min_resource"}
"""Pruner -> the option that must be a number where `bootstrap_count` is above 0."""


def _prune(value: Value) -> Prune:
    inner = None
    if isinstance(value.node, MappingNode) and "prune" in value.node.entries:
        inner = _prune(value.fields()["prune"])
    by, options = _class(value, PRUNERS, "pruner", extra=("prune",))
    if by == "PatientPruner" and inner is None:
        raise value.fault("bad-option", "patient needs the rule that it delays; add prune: median")
    if by != "PatientPruner" and inner is not None:
        raise value.fault("unknown-field", "only patient has a rule to delay; remove it", "prune")
    _check_bounds(by, options, value)
    return Prune(by, options, inner)


def _check_bounds(by: str, options: Mapping[str, Any], value: Value) -> None:
    """Check the options that Optuna accepts only with others."""
    if by == "ThresholdPruner" and not {"lower", "upper"} & options.keys():
        raise value.fault("bad-option", "threshold needs lower or upper; add one")
    if {"lower", "upper"} <= options.keys() and options["lower"] > options["upper"]:
        message = f"{options['lower']} is above upper; swap them"
        raise value.fields()["lower"].fault("bad-range", message)
    bound = _BOOTSTRAPPED.get(by, "")
    if options.get("bootstrap_count") and not isinstance(options.get(bound), int):
        message = f"needs {bound}, a whole number"
        raise value.fields()["bootstrap_count"].fault("bad-option", message)
    most = options.get("max_resource")
    if isinstance(most, int) and options.get("min_resource", 1) > most:
        raise value.fields()["min_resource"].fault("bad-range", f"is above max_resource, {most}")


def _class(
    value: Value, classes: Mapping[str, Options], kind: str, extra: tuple[str, ...] = ()
) -> tuple[str, dict[str, Any]]:
    """Return the class of Optuna and its keyword arguments; `value` is a name or has `by`."""
    given = value.fields() if isinstance(value.node, MappingNode) else {"by": value}
    if "by" not in given:
        example = next(iter(optuna_options.named(classes)))
        message = f"needs by, the name of the {kind}, such as by: {example}"
        raise value.fault("missing-field", message)
    by = _class_name(given["by"], classes, kind)
    known, options = classes[by], {}
    for name, one in given.items():
        if name not in ("by", *extra):
            full = _option_name(name, by, known, value)
            if full in options:
                raise value.fault("bad-option", "is given twice; remove one", name)
            options[full] = _option(one, known[full])
    short = optuna_options.short_name(by)
    for name, option in known.items():
        if option.required and name not in options:
            message = f"{short} needs {name}; write {{by: {short}, {name}: 10}}"
            raise value.fault("bad-option", message)
    return by, {**optuna_options.DEFAULTS.get(by, {}), **options}


_NOTHING = frozenset({"none", "false", "off", "no"})


def _class_name(value: Value, classes: Mapping[str, Options], kind: str) -> str:
    text = readers.expanded(value, f"the name of a {kind}, or {{by: NAME}} with options").text
    known = optuna_options.named(classes)
    if text not in known:
        shorts = [optuna_options.short_name(name) for name in classes]
        near = did_you_mean(text, known) or f"; it may be {', '.join(shorts)}"
        if kind == "pruner" and text.lower() in _NOTHING:
            near = "; to disable pruning, omit prune"
        message = f"is {quoted(text)}, which is no {kind} of Optuna{near}"
        raise value.fault(f"bad-{kind}", message)
    return known[text]


def _option_name(name: str, by: str, known: Options, value: Value) -> str:
    """Return the keyword argument of an option: `startup_trials` is `n_startup_trials`."""
    for candidate in (name, f"n_{name}"):
        if candidate in known:
            return candidate
    shown = [one.removeprefix("n_") for one in known]
    near = did_you_mean(name.removeprefix("n_"), shown)
    hint = near or (f"; it may have {', '.join(shown)}" if shown else "; remove it")
    message = f"{optuna_options.short_name(by)} has no option {quoted(name)}{hint}"
    raise value.fault("bad-option", message, name)


def _option(value: Value, option: Option) -> Any:
    scalar = readers.expanded(value, option.expected)
    found = readers.typed(value, scalar)
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
        raise value.fault("bad-option", f"must be {option.expected}, not {quoted(scalar.text)}")
    return found


def _class_schema(classes: Mapping[str, Options], extra: Mapping[str, Any]) -> Schema:
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


SAMPLER = FieldType(_sampler, _class_schema(SAMPLERS, {}))
"""The class and the arguments of a sampler of Optuna."""

PRUNE = FieldType(_prune, _class_schema(PRUNERS, {"prune": {"type": ["string", "object"]}}))
"""The class and the arguments of a pruner of Optuna."""
