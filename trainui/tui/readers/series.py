"""Selects the series that are drawn into one plot, and lists all that it can be compared with.

Also finds the x axes that they can be drawn over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from trainui.control import compare
from trainui.errors import UnfitEnvironmentError
from trainui.formatting import quantity, short_id
from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import (
    CURVE,
    by_importance,
    headline,
    is_clock,
    spelled_as,
    words_of,
)
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import Status
from trainui.pipeline.matrix import TRIAL, is_seed
from trainui.record import dataclass
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.plot_points import Axis
from trainui.store.points.read_points import headline_of_run
from trainui.store.read import headlines, run_list, views
from trainui.store.read.headlines import ComparableStage
from trainui.store.read.run_in_json import shown_command
from trainui.text import harmless
from trainui.tui.curve_data import (
    NO_VERDICT,
    Candidate,
    CurvesWanted,
    LineGroup,
    PlottedSeries,
    SeedVerdict,
    differing_params,
    differing_values,
)
from trainui.tui.numbers import differing, number, params_of, shown_value
from trainui.tui.readers.stage_values import StageValues
from trainui.tui.snapshot import Cache
from trainui.tui.styled_text import Pairs, label_of, short_labels

LACKING = "–"
"""The value of an option that a run's command lacks."""

MOST_NAME = 32
"""Characters of a configuration's name in a verdict."""

OVER_SEEDS = "best over seeds (mean ± standard deviation)"
"""Before the figures of two configurations."""

BEST_TWO = "more than noise?   mean best of"
"""Before the difference of the best two of several."""

MOST_RUNS = 200
"""Most other runs offered for a comparison, the newest ones."""


def name_in(names: Collection[str], metric: str, beside: Collection[str] = ()) -> str:
    """Return a metric's name among the names of another stage or run, which may spell it otherwise.

    A spelling counts only if it is the only one there, and `metric` the only one among `beside`.
    """
    found = spelled_as(metric, names)
    if found is None or found == metric:
        return metric
    words = words_of(metric)
    return metric if any(words_of(one) == words for one in beside if one != metric) else found


def summaries_of(
    connection: Connection, owners: Sequence[str], metric: str, beside: Collection[str]
) -> dict[str, SeriesSummary]:
    """Return a metric's summaries by stage id, in each stage's own spelling, as `name_in` does."""
    found = {one.stage: one for one in read_points.summaries(connection, owners, metric)}
    for owner in owners:
        if owner not in found:
            name = name_in(headlines.names_of(connection, owner), metric, beside)
            some = read_points.summaries(connection, [owner], name) if name != metric else ()
            found |= {one.stage: one for one in some}
    return found


