"""The invariants of searches: the study, the store and what really ran agree."""

from __future__ import annotations

from collections import Counter

import optuna

from tests.chaos.pipelines import AFTER, SEARCH, Pipeline, read_ledger
from trainui.model.definition import Search
from trainui.model.states import UNFINISHED, Status
from trainui.plugins.optuna import study_file
from trainui.resume import search_results
from trainui.store.db import engine, statements
from trainui.store.db.engine import read_transaction
from trainui.store.points import plot_points
from trainui.store.read import sweeps, views
from trainui.store.read.sweeps import TrialRecord

optuna.logging.set_verbosity(optuna.logging.ERROR)

STATES = {"completed": "complete", "failed": "fail", "cancelled": "fail", "pruned": "pruned"}
"""How a trial counts, by the state of its stage."""


def outcomes(run_id: str) -> dict[str, str]:
    """Return how the trials of a run count that have ended, by the id of their stage."""
    with engine.reading() as connection:
        return sweeps.outcomes(connection, run_id)


def is_told(run_id: str) -> bool:
    """Return True if every trial of a run has an outcome."""
    with engine.reading() as connection:
        found = sweeps.trials_of(connection, run_id, SEARCH)
    return all(one.state != sweeps.ASKED for one in found)


def is_done(run_id: str) -> bool:
    """Return True if a run is over, and all that did not complete are trials that count."""
    counted = outcomes(run_id)
    with engine.reading() as connection:
        stages = views.stages(connection, run_id)
    left = [one for one in stages if one.status != Status.COMPLETED and one.id not in counted]
    has_best = "complete" in counted.values()
    blocked = [one.name for one in left if one.status == Status.BLOCKED] == [AFTER]
    return bool(counted) and (not left or (blocked and len(left) == 1 and not has_best))


def check(run_id: str, pipeline: Pipeline) -> Counter[str]:
    """Check a search that is over; AssertionError says which invariant is broken.

    Returns:
        How many of its trials ended how.
    """
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        found = sweeps.trials_of(connection, run_id, SEARCH)
        reported = {one.number: _reported(connection, one) for one in found}
        for one in found:
            _check_value(connection, one)
    numbers = [one.number for one in found]
    assert numbers == list(range(pipeline.trials)), f"trials {numbers} of {pipeline.trials}"
    assert not any(one.stage.status in UNFINISHED for one in found)
    study = optuna.load_study(
        study_name=f"{run_id}/{SEARCH}", storage=f"sqlite:///{run.directory}/{SEARCH}.study.db"
    )
    _check_study(study, found)
    _check_samples(study, found)
    if pipeline.prunes:
        for frozen in study.trials:
            number, values = frozen.number, frozen.intermediate_values
            assert values == reported[number], f"trial {number}: {values}, not {reported[number]}"
    _check_starts(pipeline, found)
    return Counter(f"trials {one.state}" for one in found)


def _check_value(connection: statements.Connection, one: TrialRecord) -> None:
    expected = STATES[str(one.stage.status)]
    assert one.state == expected, f"trial {one.number} is {one.stage.status} and {one.state}"
    lost = (one.stage.error or "").startswith("no points of")
    assert not lost, f"trial {one.number} completed without its points: {one.stage.error}"
    if one.state == "complete":
        search = one.stage.definition.search
        assert isinstance(search, Search)
        best = search_results.outcome_of(connection, one.stage.id, search).value
        assert one.value == best, f"trial {one.number}: {one.value} is stored, {best} is the best"


def _reported(connection: statements.Connection, one: TrialRecord) -> dict[int, float]:
    """Return the values of a trial as a plain loop reports them: each step once, in order."""
    attempts = views.attempts_of_stage(connection, one.stage.id)
    pruning = attempts[-1].pruning if one.state == "pruned" else None
    with read_transaction(connection):
        points = plot_points.points_after(connection, one.stage.id, "loss", -1)
    values: dict[int, float] = {}
    for point in points:
        step, last = int(point.step), next(reversed(values), -1)
        if step > last and (pruning is None or last < pruning.step):
            values[step] = point.value
    return values


def _check_samples(study: optuna.Study, found: list[TrialRecord]) -> None:
    """Check that the values of a random search are those of an uninterrupted loop."""
    search = found[0].stage.definition.search
    assert isinstance(search, Search)
    if search.sampler == "RandomSampler":
        space = dict(study_file.distributions(search))
        plain = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=search.seed))
        expected = [plain.ask(space).params for _ in study.trials]
        assert [one.params for one in study.trials] == expected, "not those of a plain loop"


def _check_study(study: optuna.Study, found: list[TrialRecord]) -> None:
    """Check that Optuna's study has the same trials."""
    studied = [(one.number, one.state.name.lower(), one.value, one.params) for one in study.trials]
    stored = [
        (one.number, one.state, one.value, one.stage.definition.trial_params) for one in found
    ]
    assert studied == stored, f"the study has {studied}, the store {stored}"
    values = [params["x"] for *_, params in studied]
    assert len({*values}) == len(values), f"asked twice: {values}"


def _check_starts(pipeline: Pipeline, found: list[TrialRecord]) -> None:
    """Check that each trial ran with its own values at every attempt, and none after the last."""
    entries = [one for one in read_ledger(pipeline.ledger) if one.what == "start"]
    for one in found:
        params = one.stage.definition.trial_params or {}
        given = [entry.more["given"] for entry in entries if entry.stage == one.stage.name]
        expected = [str(value) for value in params.values()]
        assert all(one == expected for one in given), f"{expected}, but started with {given}"
    names = [entry.stage for entry in entries]
    if AFTER in names:
        last = len(names) - 1 - names[::-1].index(AFTER)
        late = [name for name in names[last:] if name.startswith(f"{SEARCH}[")]
        assert late == [], f"{late} started after {AFTER}"
