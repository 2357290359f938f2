"""The samplers and pruners of Optuna 4 with the options that a file can set, as a table.

Optuna itself is not imported: a file can be checked where it is not installed. Options that take
Python objects, and deprecated ones, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """The values that an option accepts."""

    words: tuple[str, ...] = ()
    """Words; with `whole`, allowed besides a number."""
    flag: bool = False
    """True or false only."""
    whole: bool = False
    """Whole numbers only."""
    least: float = float("-inf")
    most: float = float("inf")
    required: bool = False

    @property
    def expected(self) -> str:
        """A description of the valid values, for a message."""
        if self.flag:
            return "true or false"
        if self.words and not self.whole:
            return " or ".join(self.words)
        number = "a whole number" if self.whole else "a number"
        if self.most < float("inf"):
            number += f" from {self.least:g} to {self.most:g}"
        elif self.least > float("-inf"):
            number += f" of at least {self.least:g}"
        return " or ".join((number, *self.words))


Options = Mapping[str, Option]
"""Name of a keyword argument -> what it accepts."""

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

SAMPLERS: Mapping[str, Options] = {
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
        "with_margin": _FLAG,
        "lr_adapt": _FLAG,
    },
    "GPSampler": {"n_startup_trials": _COUNT, "deterministic_objective": _FLAG},
    "QMCSampler": {"qmc_type": Option(words=("sobol", "halton")), "scramble": _FLAG},
    "BruteForceSampler": {"avoid_premature_stop": _FLAG},
    "NSGAIISampler": _GENETIC,
    "NSGAIIISampler": {**_GENETIC, "dividing_parameter": _POSITIVE},
}
"""Class in `optuna.samplers` -> its options, without the seed."""

FINITE = frozenset({"GridSampler", "BruteForceSampler"})
"""Samplers that try each combination once, so that every range needs a step."""

_PERCENTILE = {
    "n_startup_trials": _COUNT,
    "n_warmup_steps": _COUNT,
    "interval_steps": _POSITIVE,
    "n_min_trials": _POSITIVE,
}
_RUNGS = Option(whole=True, least=2)

PRUNERS: Mapping[str, Options] = {
    "MedianPruner": _PERCENTILE,
    "PercentilePruner": {"percentile": Option(least=0, most=100), **_PERCENTILE},
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

DEFAULTS: Mapping[str, Mapping[str, float]] = {"PercentilePruner": {"percentile": 25.0}}
"""Values of options that Optuna requires; 25 is the one in its documentation."""

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def short_name(name: str) -> str:
    """Return a class's name as a file writes it: `tpe`, `successive_halving`."""
    if name.endswith("Sampler"):
        return name.removesuffix("Sampler").lower()
    return _CAPITAL.sub("_", name.removesuffix("Pruner")).lower()


def named(classes: Mapping[str, Options]) -> dict[str, str]:
    """Return the class of every name that a file can use: the short ones and the classes."""
    return {short_name(name): name for name in classes} | {name: name for name in classes}