class OtherRuns:
    """Reads a stage's series in other runs, with a cache of the values of sweep members."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._metrics = Cache[Mapping[str, bool]](MOST_RUNS)
        """By run id, for the version of its points."""

    def metrics(self, connection: Connection, runs: Sequence[str]) -> dict[str, Mapping[str, bool]]:
        """Return by run the losses, scores and other metrics; True for those with a curve."""
        versions = headlines.run_versions(connection, runs)
        return {
            run_id: self._metrics.read(
                versions.get(run_id), partial(_metrics_of, connection, run_id), run_id
            )
            for run_id in runs
        }

    def shared(self, connection: Connection, runs: Sequence[str]) -> tuple[str, ...]:
        """Return the metrics with a curve that several runs have.

        Those that most of the runs have come first, and of these the most important one. The first
        run that has a metric spells its name.
        """
        counts: Counter[str] = Counter()
        for some in self.metrics(connection, list(dict.fromkeys(runs))).values():
            drawn = [name for name, has_curve in some.items() if has_curve]
            counts.update({name_in(counts, name, some) for name in drawn})
        names = [name for name in counts if counts[name] > 1 and not is_clock(name)]
        ranks = {name: at for at, name in enumerate(by_importance(names))}
        return tuple(sorted(names, key=lambda name: (-counts[name], ranks.get(name, len(names)))))

    def compared_stage(self, connection: Connection, runs: Sequence[str]) -> tuple[str, str] | None:
        """Return the run and the stage that others are compared with; None: none has metrics.

        It is the first run with the metric that most of them share, and its best stage.
        """
        shared, known = self.shared(connection, runs), self.metrics(connection, runs)
        for run_id in runs:
            shown = headline_of_run(connection, run_id)
            own = name_in(known[run_id], shared[0]) if shared else ""
            if shown is None or not (known[run_id].get(own) if shared else True):
                continue
            stage, name = shown if not shared else (shown[0], own)
            stages = headlines.compared_stages(connection, name, run_id).get(run_id, [])
            with_nan = run_list.stages_with_nan(connection, [run_id]).get(run_id, ())
            best = self._values.best(connection, stages, name, stage.search, with_nan)
            return run_id, stage.name if best is None else best[0].name
        return None

    def left_out(
        self, connection: Connection, runs: Collection[str], name: str, reasons: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Return runs of which a metric is not drawn, each with the reason, as far as it is known.

        `reasons` are those of runs that have points of it.
        """
        words = []
        for run_id, metrics in self.metrics(connection, list(runs)).items():
            run = views.run(connection, run_id)
            is_known = name_in(metrics, name) in metrics
            why = "no points yet" if is_known else f"no {harmless(name)}"
            why = reasons.get(run_id) or (why if metrics else "no metrics")
            label = "" if run is None else f"{harmless(run.name)} "
            shown = label + short_id(run_id) if run is None or run.name != run.id else label.strip()
            words.append(f"{shown} ({'deleted' if run is None else why})")
        return tuple(words)

    def read(
        self, request: CurvesRequest, runs: Sequence[str], names: Sequence[str]
    ) -> list[PlottedSeries]:
        """Return the same stage in some runs, the newest first.

        A run without a stage of that name contributes the stage that stands for it in the list, of
        those that have the metrics.
        """
        return self._series(request, self._in_runs(request, runs, names), names)

    def _in_runs(
        self, request: CurvesRequest, runs: Sequence[str], names: Sequence[str]
    ) -> list[ComparableStage]:
        known = self.metrics(request.connection, runs).values()
        spelled = {name_in(some, name): None for name in names for some in known}
        return _comparable(request, runs, list(dict.fromkeys((*names, *spelled))))

    def offered(self, request: CurvesRequest, names: Sequence[str]) -> list[PlottedSeries]:
        """Return the series of a metric in the runs that it can be compared with.

        They are the runs of the stage's pipeline, up to a number those of others that have one of
        the metrics `names`, those sought, and the chosen ones.
        """
        wanted, of = request.wanted, (request.connection, request.stage)
        metric = (wanted.names or ("",))[0]
        found = _comparable(request, (), [metric])
        own_pipeline = {request.stage.run_id, *(one.run_id for one in found)}
        if names and (room := MOST_RUNS - len(found)) > 0:
            found += headlines.comparable_elsewhere(*of, names, (), most=room)
        if names and (words := wanted.sought):
            found += headlines.comparable_elsewhere(*of, names, words, most=MOST_RUNS)
        known = {one.run_id for one in found}
        others = [run_id for run_id in wanted.compared.runs if run_id not in known]
        found += self._in_runs(request, others, [metric]) if others else []
        some = self._series(request, list({one.run_id: one for one in found}.values()), [metric])
        return [replace(one, elsewhere=one.run not in own_pipeline) for one in some]

    def _series(
        self, request: CurvesRequest, found: Sequence[ComparableStage], names: Sequence[str]
    ) -> list[PlottedSeries]:
        connection, stage = request.connection, request.stage
        metric = headline(names, stage.definition.objective) or names[0]
        shown = [
            one if one.name == stage.name else self._best_stage(connection, one, metric)
            for one in found
        ]
        runs = {one.run_id: (one.run_name, one.params_json) for one in shown}
        names_alike = run_list.shared_names(connection, {name for name, _ in runs.values()})
        stages = {one.run_id: one.name for one in shown if one.name == stage.name}
        options = partial(_differing_options, connection, runs, stages)
        pairs = _pairs(runs, names_alike, options, named=request.wanted.candidates)
        return [_series(one, pairs[one.run_id], stage) for one in shown]

    def _best_stage(
        self, connection: Connection, one: ComparableStage, metric: str
    ) -> ComparableStage:
        """Return the stage of the same run with the best value, as the list shows it."""
        metric = name_in(self.metrics(connection, [one.run_id])[one.run_id], metric)
        members = headlines.compared_stages(connection, metric, one.run_id).get(one.run_id, [])
        with_nan = run_list.stages_with_nan(connection, [one.run_id]).get(one.run_id, ())
        search = headlines.search_of(connection, one.id)
        best = self._values.best(connection, members, metric, search, with_nan)
        if best is None:
            return one
        status = views.stage_status(connection, best[0].id) or one.status
        return one._replace(id=best[0].id, name=best[0].name, status=status)


