"""The commands for what was tried: `best`, `diff`, `compare`, `note` and `tree`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import formatting, text
from trainui.cli import options, printing
from trainui.errors import NotFoundError, TrainuiError, UsageError
from trainui.pipeline.masking import mask

if TYPE_CHECKING:
    from trainui.control.compare import SeedComparison
    from trainui.model.records import RunRecord
    from trainui.store.db.statements import Connection
    from trainui.store.read.sweeps import TrialRecord


_A_CONFIGURATION = (
    "RUN, RUN/STAGE, or a member of a sweep without its seed: 'RUN/train[lr=0.1]' (all its seeds)."
)


@options.command(
    "trainui best tune",
    "trainui best tune train -n 10",
    "trainui best tune --json | jq '.trials[0].search, .importance'",
)
def best(
    run: options.Run,
    stage: Annotated[
        str | None,
        typer.Argument(metavar="[STAGE]", help="The search or evaluation, if the run has several."),
    ] = None,
    most: Annotated[
        int, typer.Option("--number", "-n", min=1, metavar="N", help="Show the N best ones.")
    ] = 5,
    as_json: options.Json = False,
) -> None:
    """Show the best trials of a search, or the best checkpoints of an evaluation.

    A running trial counts with its best value so far, after the completed ones. With five completed
    trials or more, each parameter's importance is its share of the value's variation.
    """
    from trainui.resume import search_results
    from trainui.store.read import evaluations, run_in_json, views
    from trainui.store.read import sweeps as stored_trials

    found = options.find_run(run)
    if found.is_external:
        _best_of_study(found, most, as_json=as_json)
        return
    with options.view() as connection:
        name = _search_of(connection, found, stage)
        if evaluations.gatherers(connection, found.id, name):
            checkpoints, metric = _best_checkpoints(connection, found, name, most)
            none: dict[str, Any] = {"trials": [], "importance": {}}
            answer = {**none, "metric": metric, "checkpoints": checkpoints}
            printing.answer(as_json, answer, _checkpoint_lines(answer))
            return
        ranked = search_results.ranked(connection, found.id, name)[:most]
        importance = stored_trials.importance(connection, found.id, name)
        attempts = [views.attempts_of_stage(connection, one.stage.id) for one in ranked]
    trials = [
        {
            "trial": one.number,
            "status": str(one.stage.status),
            "value": one.value,
            "step": _whole(one.step),
            "search": mask(one.stage.definition.trial_params or one.stage.definition.matrix or {}),
            "command": run_in_json.shown_command(
                found.params, one.stage.as_ran(last[-1] if last else None).definition
            ),
        }
        for one, last in zip(ranked, attempts, strict=True)
    ]
    search = ranked[0].stage.definition.search if ranked else None
    metric = None if search is None else search.metric
    answer = {"trials": trials, "importance": importance, "metric": metric, "checkpoints": []}
    printing.answer(as_json, answer, _trial_lines(found, ranked, answer))


def _best_of_study(run: RunRecord, most: int, *, as_json: bool) -> None:
    """Show the best trials of a study that was added.

    Raises:
        NotFoundError: the run is no study, or its study has several goals.
    """
    from trainui.store.points import read_points
    from trainui.store.read import views

    assert run.external is not None
    if not run.external["objective"]:
        raise NotFoundError(
            f"{run.name} has no best trial: only a study with one goal has; its values are in "
            f"`trainui metrics {formatting.short_id(run.id)}`"
        )
    metric, goal = run.external["objective"]
    with options.view() as connection:
        stages = [one for one in views.stages(connection, run.id) if not one.removed]
        found = read_points.summaries(connection, {one.id: one.name for one in stages}, metric)
    values = {one.stage: one.last for one in found if one.last is not None and one.last == one.last}
    sign = 1 if goal == "minimize" else -1
    stages.sort(key=lambda one: (one.name not in values, sign * values.get(one.name, 0.0)))
    trials = [
        {
            "trial": one.position,
            "status": str(one.status),
            "value": values.get(one.name),
            "step": None,
            "search": mask(one.definition.params),
            "command": None,
        }
        for one in stages[:most]
    ]
    names = list(dict.fromkeys(name for one in stages[:most] for name in one.definition.params))
    rows = [["trial", "state", metric, *names]]
    rows += [
        [
            str(one.position),
            text.state(one.status),
            formatting.number(values.get(one.name)),
            *(_cell(one.definition.params.get(name)) for name in names),
        ]
        for one in stages[:most]
    ]
    answer = {"trials": trials, "importance": {}, "metric": metric, "checkpoints": []}
    printing.answer(as_json, answer, text.table(rows, right=(0, 2)))


def _best_checkpoints(
    connection: Connection, run: RunRecord, name: str, most: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the best checkpoints of an evaluation, and the metric by which they are the best.

    Raises:
        NotFoundError: none has been evaluated.
        UsageError: it is not known which values are better.
    """
    from trainui.resume import checkpoints
    from trainui.store.read import evaluations, headlines

    found = evaluations.evaluated(connection, run.id, name)
    done = [one for one in found if one.is_done]
    if not done:
        raise NotFoundError(f"{name} of {run.name} has evaluated no checkpoint yet")
    metric = evaluations.metric_of(connection, done[0].evaluation)
    if metric is None or metric.lower is None:
        wanted = done[0].evaluation.definition.objective
        names = headlines.names_of(connection, done[0].evaluation.id)
        which = "it has no metric" if metric is None else f"{metric.name} does not say"
        advice = "add `metric` and `goal` to it"
        if wanted is not None and names:
            which = f"it has no {wanted.metric}, but {formatting.listed(names)}"
            advice = "correct its `metric`"
        raise UsageError(f"{name}: which value is better is not known: {which}; {advice}")
    return [
        {
            "stage": one.stage.name,
            "step": _whole(one.checkpoint.step),
            "value": one.checkpoint.value,
            "checkpoint": checkpoints.place_of(run.directory, one.checkpoint, held_first=False),
        }
        for one in evaluations.best_first(connection, done)[:most]
    ], metric.name


