"""The same stage in other runs, for a comparison; of another sweep, its best member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from trainui.domain.headline_metric import headline
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.formatting import short_id
from trainui.store.db.protocol import Connection
from trainui.store.read import headlines, stage_alerts, views
from trainui.store.read.headlines import ComparableStage
from trainui.text import harmless
from trainui.tui.data.curves import PlottedSeries
from trainui.tui.data.params import differing, params_of, shown_value
from trainui.tui.readers.curves.series import CurvesRequest
from trainui.tui.readers.stage_values import StageValues

MOST_RUNS = 200
"""Most other runs offered for a comparison, the newest ones."""


class OtherRuns:
    """Reads a stage's series in other runs, with a cache of the values of sweep members."""

    def __init__(self) -> None:
        self._values = StageValues()

    def read(
        self, request: CurvesRequest, runs: Sequence[str], names: Sequence[str]
    ) -> list[PlottedSeries]:
        """Return the same stage in some runs, the newest first.

        A run without a stage of that name contributes the stage that stands for it in the list, of
        those that have the metrics.
        """
        return self._series(request, _comparable(request, runs, names), names)

    def offered(self, request: CurvesRequest, names: Sequence[str]) -> list[PlottedSeries]:
        """Return the series of a metric in the runs that it can be compared with.

        They are the runs of the stage's pipeline, up to a number those of others that have one of
        the metrics `names`, those sought, and the chosen ones.
        """
        wanted, of = request.wanted, (request.connection, request.stage)
        metric = (wanted.names or ("",))[0]
        found = _comparable(request, (), [metric])
        if names and (room := MOST_RUNS - len(found)) > 0:
            found += headlines.comparable_elsewhere(*of, names, (), most=room)
        if names and (words := wanted.sought):
            found += headlines.comparable_elsewhere(*of, names, words, most=MOST_RUNS)
        known = {one.run_id for one in found}
        others = [run_id for run_id in wanted.compared.runs if run_id not in known]
        found += _comparable(request, others, [metric]) if others else []
        return self._series(request, list({one.run_id: one for one in found}.values()), [metric])

    def _series(
        self, request: CurvesRequest, found: Sequence[ComparableStage], names: Sequence[str]
    ) -> list[PlottedSeries]:
        connection, stage = request.connection, request.stage
        metric = headline(names, stage.definition.search) or names[0]
        shown = [
            one if one.name == stage.name else self._best_member(connection, one, metric)
            for one in found
        ]
        labels = _labels({one.run_id: (one.run_name, one.params_json) for one in shown})
        return [_series(one, labels[one.run_id], stage) for one in shown]

    def _best_member(
        self, connection: Connection, one: ComparableStage, metric: str
    ) -> ComparableStage:
        """Return the member with the best value if a stage is a sweep's, else the stage."""
        if "[" not in one.name:
            return one
        members = headlines.compared_stages(connection, metric, one.run_id).get(one.run_id, [])
        with_nan = stage_alerts.stages_with_nan(connection, [one.run_id]).get(one.run_id, ())
        search = headlines.search_of(connection, one.id)
        best = self._values.best(connection, members, metric, search, with_nan)
        if best is None:
            return one
        status = views.stage_status(connection, best[0].id) or one.status
        return one._replace(id=best[0].id, name=best[0].name, status=status)


def _comparable(
    request: CurvesRequest, runs: Sequence[str], names: Sequence[str]
) -> list[ComparableStage]:
    return headlines.comparable(request.connection, request.stage, runs, names, most=MOST_RUNS)


def _series(one: ComparableStage, label: str, stage: StageRecord) -> PlottedSeries:
    is_same = one.name == stage.name
    member = stage.definition.matrix or {} if is_same else {}
    return PlottedSeries(
        one.id,
        harmless(label if is_same else f"{label} › {one.name}"),
        0,
        own=one.id == stage.id,
        status=Status(one.status),
        params=tuple({**params_of(one.params_json), **member}.items()),
        run=one.run_id,
    )


def _labels(runs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return labels by run id: the name, the parameters that differ, and then the id."""
    labels = {}
    for run_id, (name, params) in runs.items():
        values = params_of(params)
        differ = differing(other for called, other in runs.values() if called == name)
        pairs = (f"{key}={shown_value(values[key])}" for key in differ if key in values)
        labels[run_id] = " ".join((name, *pairs))
    alike = Counter(labels.values())
    return {
        run_id: label if alike[label] == 1 else f"{label} {short_id(run_id)}"
        for run_id, label in labels.items()
    }