def _metrics_of(connection: Connection, run_id: str) -> Mapping[str, bool]:
    found: dict[str, bool] = {}
    for stage in headlines.headline_stages(connection, run_id):
        least = 1 if stage.status == Status.RUNNING else CURVE
        for one in read_points.summaries(connection, [stage.id]):
            found[one.name] = found.get(one.name, False) or one.count >= least
    return found


def _comparable(
    request: CurvesRequest, runs: Sequence[str], names: Sequence[str]
) -> list[ComparableStage]:
    return headlines.comparable(request.connection, request.stage, runs, names, most=MOST_RUNS)


def _series(one: ComparableStage, pairs: Pairs, stage: StageRecord) -> PlottedSeries:
    is_same = one.name == stage.name
    member = stage.definition.matrix or {} if is_same else {}
    pairs = pairs if is_same else (*pairs, ("", f"› {harmless(one.name)}"))
    return PlottedSeries(
        one.id,
        label_of(pairs),
        0,
        pairs=pairs,
        own=one.id == stage.id,
        status=Status(one.status),
        params=tuple({**params_of(one.params_json), **member}.items()),
        run=one.run_id,
    )


def _pairs(
    runs: Mapping[str, tuple[str, str]],
    names_alike: Collection[str],
    options: Callable[[Sequence[str]], Mapping[str, Pairs]],
    *,
    named: bool,
) -> dict[str, Pairs]:
    """Return the parts of labels by run id: the parameters that differ, and then the id.

    The name comes first where names differ, or with `named`. Parameters differ between runs of one
    name; without `named` also those that all runs have. Runs with the same parameters have the
    `options` of their commands that differ. Alone, a name has the id too if other runs have it,
    drawn or not: `names_alike`.
    """
    several = len({name for name, _ in runs.values()}) > 1
    every = [params_of(params) for _, params in runs.values()] if several and not named else []
    common = set.intersection(*map(set, every)) if every else set[str]()
    shared = [key for key in differing_values(every) if key in common]
    found: dict[str, Pairs] = {}
    by_values: dict[Pairs, list[str]] = {}
    for run_id, (name, params) in runs.items():
        values, own = params_of(params), (("", harmless(name)),)
        differ = differing(other for called, other in runs.values() if called == name)
        keys = [key for key in dict.fromkeys((*shared, *differ)) if key in values]
        pairs = tuple((harmless(key), shown_value(values[key])) for key in keys)
        found[run_id] = (*own, *pairs) if named or several or not pairs else pairs
        by_values.setdefault((*own, *pairs) if named else pairs, []).append(run_id)
    for pairs, those in by_values.items():
        of_commands = options(those) if len(those) > 1 else {}
        for one, some in of_commands.items():
            if some:
                found[one] = (*(found[one] if named or several else pairs), *some)
    alike = Counter(found.values())
    alone = {(("", harmless(name)),) for name in names_alike}
    return {
        run_id: (*pairs, ("", short_id(run_id))) if alike[pairs] > 1 or pairs in alone else pairs
        for run_id, pairs in found.items()
    }


