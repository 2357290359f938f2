"""Optuna: searches by its samplers and pruners, and the studies that others made.

Read `study` first (a search's), then `recorded_studies` (anybody's).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trainui.plugin import (
    Format,
    LogLines,
    Option,
    OptionProblem,
    Searcher,
    SearchRule,
    Tracker,
    TrackerDatabase,
)

FORMAT = Format(
    interface=1,
    name="optuna",
    decoder="trainui.plugins.optuna.recorded_studies:OptunaJournal",
    recognise="trainui.plugins.optuna.recorded_studies:recognise",
    refines="jsonl",
    is_usual="trainui.plugins.optuna.recorded_studies:is_usual",
    find="trainui.plugins.optuna.recorded_studies:find",
    is_preset_too=True,
    is_one_curve=True,
)

TRACKER = Tracker(
    interface=1,
    name="optuna",
    title="Optuna",
    has_jobs=True,
    printed="trainui.plugins.optuna.recorded_studies:printed",
    database=TrackerDatabase(
        tables=(
            "trial_intermediate_values",
            "trial_values",
            "trials",
            "studies",
            "study_directions",
        ),
        marker=b"trial_intermediate_values",
        runs="trainui.plugins.optuna.recorded_studies:runs",
        jobs="trainui.plugins.optuna.recorded_studies:jobs",
        points="trainui.plugins.optuna.recorded_studies:points",
        is_file="trainui.plugins.optuna.recorded_studies:is_journal",
        open_file="trainui.plugins.optuna.recorded_studies:as_database",
    ),
)

SEARCHER = Searcher(
    interface=1,
    name="optuna",
    rank=10,
    title="Optuna",
    backend="trainui.plugins.optuna.study:SearchStudy",
    samplers="trainui.plugins.optuna:SAMPLERS",
    pruners="trainui.plugins.optuna:PRUNERS",
    problems="trainui.plugins.optuna:problems",
    modules=("optuna",),
    extra="search",
)

LINES = LogLines(
    interface=1,
    name="optuna",
    reader="trainui.plugins.optuna.recorded_studies:TrialLines",
    pattern=r"Trial \d+ finished with value: ",
)


# The samplers and pruners of Optuna 4 with the options that a file can set, as a table.
#
# Optuna itself is not imported: a file can be checked where it is not installed. Options that take
# Python objects, and deprecated ones, are left out.


_FLAG = Option(flag=True)
_COUNT = Option(whole=True, least=0)
_POSITIVE = Option(whole=True, least=1)
_SHARE = Option(least=0, most=1)
_ANY = Option()

_GENETIC = {
    "population_size": Option(whole=True, least=2),
    "mutation_prob": _SHARE,
    "crossover_prob": _SHARE,
    "swapping_prob": _SHARE,
}

_SAMPLERS: Mapping[str, Mapping[str, Option]] = {
    "TPESampler": {
        "n_startup_trials": _COUNT,
        "n_ei_candidates": _POSITIVE,
        "multivariate": _FLAG,
        "group": _FLAG,
        "constant_liar": _FLAG,
    },
    "RandomSampler": {},
    "GridSampler": {},
    "CmaEsSampler": {
        "n_startup_trials": _COUNT,
        "consider_pruned_trials": _FLAG,
        "popsize": Option(whole=True, least=2),
        "use_separable_cma": _FLAG,
        "with_margin": Option(flag=True, modules=("scipy",)),
        "lr_adapt": _FLAG,
    },
    "GPSampler": {"n_startup_trials": _COUNT, "deterministic_objective": _FLAG},
    "QMCSampler": {"qmc_type": Option(words=("sobol", "halton")), "scramble": _FLAG},
    "BruteForceSampler": {"avoid_premature_stop": _FLAG},
    "NSGAIISampler": _GENETIC,
    "NSGAIIISampler": {**_GENETIC, "dividing_parameter": _POSITIVE},
}
"""Class in `optuna.samplers` -> its options, without the seed."""

_PERCENTILE = {
    "n_startup_trials": _COUNT,
    "n_warmup_steps": _COUNT,
    "interval_steps": _POSITIVE,
    "n_min_trials": _POSITIVE,
}
_RUNGS = Option(whole=True, least=2)

_PRUNERS: Mapping[str, Mapping[str, Option]] = {
    "MedianPruner": _PERCENTILE,
    "PercentilePruner": {"percentile": Option(least=0, most=100, default=25.0), **_PERCENTILE},
    "HyperbandPruner": {
        "min_resource": _POSITIVE,
        "max_resource": Option(("auto",), whole=True, least=1),
        "reduction_factor": _RUNGS,
        "bootstrap_count": _COUNT,
    },
    "SuccessiveHalvingPruner": {
        "min_resource": Option(("auto",), whole=True, least=1),
        "reduction_factor": _RUNGS,
        "min_early_stopping_rate": _COUNT,
        "bootstrap_count": _COUNT,
    },
    "ThresholdPruner": {
        "lower": _ANY,
        "upper": _ANY,
        "n_warmup_steps": _COUNT,
        "interval_steps": _POSITIVE,
    },
    "PatientPruner": {
        "patience": Option(whole=True, least=0, required=True),
        "min_delta": Option(least=0),
    },
    "WilcoxonPruner": {"p_threshold": _SHARE, "n_startup_steps": _COUNT},
    "NopPruner": {},
}
"""Class in `optuna.pruners` -> its options; that of `PatientPruner`, a pruner, is left out."""

_MODULES = {
    "CmaEsSampler": ("cmaes",),
    "GPSampler": ("scipy", "torch"),
    "QMCSampler": ("scipy",),
    "WilcoxonPruner": ("scipy",),
}
"""The packages that samplers and pruners need besides Optuna."""

MOST_OF_A_GRID = 20_000
"""Combinations of a grid, which Optuna lists in memory."""


def _short(name: str) -> str:
    """Return a class's name as a file writes it: `tpe`, `successive_halving`."""
    if name.endswith("Sampler"):
        return name.removesuffix("Sampler").lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Pruner")).lower()


