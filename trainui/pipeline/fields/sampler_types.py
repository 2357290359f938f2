"""Field types of a sampler and of a pruning rule: a name, or `{by: NAME}` with options.

The names and their options are those of the plugins for searches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, PlainValidator, ValidationInfo
from pydantic_core import CoreSchema

from trainui.model.search import Prune
from trainui.pipeline.fields import readers, types
from trainui.pipeline.fields.readers import fault
from trainui.pipeline.fields.search_rules import Rules, named, pruners, samplers, searchers
from trainui.pipeline.yaml.problems import did_you_mean, quoted
from trainui.plugin import Option, Searcher, SearchRule, registry


def _sampler(value: Any, info: ValidationInfo) -> tuple[str, dict[str, Any]]:
    return _rule(value, info, samplers(), "sampler")


def _prune(value: Any, info: ValidationInfo) -> Prune:
    inner = None
    if isinstance(value, dict) and "prune" in value:
        inner = readers.within(lambda one: _prune(one, info), value["prune"], "prune")
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
        by = readers.within(lambda one: _full_name(one, info, rules, kind), value["by"], "by")
        given = {name: one for name, one in value.items() if name != "by"}
    else:
        example = next(iter(named(rules)))
        raise fault(
            "missing-field", f"needs the name of the {kind}; add, for example, `by: {example}`"
        )
    rule, options = rules[by], dict[str, Any]()
    for name, one in given.items():
        full = _option_name(name, rule)
        if full in options:
            raise fault("bad-option", "is given twice; remove one", name, key=True)
        options[full] = readers.within(
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
    text = readers.expanded(value, info, f"the name of a {kind}, or {{by: NAME}} with options").text
    known = named(rules)
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


def _schema(rules: Rules, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a name, or of a mapping with `by` and the options of any rule."""
    names = types.or_filled({"enum": sorted(named(rules))})
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