def _differing_options(
    connection: Connection,
    runs: Mapping[str, tuple[str, str]],
    stages: Mapping[str, str],
    some: Sequence[str],
) -> dict[str, Pairs]:
    """Return by run id the options in which the commands of the same stage differ.

    `runs` are names and parameters, and `stages` the names of stages by run id. Where one is not
    the same stage, there are none. One without any of them lacks them. Runs of several names differ
    in options that all of them have.
    """
    from trainui.pipeline.stage_command import options_of

    known: dict[str, Mapping[str, str]] = {}
    for run_id in some:
        record = views.stage(connection, run_id, stages.get(run_id, ""))
        if record is None:
            return {}
        command = shown_command(params_of(runs[run_id][1]), record.definition)
        # a run's own directory differs always
        known[run_id] = {k: v.replace(run_id, "") for k, v in options_of(command).items()}
    names = differing_values(known.values())
    if len({runs[run_id][0] for run_id in some}) > 1:
        names = tuple(key for key in names if key and all(own.get(key) for own in known.values()))
    return {
        run_id: tuple(
            (name.lstrip("-"), shown_value(own.get(name) or LACKING))
            for name in [key for key in names if own.get(key)] or names
        )
        for run_id, own in known.items()
    }


@dataclass(frozen=True, slots=True)
class CurvesRequest:
    """A query for a stage's curves, and what it takes to answer it."""

    connection: Connection
    stage: StageRecord
    stages: Sequence[StageRecord]
    """All stages of its run."""
    wanted: CurvesWanted

    @property
    def siblings(self) -> list[StageRecord]:
        """All members of the stage's sweep, itself included."""
        own = self.stage.definition
        if own.matrix is None or (own.each_checkpoint and not own.gathers):
            return [self.stage]
        if own.gathers:
            return [
                one
                for one in self.stages
                if one.definition.group == own.group and one.definition.gathers
            ]
        return [one for one in self.stages if one.definition.group == own.group]


ReadRuns = Callable[[CurvesRequest, Sequence[str], Sequence[str]], Sequence[PlottedSeries]]
"""Returns the series of a request's stage in runs: takes the runs' ids and the metrics."""


def sources(request: CurvesRequest, in_runs: ReadRuns) -> list[PlottedSeries]:
    """Return the series to draw, the stage's own first; `in_runs` reads those of other runs."""
    stage, wanted, chosen = request.stage, request.wanted, request.wanted.compared
    own = [_own(stage, wanted.attempt)]
    others: list[PlottedSeries] = []
    if chosen.sweep or chosen.members:
        members = _of_members(request, own[0])
        own = [one for one in members if one.own]
        drawn = (one for one in members if chosen.sweep or one.owner in chosen.members)
        others += [one for one in drawn if not one.own]
    if chosen.attempts:
        attempts = _of_attempts(request, wanted.attempt)
        own = [one for one in attempts if one.own] or own
        others += [one for one in attempts if one.attempt in chosen.attempts and not one.own]
    if chosen.runs:
        runs = in_runs(request, (stage.run_id, *chosen.runs), wanted.names or ("",))
        if not others:
            own = [replace(one, attempt=wanted.attempt) for one in runs if one.own] or own
        others += [one for one in runs if not one.own]
    if chosen.only and others and stage.id not in chosen.members:
        own = []
    if wanted.attempt is None and not (chosen.runs or chosen.attempts):
        others += _evaluated(request, [*own, *others])
    if not chosen.sweep and (chosen.runs or chosen.attempts):
        # alone, the members of a sweep keep their places on each page
        others = [replace(one, index=at) for at, one in enumerate(others, 1)]
        own = [replace(one, index=0) for one in own]
    return [*own, *others]