def _rule(name: str, options: Mapping[str, Option]) -> SearchRule:
    return SearchRule(
        _short(name),
        options,
        tries_all=name in ("GridSampler", "BruteForceSampler"),
        most=MOST_OF_A_GRID if name == "GridSampler" else None,
        delays=name == "PatientPruner",
        modules=_MODULES.get(name, ()),
    )


SAMPLERS = {name: _rule(name, options) for name, options in _SAMPLERS.items()}
PRUNERS = {name: _rule(name, options) for name, options in _PRUNERS.items()}

_VARIANTS = ("use_separable_cma", "with_margin", "lr_adapt")
"""Options of `cmaes` of which Optuna accepts one at a time."""

_BOOTSTRAPPED = {"HyperbandPruner": "max_resource", "SuccessiveHalvingPruner": "min_resource"}
"""Pruner -> the option that must be a number where `bootstrap_count` is above 0."""


def problems(name: str, options: Mapping[str, Any]) -> Iterator[OptionProblem]:
    """Yield what Optuna does not accept of options together."""
    if options.get("group") and not options.get("multivariate"):
        yield OptionProblem("needs `multivariate: true`", "group")
    variants = [one for one in _VARIANTS if options.get(one)]
    if len(variants) > 1:
        message = f"cannot be combined with {variants[0]}; remove one"
        yield OptionProblem(message, variants[1], at_name=True)
    if name == "ThresholdPruner" and not {"lower", "upper"} & options.keys():
        yield OptionProblem("threshold needs `lower` or `upper`; add one")
    if {"lower", "upper"} <= options.keys() and options["lower"] > options["upper"]:
        message = f"is {options['lower']}, above `upper`; swap them"
        yield OptionProblem(message, "lower", "bad-range")
    bound = _BOOTSTRAPPED.get(name, "")
    if options.get("bootstrap_count") and not isinstance(options.get(bound), int):
        yield OptionProblem(f"needs `{bound}`, a whole number", "bootstrap_count")
    most = options.get("max_resource")
    if isinstance(most, int) and options.get("min_resource", 1) > most:
        yield OptionProblem(f"is above `max_resource`, {most}", "min_resource", "bad-range")