def _whole(step: float | None) -> float | int | None:
    return step if step is None or step % 1 else int(step)


def _checkpoint_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the best checkpoints, and where the best one is."""
    shown = answer["checkpoints"]
    rows = [["step", answer["metric"] or "value", "stage"]]
    rows += [[f"{one['step']:,}", formatting.number(one["value"]), one["stage"]] for one in shown]
    yield from text.table(rows, right=(0, 1))
    existing = next((one for one in shown if one["checkpoint"]), None)
    if existing is not None:
        step = f", step {existing['step']:,}" if existing is not shown[0] else ""
        yield ""
        yield f"the best checkpoint{' that still exists' if step else ''}{step}:"
        yield f"  {existing['checkpoint']}"


def _search_of(connection: Connection, run: RunRecord, stage: str | None) -> str:
    """Return the name of the search, or of the evaluation of checkpoints, that is meant."""
    from trainui.store.read import evaluations, sweeps, views

    gatherers = evaluations.gatherers(connection, run.id)
    known = sweeps.searches(connection, run.id)
    known += dict.fromkeys(one.definition.group for one in gatherers)
    if not known:
        searching = (one.definition for one in views.stages(connection, run.id))
        if any(one.search is not None for one in searching):
            raise NotFoundError(f"no trial of {run.name} has started yet")
        raise NotFoundError(
            f"{run.name} has no search: a stage with `search` has trials, one with "
            "`each_checkpoint` evaluates checkpoints; `trainui report` has a sweep's members"
        )
    fitting = [name for name in known if stage is None or stage == name]
    fitting = fitting or [name for name in known if stage is not None and stage in name]
    if not fitting:
        raise NotFoundError(f"no search is named {stage!r}; this run has {', '.join(known)}")
    if len(fitting) > 1:
        raise UsageError(f"{run.name} has several; name one: {', '.join(fitting)}")
    return fitting[0]


def _trial_lines(
    run: RunRecord, ranked: Sequence[TrialRecord], answer: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a table of the trials, the importance of the parameters, and how to run the first."""
    from trainui.execution.attempt import prepared_process
    from trainui.pipeline import matrix

    shown = answer["trials"]
    search = ranked[0].stage.definition.search if ranked else None
    names = list(dict.fromkeys(name for one in shown for name in one["search"]))
    metric = search.metric if search is not None else "value"
    rows = [["trial", "state", metric, "step", *names]]
    rows += [
        [
            str(one["trial"]),
            text.state(trial.stage.status),
            formatting.number(one["value"]),
            "" if one["step"] is None else f"{one['step']:,}",
            *(_cell(one["search"].get(name)) for name in names),
        ]
        for trial, one in zip(ranked, shown, strict=True)
    ]
    yield from text.table(rows, right=(0, 2, 3))
    if answer["importance"]:
        yield ""
        yield f"importance: {text.shares(answer['importance'])}"
    if ranked and ranked[0].value is not None:
        best = ranked[0]
        yield ""
        if not best.stage.removed:  # else `rerun` refuses it
            name = shlex.quote(matrix.name_of(best.stage.definition))
            yield f"run trial {best.number} again:"
            yield f"  trainui rerun {formatting.short_id(run.id)} {name}"
        command = prepared_process.command_of_stage(run.id, best.stage.name)
        if command is not None:
            over = best.stage.definition.over
            yield f"its command{f', of its first {over}' if over else ''}:"
            yield from (f"  {line}" for line in command.splitlines())