def _evaluated(request: CurvesRequest, drawn: Sequence[PlottedSeries]) -> list[PlottedSeries]:
    """Return the evaluations of the trainings that are drawn, and the trainings of evaluations."""
    owners = {one.owner for one in drawn}
    by_name = {one.name: one for one in request.stages}
    found: dict[str, StageRecord] = {}
    for stage in request.stages:
        each = stage.definition.each_checkpoint
        if each is None or not stage.definition.gathers or each.stage not in by_name:
            continue
        training = by_name[each.stage]
        if training.id in owners and stage.id not in owners:
            found[stage.id] = stage
        elif stage.id in owners and training.id not in owners:
            found[training.id] = training
    first = max((one.index for one in drawn), default=0) + 1
    return [
        PlottedSeries(
            one.id,
            harmless(one.name),
            index,
            status=one.status,
            completed=one.status == Status.COMPLETED,
        )
        for index, one in enumerate(found.values(), first)
    ]


def read_candidates(
    request: CurvesRequest, runs: Sequence[PlottedSeries], metric: str, *, lower: bool | None
) -> tuple[Candidate, ...]:
    """Return what a metric can be compared with: members, attempts, then the series in `runs`.

    Those of the stage's run have its parameters too, since other runs may have others, and
    those that a member or an attempt of it ran with. `lower`:
    lower is better; None: unknown.
    """
    connection = request.connection
    of_run = next((dict(one.params) for one in runs if one.own), {})
    own = (_of_members(request, _own(request.stage, None)), _of_attempts(request, None))
    attempts = views.attempts_of_stage(connection, request.stage.id)
    ran = {one.number: one.definition or request.stage.definition for one in attempts}
    members = {one.id: one.definition for one in request.siblings}
    kept = [one for some in own if len(some) > 1 for one in some]
    definitions = [ran[one.attempt] if one.attempt else members[one.owner] for one in kept]
    edited = own_parameters(connection, request.stage.run_id, definitions)
    found = [
        replace(one, params=tuple({**of_run, **ran_with.member_values, **alone}.items()))
        for one, ran_with, alone in zip(kept, definitions, edited, strict=True)
    ]
    found = [*found, *(one for one in runs if not (found and one.own))]
    names = differing_params(found)
    since = run_list.nan_steps(connection, [one.owner for one in found])
    owners = list({one.owner: None for one in found if one.attempt is None})
    beside = headlines.names_of(connection, request.stage.id)
    whole = summaries_of(connection, owners, metric, beside)
    result = []
    for one in found:
        summary = whole.get(one.owner)
        name = metric if summary is None else summary.name
        nan_since = since.get(one.owner, {}).get(name)
        if one.attempt is not None:
            some = read_points.summaries(connection, [one.owner], metric, attempt=one.attempt)
            summary, nan_since = next(iter(some), None), None
        best = None
        if summary is not None and lower is not None:
            best = summary.min if lower else summary.max
        params = {name: value for name, value in one.params if name in names}
        unit = "step" if nan_since is None else point_sources.unit(connection, one.owner, name)
        result.append(Candidate(one, params, summary, best, nan_since, unit))
    return tuple(result)


