"""The samplers and pruners that the installed plugins for searches have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainui.plugin import Searcher, SearchRule, registry

Rules = Mapping[str, SearchRule]
"""Full name -> sampler or pruner."""


def searchers() -> dict[str, Searcher]:
    """Return the plugin of each sampler and pruner, by its full name; the first is the default."""
    known: dict[str, Searcher] = {}
    for plugin in registry.records(Searcher):
        for where in (plugin.samplers, plugin.pruners):
            for name in _table(plugin, where):
                known.setdefault(name, plugin)
    return known


def samplers() -> Rules:
    """Return all samplers; the first is the default."""
    return _merged([(plugin, plugin.samplers) for plugin in registry.records(Searcher)])


def pruners() -> Rules:
    """Return all pruners."""
    return _merged([(plugin, plugin.pruners) for plugin in registry.records(Searcher)])


def _merged(tables: Sequence[tuple[Searcher, str]]) -> Rules:
    known: dict[str, SearchRule] = {}
    for plugin, where in tables:
        for name, rule in _table(plugin, where).items():
            known.setdefault(name, rule)
    return known


def _table(plugin: Searcher, where: str) -> Rules:
    with registry.guarded(plugin):
        return registry.code(where) if where else {}


def named(rules: Rules) -> dict[str, str]:
    """Return the full name for every name that a file can use."""
    return {rule.short: name for name, rule in rules.items()} | {name: name for name in rules}