def _cell(value: Any) -> str:
    return formatting.number(value) if isinstance(value, float | None) else str(value)


@options.command("trainui diff baseline larger", "trainui diff baseline", "trainui diff a b --json")
def diff(
    run: options.Run,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="The run to compare with; without it, the files and the shell as they are now.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what differs between two runs: code, commands, parameters, packages, environment.

    Of files that differ, the lines are shown where both sides are known: in a run's snapshot,
    unchanged since its commit, or as they are now. Of environment variables only the names are
    shown.
    """
    from trainui.control import run_difference
    from trainui.store.read import views

    with options.view() as connection:
        found = views.find_run(connection, run)
        compared = None if other is None else views.find_run(connection, other)
        differences = run_difference.between(connection, found, compared)
    lines = list(run_difference.lines(differences))
    printing.answer(as_json, differences, lines)
    if not lines and not as_json:
        printing.note("no difference")


@options.command(
    "trainui compare baseline larger",
    "trainui compare 'sweep/train[lr=0.1]' 'sweep/train[lr=0.01]' --metric loss",
    "trainui compare baseline larger --json | jq -r .verdict",
)
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_A_CONFIGURATION)],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with it, named alike.")],
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The metric (default: the validation metric)."),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Take each seed's last value, and not its best.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Compare two configurations over their seeds: can the difference be told from noise?

    The difference is B minus A, with its 95 % interval (Welch's test). Where it cannot be told, it
    says how many seeds more would tell. Only completed seeds count; the others are named.
    """
    from trainui.control import compare as comparisons

    with options.view() as connection:
        found = comparisons.compare(connection, a, b, metric=metric, last=last)
    printing.answer(as_json, found.to_json(), _comparison_lines(found))


def _comparison_lines(found: SeedComparison) -> Iterator[str]:
    """Yield the samples as a table, the members that do not count, the difference, the verdict."""
    which = "last" if found.by_last else "best"
    better = "lower" if found.lower else "higher"
    yield f"{found.metric}, the {which} of each seed; {better} is better"
    yield ""
    samples = {"A": found.a, "B": found.b}
    rows = [["", "RUN", "STAGE", "SEEDS", "MEAN", "SD"]]
    rows += [
        [
            letter,
            f"{one.configuration.run.name} ({formatting.short_id(one.configuration.run.id)})",
            one.configuration.stage,
            str(len(one.values)),
            formatting.number(one.mean),
            formatting.number(one.deviation),
        ]
        for letter, one in samples.items()
    ]
    yield from text.table(rows, right=(3, 4, 5))
    for letter, one in samples.items():
        for why in dict.fromkeys(why for _stage, why in one.others):
            names = [stage.name for stage, reason in one.others if reason == why]
            yield f"{letter} without {formatting.listed(names, 6)}: {why}"
    yield ""
    if found.difference is not None:
        shown = f"B - A = {formatting.number(found.difference)}"
        if found.test is not None:
            low, high = formatting.number(found.test.low), formatting.number(found.test.high)
            shown += f", 95 % interval {low} to {high}, p = {found.test.p:.2g}"
        yield shown
    yield found.words
    yield from _lines_to_type(found)


def _lines_to_type(found: SeedComparison) -> Iterator[str]:
    """Yield the command that adds seeds to each run, or why a run cannot have more."""
    from trainui.control.compare import with_more_seeds

    if (more := found.more_seeds) is None:
        return
    try:
        added = with_more_seeds((found.a.configuration, found.b.configuration), more)
    except TrainuiError as error:
        yield f"no more seeds can be added: {error}"
        return
    if found.seeds_needed is None:
        yield f"{formatting.quantity(more, 'seed')} more of each would be a beginning:"
    yield from (f"  {one.command}" for one in added)


@options.command(
    'trainui note digits "warm-up was too short"',
    "trainui note digits --verdict discard",
)
def note(
    run: options.Run,
    words: Annotated[str, typer.Argument(metavar="[TEXT]", help="The note.")] = "",
    verdict: Annotated[
        str | None, typer.Option(metavar="keep|discard", help="Your verdict on the run.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a note to a run, and a verdict."""
    from trainui.control import requests

    found = options.find_run(run)
    requests.add_note(found.id, words, verdict)
    printing.answer(as_json, options.in_full(found.id) if as_json else None, [])


@options.command("trainui tree", "trainui tree --json")
def tree(as_json: options.Json = False) -> None:
    """Show which run came from which, with the difference, the best value and the verdict.

    A run has an origin if it was started with `trainui run --from RUN`.
    """
    from trainui.control import run_difference
    from trainui.store.read import views

    with options.view() as connection:
        runs = views.runs(connection)
        best = {run.id: _best_of_run(connection, run) for run in runs}
        by_id = {run.id: run for run in runs}
        origins = [(run, by_id[run.origin]) for run in runs if run.origin in by_id]
        differences = {
            run.id: run_difference.from_origin(connection, run, one) for run, one in origins
        }
    rows = {
        run.id: {
            "run": run.id,
            "name": run.name,
            "from": run.origin if run.origin in by_id else None,
            "difference": differences.get(run.id),
            "best": best[run.id],
            "verdict": run.verdict,
            "status": str(run.status),
            "note": run.note,
            "started_by": run.started_by,
        }
        for run in runs
    }
    shown = list(_tree_lines(rows)) if not as_json else []
    printing.answer(as_json, {"runs": list(rows.values())}, shown)


def _best_of_run(connection: Connection, run: RunRecord) -> dict[str, Any] | None:
    """Return the value of a run that the list of runs shows."""
    from trainui.store.points.read_points import headline_of_run
    from trainui.store.read import headlines, run_list
    from trainui.tui.readers.stage_values import StageValues

    found = headline_of_run(connection, run.id)
    if found is None:
        return None
    stage, name = found
    stages = headlines.compared_stages(connection, name, run.id).get(run.id, [])
    nan = run_list.stages_with_nan(connection, [run.id]).get(run.id, frozenset())
    best = StageValues().best(connection, stages, name, stage.search, nan)
    return None if best is None else {"metric": name, "value": best[1].value}


def _tree_lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tree's lines, the newest root first, each run below its origin."""
    below: dict[str | None, list[str]] = {}
    for run_id, row in rows.items():
        below.setdefault(row["from"], []).append(run_id)

    def walk(run_ids: Sequence[str], indent: str) -> Iterator[str]:
        for run_id in run_ids:
            row = rows[run_id]
            parts = [f"{formatting.short_id(run_id)}  {row['name']}"]
            if row["difference"]:
                parts.append(row["difference"])
            if row["best"]:
                parts.append(f"{row['best']['metric']} {row['best']['value']:.6g}")
            if row["verdict"]:
                parts.append(row["verdict"])
            yield indent + "  ".join(parts)
            yield from walk(list(reversed(below.get(run_id, ()))), f"{indent}  ")

    yield from walk(below.get(None, ()), "")