def seed_verdict(
    request: CurvesRequest,
    pair: Sequence[LineGroup],
    metric: str,
    *,
    lower: bool | None,
    of_several: bool = False,
) -> SeedVerdict:
    """Return the verdict on the difference of two lines over their seeds.

    A line of one series stands for all seeds of its configuration, which may be another run's. Of
    the best two `of_several` lines it is one sentence.
    """
    if lower is None or (both := _seeds_compared(request, pair)) is None:
        return NO_VERDICT
    a, b = both
    pairs = tuple(
        group.pairs if len(one.members) == len(group.series) else _whole_name(one, a.run, b.run)
        for group, one in zip(pair, (a, b), strict=True)
    )
    names, samples = short_labels(pairs, MOST_NAME), []
    beside = headlines.names_of(request.connection, request.stage.id)
    for one in (a, b):
        owners = [member.id for member in one.members]
        found = summaries_of(request.connection, owners, metric, beside)
        samples.append(compare.sample_of(one, found, metric, lower=lower))
    means = "   ".join(
        f"{name} {number(one.mean)}"
        f"{'' if one.deviation is None else f' ± {number(one.deviation)}'} (of {len(one.values)})"
        for name, one in zip(names, samples, strict=True)
    )
    try:
        taken = compare.slots_of_others(request.connection, a.run.id)
        result = compare.compared(metric, lower, *samples, taken=taken)
    except UnfitEnvironmentError as error:
        if of_several:
            return NO_VERDICT
        return SeedVerdict((f"{OVER_SEEDS}   {means}", str(error)))
    more, advice = _more_seeds(result, names, both)
    words = result.words.replace("B is ", f"{names[1]} is ") + advice
    if max(len(one.members) for one in (a, b)) < 2:
        return SeedVerdict((words,), more, _addressed(a, b))
    if result.test is not None:
        low, high = number(result.test.low), number(result.test.high)
        words = f"{number(result.difference)} (95 %: {low} to {high}): {words}"
    lines: tuple[str, ...] = f"{OVER_SEEDS}   {means}", f"{names[1]} minus {names[0]}   {words}"
    if of_several:
        lines = (f"{BEST_TWO} {names[1]} minus {names[0]}   {words}",)
    is_told = result.verdict in (compare.BETTER, compare.WORSE)
    return SeedVerdict(lines, more, _addressed(a, b), is_told)


def _seeds_compared(
    request: CurvesRequest, pair: Sequence[LineGroup]
) -> tuple[compare.Configuration, compare.Configuration] | None:
    """Return the configurations of two lines; None if a difference over seeds says nothing."""
    if len(pair) != 2 or any(one.attempt is not None for group in pair for one in group.series):
        return None  # attempts of a stage are no seeds
    a, b = (_configuration(request, group) for group in pair)
    if a is None or b is None or {one.id for one in a.members} & {one.id for one in b.members}:
        return None
    if a.run == b.run and a.group != b.group:  # as a training and its evaluation
        return None
    return a, b


def _more_seeds(
    result: compare.SeedComparison,
    names: Sequence[str],
    configurations: Sequence[compare.Configuration],
) -> tuple[int | None, str]:
    """Return how many seeds more, of each, a key may start, and how to add them in words."""
    more = result.more_seeds
    if more is None:
        return None, ""
    pairs = zip(names, configurations, strict=True)
    lacking = [name for name, one in pairs if not _has_seeds(one)]
    if lacking:
        who = lacking[0] if len(lacking) == 1 else "both"
        return None, f"; to add seeds, give {who} a `seeds` in the pipeline file"
    them = "them" if result.seeds_needed else f"{quantity(more, 'seed')} of each"
    return more, f"; S adds {them}"


def _has_seeds(one: compare.Configuration) -> bool:
    definitions = [member.definition for member in one.members]
    return all(own.over is not None or any(map(is_seed, own.matrix or ())) for own in definitions)


def _whole_name(one: compare.Configuration, *runs: RunRecord) -> Pairs:
    """Return the name of a configuration of which one seed is drawn, and all are compared."""
    run = [("", harmless(one.run.name))] if len({run.id for run in runs}) > 1 else []
    return (*run, ("", harmless(one.stage)))


def _addressed(*some: compare.Configuration) -> tuple[tuple[str, str], ...]:
    return tuple((one.run.id, one.stage) for one in some)


