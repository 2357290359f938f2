"""The samplers and pruners of the installed plugins for searches; needs no Pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainui.model.search import Prune
from trainui.plugin import Searcher, SearchRule, registry

Rules = Mapping[str, SearchRule]
"""Full name -> sampler or pruner."""


def searchers() -> dict[str, Searcher]:
    """Return the plugin of each sampler and pruner, by its full name."""
    known: dict[str, Searcher] = {}
    for plugin in registry.records(Searcher):
        for name in (*_table(plugin, plugin.samplers), *_table(plugin, plugin.pruners)):
            known.setdefault(name, plugin)
    return known


def searcher_of(sampler: str | None, prune: Prune | None) -> Searcher | None:
    """Return the plugin that decides about a search: that of its sampler, else of its pruner.

    The first one decides where a file names neither; None if none is installed.
    """
    known = searchers()
    named = sampler or (prune.by if prune is not None else "")
    return known.get(named) or next(iter(registry.records(Searcher)), None)


def samplers(plugin: Searcher | None = None) -> Rules:
    """Return all samplers, or those of a plugin; its first is its default."""
    plugins = registry.records(Searcher) if plugin is None else (plugin,)
    return _merged([(one, one.samplers) for one in plugins])


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


def full_names(rules: Rules) -> dict[str, str]:
    """Return the full name for every name that a file can use."""
    shorts: dict[str, str] = {}
    for name, rule in rules.items():
        shorts.setdefault(rule.short, name)
    return shorts | {name: name for name in rules}