def _configuration(request: CurvesRequest, group: LineGroup) -> compare.Configuration | None:
    """Return the stages that a line stands for; None if they cannot be read any more."""
    connection, own = request.connection, request.stage.run_id
    runs = dict.fromkeys(one.run or own for one in group.series)
    records = [run for one in runs if (run := views.run(connection, one)) is not None]
    known = [
        found
        for run in records
        for found in compare.configurations(
            run, request.stages if run.id == own else views.stages(connection, run.id)
        )
    ]
    owners = {one.owner for one in group.series}
    parts = [one for one in known if any(member.id in owners for member in one.members)]
    members = [member for one in parts for member in one.members]
    if len(owners) > 1:
        members = [member for member in members if member.id in owners]
    if not parts or len(members) < len(owners):
        return None
    if len(parts) == 1 and len(members) == len(parts[0].members):
        return parts[0]
    return compare.Configuration(parts[0].run, label_of(group.pairs), members)


def _own(stage: StageRecord, attempt: int | None) -> PlottedSeries:
    return PlottedSeries(
        stage.id,
        harmless(stage.name),
        0,
        attempt,
        own=True,
        status=stage.status,
        pruned=_pruned(stage),
    )


def _pruned(stage: StageRecord) -> str:
    """Return why a stage was pruned; empty if it was not."""
    return harmless(stage.reason or "pruned") if stage.status == Status.PRUNED else ""


def _of_attempts(request: CurvesRequest, shown: int | None) -> list[PlottedSeries]:
    """Return each attempt of the stage; the one shown, else the last one, is its own."""
    stage = request.stage
    attempts = views.attempts_of_stage(request.connection, stage.id)
    shown = shown or (attempts[-1].number if attempts else None)
    return [
        PlottedSeries(
            stage.id,
            f"attempt {one.number}",
            one.number - 1,
            one.number,
            own=one.number == shown,
            status=one.status,
        )
        for one in attempts
    ]


def own_parameters(
    connection: Connection, run_id: str, definitions: Sequence[StageDefinition]
) -> list[Mapping[str, str]]:
    """Return the parameters that were edited for members of a sweep alone."""
    values = views.submission(connection, run_id).get("members")
    if not values:
        return [{}] * len(definitions)
    from trainui.resume import edits  # it imports the parser of pipelines

    return [edits.own_parameters(values, one) if one.matrix else {} for one in definitions]


def _of_members(request: CurvesRequest, own: PlottedSeries) -> list[PlottedSeries]:
    """Return the members of the stage's sweep, named by the values in which they differ."""
    siblings = request.siblings
    names = _member_names(siblings)
    return [
        PlottedSeries(
            one.id,
            label_of(names[one.id]),
            at,
            own.attempt if one.id == own.owner else None,
            own=one.id == own.owner,
            status=one.status,
            pruned=_pruned(one),
            completed=one.status == Status.COMPLETED,
            params=tuple(one.definition.member_values.items()),
            over=one.definition.over,
            pairs=names[one.id],
        )
        for at, one in enumerate(siblings)
    ]


def _member_names(members: Sequence[StageRecord]) -> dict[str, Pairs]:
    """Return the values in which members differ, by stage id; of trials their numbers."""
    values = {one.id: dict(one.definition.member_values) for one in members}
    if any(TRIAL in own for own in values.values()):
        differ: tuple[str, ...] = (TRIAL,)
    else:
        differ = differing_values(values.values())
    return {
        one.id: tuple(
            (harmless(name), harmless(str(values[one.id][name])))
            for name in differ
            if name in values[one.id]
        )
        or (("", harmless(one.name)),)
        for one in members
    }


def axes(
    figures: Sequence[SeriesSummary], connection: Connection, stage: StageRecord
) -> tuple[Axis, ...]:
    """Return the x axes that a stage can be drawn over."""
    found = [Axis.STEP]
    if any(figure.name in ("epoch", "Epoch") for figure in figures):
        found.append(Axis.EPOCH)
    found.append(Axis.RELATIVE)
    if any(attempt.gpus for attempt in views.attempts_of_stage(connection, stage.id)):
        found.append(Axis.GPU)
    return (*found, Axis.WALL)
