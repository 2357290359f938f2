"""The end of a connection that is here: a thread a box, and their pages in the screen's snapshot.

A run of a box has the id `BOX:RUN` here. Its clock may be `ahead` of this one, in microseconds;
moments in fields of records are moved where they are decoded (`box_wire.MOMENTS`), positions on the
axis of the wall clock here. A box that does not answer keeps its last list, and is tried again with
exponential backoff.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, TypeVar

from trainui import clock
from trainui.control import box_runs, boxes
from trainui.control.boxes import Box, BoxConnection, BoxError
from trainui.errors import TrainuiError
from trainui.model.headline_metric import ComparedMetric, words_of
from trainui.model.states import UNFINISHED
from trainui.record import dataclass
from trainui.store.points.plot_points import Axis
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui import box_wire
from trainui.tui.curve_data import (
    Candidate,
    Chart,
    Curves,
    CurvesWanted,
    PlotLine,
    PlotOptions,
)
from trainui.tui.log_window import LogWindow, WindowQuery
from trainui.tui.numbers import clock_time, when
from trainui.tui.readers.poller import Poller
from trainui.tui.snapshot import (
    Health,
    HistoryQuery,
    ListedMetrics,
    ListQuery,
    MachineQuery,
    MetricQuery,
    Query,
    RunQuery,
    Snapshot,
    is_same_page,
    metric_title,
)

FIRST_DELAY, LAST_DELAY = 1.0, 60.0
"""Seconds until a lost box is tried again: at first, and at most; doubled each time."""

LIST_PERIOD = 30.0
"""Seconds between two lists of a box whose trainui speaks another version of the protocol."""

COMMAND_TIMEOUT = 60.0
"""Seconds in which a box has to carry out a command."""

LATE = 1.0
"""Seconds after which a page says that a box has not answered yet what it was sent."""

KEPT_PERIOD = 60.0
"""Seconds between two notes of a box's list, for the time when it does not answer."""

log = logging.getLogger(__name__)


class BoxFeed:
    """Reads one box in a thread."""

    def __init__(self, box: Box, changed: Callable[[BoxFeed], None]) -> None:
        """Create it; `changed` is called in the thread after each change."""
        self.box = box
        self.snapshot: Snapshot | None = None
        """The page as it was read last, with the ids and the clock of here; None: not yet."""
        self.listed: Snapshot | None = None
        """The list as it was read last; a page does not replace it."""
        self.problem = ""
        """Why it does not answer; empty: it does, or is being reached for the first time."""
        self.seen_at: int | None = None
        self.can_open = True
        """False if the trainui there speaks another version of the protocol."""
        self._changed = changed
        self._query: Query = ListQuery()
        self._connection: BoxConnection | None = None
        self._ssh: BoxConnection | None = None
        """The connection from its beginning on, before the box has greeted."""
        self._page: dict[str, Any] = {}
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        self._log: _LogRequest | None = None
        self._delay = FIRST_DELAY
        self._answers: dict[int, _Answer] = {}
        self._kept_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"box {box.name}", daemon=True)
        self.seen_at, known = box_runs.known(box.name)
        if known:
            runs = tuple(box_runs.as_line(one, box.name, self.seen_at) for one in known)
            self.listed = Snapshot(ListQuery(), runs=runs)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end the connection and itself; `join` waits for it."""
        self._stopping.set()
        if (connection := self._ssh) is not None:
            connection.end()

    def _begin(self, connection: BoxConnection) -> None:
        self._ssh = connection
        if self._stopping.is_set():  # meanwhile
            connection.end()

    def close(self, why: str) -> None:
        """Show nothing of the box any more, for this reason, and end the connection."""
        self.stop()
        self.problem, self.snapshot, self.listed = why, None, None
        self._changed(self)

    def join(self) -> None:
        """Wait for the thread, a moment at most."""
        if self._thread.is_alive():
            self._thread.join(2.0)

    @property
    def is_closed(self) -> bool:
        """True if it is not tried again."""
        return self._stopping.is_set()

    @property
    def why_closed(self) -> str:
        """Why nothing of the box can be opened or done now; empty: it can."""
        if self.problem or self.can_open:
            return self.problem
        where = f"`ssh -t {self.box.host} trainui` opens its own screen"
        return f"{self.box.name} has another version of trainui; {where}"

    @property
    def clock_difference(self) -> int:
        """Microseconds by which the box's clock is ahead; 0 while it is not known."""
        connection = self._connection
        return 0 if connection is None else connection.clock_difference

    def set_query(self, query: Query) -> None:
        """Read for a page."""
        if query != self._query:
            self._query = query
            self._watch()

    def _watch(self) -> None:
        query = query_there(self._query, self.box.name, self.clock_difference)
        shown = {} if self._connection is None else {"clock": self._connection.shown_clock}
        self._send(do="watch", query=box_wire.to_data(query, Query), **shown)

    def read_log(
        self, query: WindowQuery | None, deliver: Callable[[LogWindow], object] | None
    ) -> None:
        """Read a window of a log, and again as it grows; without a query, stop that."""
        number = next(self._numbers)
        if query is None or deliver is None:
            self._log = None
            self._send(id=number, do="log")
            return
        self._log = _LogRequest(number, query, deliver)
        self._send_log(self._log)

    def _send_log(self, request: _LogRequest) -> None:
        query = box_wire.to_data(self._there(request.query), WindowQuery)
        self._send(id=request.number, do="log", query=query)

    def _there(self, query: WindowQuery) -> WindowQuery:
        """Return a query with the box's clock."""
        destination = query.destination
        if destination.kind != "time":
            return query
        ahead = self.clock_difference / clock.SECOND
        return replace(query, destination=replace(destination, number=destination.number + ahead))

    def call(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Do one of `run_actions` there; return its result.

        Raises:
            BoxError: the box does not answer, or answers what does not fit.
            TrainuiError: the action failed.
        """
        answer = self._asked(**box_wire.call_request(action, arguments))
        return box_wire.call_result(self.box, action, answer, self.clock_difference)

    def _asked(self, **request: Any) -> Mapping[str, Any]:
        """Send a request; return its answer."""
        if self.why_closed:
            raise BoxError(self.why_closed)
        number, answer = next(self._numbers), _Answer()
        self._answers[number] = answer
        try:
            if not self._send(id=number, **request):
                raise BoxError(self.problem or f"{self.box.name} does not answer yet")
            if not answer.done.wait(LATE):
                answer.is_late = True
                self._changed(self)
                if not answer.done.wait(COMMAND_TIMEOUT - LATE):
                    raise BoxError(
                        f"{self.box.name} has not answered for {COMMAND_TIMEOUT:g} s; it may still "
                        "do what it was sent: look at the run when it answers"
                    )
        finally:
            del self._answers[number]
            if answer.is_late:
                self._changed(self)
        if answer.message is None:
            raise BoxError(f"{self.box.name}: the connection was lost; see whether it was done")
        return answer.message

    @property
    def late_words(self) -> str:
        """That an answer is late; empty: none is."""
        late = [one.sent_at for one in list(self._answers.values()) if one.is_late]
        if not late:
            return ""
        sent = f"what was sent to {self.box.name} at {clock_time(max(late))}"
        return f"{sent} has no answer yet; it is waited for {COMMAND_TIMEOUT:g} s at most"

    def _send(self, **request: Any) -> bool:
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.send(**request)
        except BoxError:  # the thread notices it too
            return False
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with boxes.connected(self.box, begun=self._begin) as connection:
                    self._connection, self.problem, self._page = connection, "", {}
                    self._serve(connection)
                    self._delay = FIRST_DELAY
            except box_wire.WireError as error:
                what = f"{self.box.name} sent what does not fit ({error})"
                self._note(f"{what}; update trainui there, or here")
            except TrainuiError as error:
                self._note(str(error))
            except Exception as error:
                log.exception("reading the box %s failed", self.box.name)
                self._note(f"{self.box.name}: {type(error).__name__}; see the log")
            if self._connection is not None and self._connection.heard_at is not None:
                self.seen_at = self._connection.heard_at
            self._connection = None
            for answer in list(self._answers.values()):
                answer.done.set()
            if self._stopping.is_set():
                return
            self._lose()
            self._stopping.wait(self._delay)
            self._delay = min(2 * self._delay, LAST_DELAY)

    def _note(self, problem: str) -> None:
        if not self.is_closed:
            self.problem = problem

    def _lose(self) -> None:
        """Keep the last list, marked with its age, without times to go: none is known."""
        if self.listed is not None:
            self._keep(self.listed.runs)
            runs = tuple(run._replace(seen_at=self.seen_at or 0) for run in self.listed.runs)
            self.listed = self.listed._replace(runs=runs, endings={})
        self._changed(self)

    def _keep(self, runs: Sequence[RunLine]) -> None:
        if self.seen_at is not None:
            box_runs.keep(
                self.box.name, [box_runs.as_row(run, self.seen_at) for run in runs], self.seen_at
            )

    def _serve(self, connection: BoxConnection) -> None:
        self.can_open = connection.is_current
        if not self.can_open:
            self._list_only(connection)
            return
        self._watch()
        if self._log is not None:
            self._log = self._log.again()
            self._send_log(self._log)
        for message in boxes.messages(connection):
            self.seen_at = clock.now()
            if "page" in message:
                self._take_page(message["page"], connection.clock_difference)
            elif "window" in message:
                self._take_window(message, connection.clock_difference)
            elif (answer := self._answers.get(message.get("id", 0))) is not None:
                answer.take(message)
            elif "error" in message:
                self.problem = f"{self.box.name}: {harmless(str(message['error']))}"
                self._changed(self)

    def _take_page(self, change: Any, ahead: int) -> None:
        self._page = box_wire.patched(self._page, change)
        found = box_wire.from_data(self._page, Snapshot, ahead)
        found = snapshot_here(found, self.box.name, ahead)
        if self.is_closed:  # meanwhile, for good
            return
        self.problem = "" if found.problem is None else f"{self.box.name}: {found.problem}"
        self.snapshot, self._delay = found, FIRST_DELAY
        if isinstance(found.query, ListQuery) and found.problem is None:
            self.listed = found
            if time.monotonic() - self._kept_at > KEPT_PERIOD:
                self._kept_at = time.monotonic()
                self._keep(found.runs)
        self._changed(self)

    def _take_window(self, message: Mapping[str, Any], ahead: int) -> None:
        wanted = self._log
        if wanted is None or message.get("id") != wanted.number:
            return
        wanted.window = box_wire.patched(wanted.window, message["window"])
        window: LogWindow = box_wire.from_data(wanted.window, LogWindow, ahead)
        wanted.deliver(replace(window, query=wanted.query))

    def _list_only(self, connection: BoxConnection) -> None:
        """Ask for the list again and again, of a trainui of another version."""
        while not self._stopping.is_set():
            runs = box_runs.list_over(connection, [f"-n{box_runs.MOST_RUNS}"])
            self.seen_at = clock.now()
            lines = tuple(box_runs.as_line(one, self.box.name, None) for one in runs)
            self.listed, self._delay = Snapshot(ListQuery(), runs=lines), FIRST_DELAY
            self._changed(self)
            self._stopping.wait(LIST_PERIOD)


@dataclass(slots=True)
class _LogRequest:
    """A log that is read, and its window as far as it came."""

    number: int
    query: WindowQuery
    deliver: Callable[[LogWindow], object]
    window: dict[str, Any] = field(default_factory=dict)

    def again(self) -> _LogRequest:
        """Return the request for a new connection."""
        return _LogRequest(self.number, self.query, self.deliver)


class _Answer:
    """The answer to a request, once it is there."""

    def __init__(self) -> None:
        self.sent_at = clock.now()
        self.is_late = False
        """True if the page says that it is waited for."""
        self.message: Mapping[str, Any] | None = None
        self.done = threading.Event()

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the message, and wake who waits for it."""
        self.message = message
        self.done.set()


class Feeds:
    """The boxes beside the poller of this machine's home."""

    def __init__(self, deliver: Callable[[Snapshot], object], poller: Poller) -> None:
        """Create it; `deliver` takes the snapshots of both as one, in any thread."""
        self._deliver = deliver
        self._poller = poller
        self._local: Snapshot | None = None
        self._lock = threading.Lock()
        known = boxes.all_boxes()
        self._boxes = {name: BoxFeed(box, self._take_box) for name, box in known.items()}
        self._query: Query | None = None
        self._open: str | None = None
        """The box of the open page; None: the page is of here, or the list."""

    def start(self) -> None:
        """Start a thread for each box."""
        for feed in self._boxes.values():
            feed.start()

    def stop(self) -> None:
        """Stop the threads."""
        for feed in self._boxes.values():
            feed.stop()
        for feed in self._boxes.values():
            feed.join()

    def close_culprits(self, draw: Callable[[Snapshot], object]) -> bool:
        """Close the boxes whose data cannot be drawn; return True if there are any."""
        if (feed := self._boxes.get(self._open or "")) is not None:
            found = [feed]
        else:
            found = [one for one in self._boxes.values() if not self._can_be_drawn(one, draw)]
        for one in found:
            one.close(
                f"{one.box.name} sent what cannot be drawn, and is left out; the log says more"
            )
        if feed is not None and self._query is not None:
            self._deliver(Snapshot(self._query, problem=feed.problem))
        return bool(found)

    def _can_be_drawn(self, feed: BoxFeed, draw: Callable[[Snapshot], object]) -> bool:
        if self._local is None or not isinstance(self._local.query, ListQuery):
            return True
        try:
            draw(merged(self._local, [feed]))
        except Exception:  # whatever is wrong with it
            return False
        return True

    @property
    def all(self) -> list[BoxFeed]:
        """The feeds of all boxes."""
        return list(self._boxes.values())

    def feed(self, run_id: str) -> BoxFeed | None:
        """Return the feed of a run's box; None: the run is of here."""
        return self._boxes.get(run_id.partition(":")[0]) if ":" in run_id else None

    def set_query(self, query: Query) -> None:
        """Read for a page: of a box's run there, of all boxes for the list and the machines."""
        if query == self._query:
            return
        self._query = query
        feed = self.feed(query.run_id) if isinstance(query, OfRun) else None
        self._open = None if feed is None else feed.box.name
        if feed is not None and isinstance(query, OfRun):
            feed.set_query(query)
            found = _page_of(feed)
            if feed.why_closed and (found is None or not is_same_page(found.query, query)):
                self._deliver(Snapshot(query, problem=feed.why_closed))
            elif found is not None and (feed.why_closed or found.query == query):
                self._deliver(found)
            return
        self._poller.set_query(query)
        if isinstance(query, ListQuery | MachineQuery):
            for one in self._boxes.values():
                one.set_query(query)

    def take_local(self, snapshot: Snapshot) -> None:
        """Take what the poller has read."""
        self._local = snapshot
        if self._open is None:
            self._deliver_merged()

    def _take_box(self, feed: BoxFeed) -> None:
        if self._open is None:
            self._deliver_merged()
        elif self._open == feed.box.name:
            found = _page_of(feed)
            if found is not None and isinstance(found.query, OfRun):
                self._deliver(found)
            elif feed.why_closed and self._query is not None:
                self._deliver(Snapshot(self._query, problem=feed.why_closed))

    def _deliver_merged(self) -> None:
        with self._lock:
            local = self._local
            if local is None:
                return
            feeds = list(self._boxes.values())
            if isinstance(local.query, ListQuery):
                local = merged(local, feeds)
            elif isinstance(local.query, MachineQuery):
                local = _with_gpus(local, [one.listed for one in feeds if one.listed])
            self._deliver(local)


def _page_of(feed: BoxFeed) -> Snapshot | None:
    """Return the page as it was read last; of a box that does not answer, with when it was heard.

    Why it does not is all known of its health, and no time to go is known.
    """
    found = feed.snapshot
    if found is None:
        return None
    if not feed.problem:
        late = tuple(filter(None, (feed.late_words,)))
        return found._replace(health=found.health._replace(away=late)) if late else found
    page, seen_at = found.page, feed.seen_at
    if page is not None:
        page = page._replace(seen_at=seen_at, eta=None)
    past = (one._replace(run=one.run._replace(seen_at=seen_at)) for one in found.history)
    away = Health(away=(_trouble_of(feed),))
    return found._replace(page=page, history=tuple(past), health=away)


def _trouble_of(feed: BoxFeed) -> str:
    """Return why a box does not answer, or why nothing starts there; empty: all is well."""
    found = feed.listed
    if feed.is_closed:
        return feed.problem
    if feed.problem:
        name, known = feed.box.name, ""
        if feed.seen_at is not None:
            known = f" (last seen {when(feed.seen_at)})"
        why = feed.problem.removeprefix(name)
        return f"{name}{known}{why}; it is tried again, and what is known of it is shown"
    if late := feed.late_words:
        return late
    if found is None:
        return ""
    waits = any(run.status in UNFINISHED and not run.is_external for run in found.runs)
    if not (found.health.trouble and waits):
        return ""
    return f"{feed.box.name}: {found.health.trouble}: nothing new starts there; a resume starts it"


def merged(local: Snapshot, feeds: Sequence[BoxFeed]) -> Snapshot:
    """Return the list of here and of the boxes as one, newest first."""
    found = [one.listed for one in feeds if one.listed is not None]
    if away := tuple(filter(None, map(_trouble_of, feeds))):
        local = local._replace(health=local.health._replace(away=away))
    if not found:
        return local
    every = _spelled_alike([local, *found])
    runs = [run for one in every for run in one.runs]
    runs.sort(key=lambda run: -run.created_at)
    metrics = dict(local.metrics)
    for one in every[1:]:
        for name, values in one.metrics.items():
            known = metrics.get(name)
            joined = (
                values
                if known is None
                else known._replace(values={**known.values, **values.values})
            )
            metrics[name] = joined
    titles = {title: metric for one in every for title, metric in one.listed.titles.items()}
    return _with_gpus(local, found)._replace(
        runs=tuple(runs),
        no_runs_yet=local.no_runs_yet and not runs,
        loading=any(one.loading for one in every),
        older=sum(one.older for one in found),
        endings={key: value for one in every for key, value in one.endings.items()},
        live={key: value for one in every for key, value in one.live.items()},
        details={key: value for one in every for key, value in one.details.items()},
        metrics=metrics,
        listed=ListedMetrics(
            titles,
            tuple(dict.fromkeys(title for one in every for title in one.listed.columns)),
            max(one.listed.member for one in every),
            max(one.listed.gpus for one in every),
            any(one.listed.has_steps for one in every),
        ),
    )


def _spelled_alike(lists: Sequence[Snapshot]) -> list[Snapshot]:
    """Return lists in which a metric has the name of the first list that has it.

    One machine's trainings may print `val_loss`, another's `val/loss`: that is one column.
    """
    names: dict[tuple[str, ...], str] = {}

    def spelled(metric: ComparedMetric) -> ComparedMetric:
        return metric._replace(name=names.setdefault(words_of(metric.name), metric.name))

    def renamed(found: Snapshot) -> Snapshot:
        own = found.listed.titles
        titles = {title: metric_title(spelled(metric)) for title, metric in own.items()}
        listed = found.listed._replace(
            titles={titles[title]: spelled(metric) for title, metric in own.items()},
            columns=tuple(titles.get(title, title) for title in found.listed.columns),
        )
        live = {
            run_id: one if one.metric is None else one._replace(metric=spelled(one.metric))
            for run_id, one in found.live.items()
        }
        return found._replace(listed=listed, live=live)

    return [renamed(one) for one in lists]


def _with_gpus(local: Snapshot, found: Sequence[Snapshot]) -> Snapshot:
    uses = {place: use for one in (local, *found) for place, use in one.gpu_uses.items()}
    far = (*local.far_gpus, *(gpu for one in found for gpu in one.gpus))
    return local._replace(far_gpus=far, gpu_uses=uses)


class BoxLogReader:
    """Answers log queries of one box, like `LogReaderThread` those of here."""

    def __init__(self, feed: BoxFeed, deliver: Callable[[LogWindow], object]) -> None:
        self._feed = feed
        self._deliver = deliver

    def set_query(self, query: WindowQuery | None) -> None:
        """Change the query."""
        self._feed.read_log(query, self._deliver)

    def stop(self) -> None:
        """Stop reading."""
        self._feed.read_log(None, None)


OfRun = RunQuery | MetricQuery | HistoryQuery
"""The queries of a run's pages."""

Value = TypeVar("Value")

Ids = Callable[[str], str]


def query_there(query: Query, box: str, ahead: int) -> Query:
    """Return a query with the ids and the clock of a box; what is of others is left out."""
    if isinstance(query, MachineQuery):
        return ListQuery()
    if isinstance(query, ListQuery):
        return replace(query, rows=_of_box(query.rows, box), listed=_of_box(query.listed, box))
    query = replace(query, run_id=query.run_id.partition(":")[2])
    if isinstance(query, HistoryQuery) or query.curves is None:
        return query
    runs = _of_box(query.curves.compared.runs, box)
    return replace(query, curves=_wanted(query.curves, runs, ahead))


def _of_box(run_ids: Sequence[str], box: str) -> tuple[str, ...]:
    return tuple(one.partition(":")[2] for one in run_ids if one.startswith(f"{box}:"))


def _wanted(wanted: CurvesWanted, runs: Sequence[str], ahead: int) -> CurvesWanted:
    """Return what is wanted with other ids of compared runs, and with moved moments."""
    compared = replace(wanted.compared, runs=tuple(runs))
    return replace(wanted, compared=compared, view=_options(wanted.view, ahead))


def _options(view: PlotOptions, ahead: int) -> PlotOptions:
    convert = None if view.convert is None else _options(view.convert, ahead)
    if view.axis != Axis.WALL:
        return replace(view, convert=convert)
    by = ahead / clock.SECOND
    window = None if view.window is None else (view.window[0] + by, view.window[1] + by)
    cursor = None if view.cursor is None else view.cursor + by
    return replace(view, convert=convert, window=window, cursor=cursor)


def snapshot_here(snapshot: Snapshot, box: str, ahead: int) -> Snapshot:
    """Return a box's snapshot with the ids and the clock of here."""

    def named(run_id: str) -> str:
        return f"{box}:{run_id}"

    def keyed(by_run: Mapping[str, Value]) -> dict[str, Value]:
        return {named(run_id): value for run_id, value in by_run.items()}

    def line(run: RunLine) -> RunLine:
        return run._replace(id=named(run.id), box=box)

    query, page, curves = snapshot.query, snapshot.page, snapshot.curves_page
    if isinstance(query, OfRun):
        query = replace(query, run_id=named(query.run_id))
    if isinstance(query, RunQuery | MetricQuery) and query.curves is not None:
        runs = [named(one) for one in query.curves.compared.runs]
        query = replace(query, curves=_wanted(query.curves, runs, -ahead))
    if page is not None:
        detail = page.detail
        if detail is not None and detail.curves is not None:
            detail = detail._replace(curves=_curves(detail.curves, named, ahead))
        tries = {
            stage: tuple(
                (begin - ahead, None if end is None else end - ahead) for begin, end in some
            )
            for stage, some in page.tries.items()
        }
        run = page.run._replace(id=named(page.run.id))
        page = page._replace(run=run, detail=detail, tries=tries)
    if curves is not None:
        run = curves.run._replace(id=named(curves.run.id))
        curves = curves._replace(run=run, curves=_curves(curves.curves, named, ahead))
    health = snapshot.health
    if health.remedy:
        health = health._replace(remedy=f"on {box}: {health.remedy}")
    if health.low_disk is not None:
        health = health._replace(low_disk=f"{box}: {health.low_disk}")
    return snapshot._replace(
        query=query,
        health=health,
        runs=tuple(map(line, snapshot.runs)),
        history=tuple(one._replace(run=line(one.run)) for one in snapshot.history),
        endings=keyed(snapshot.endings),
        live=keyed(snapshot.live),
        details=keyed(snapshot.details),
        metrics={
            name: found._replace(values=keyed(found.values))
            for name, found in snapshot.metrics.items()
        },
        page=page,
        curves_page=curves,
        gpus=tuple(replace(gpu, host=box) for gpu in snapshot.gpus),
        gpu_uses={(box, index): use for (_, index), use in snapshot.gpu_uses.items()},
    )


def _curves(curves: Curves, named: Ids, ahead: int) -> Curves:
    wanted, converted = curves.wanted, curves.converted
    charts = curves.charts
    if ahead and wanted.view.axis == Axis.WALL:
        charts = tuple(_chart(one, -ahead / clock.SECOND) for one in charts)
    return replace(
        curves,
        wanted=_wanted(wanted, [named(one) for one in wanted.compared.runs], -ahead),
        charts=charts,
        candidates=tuple(_candidate(one, named) for one in curves.candidates),
        converted=None if converted is None else _options(converted, -ahead),
    )


def _candidate(one: Candidate, named: Ids) -> Candidate:
    if not one.series.run:
        return one
    return one._replace(series=replace(one.series, run=named(one.series.run)))


def _chart(chart: Chart, by: float) -> Chart:
    if not chart.lines:  # its ends are no moments
        return chart
    first, last = chart.extent
    return replace(
        chart,
        low=chart.low + by,
        high=chart.high + by,
        extent=(first + by, last + by),
        lines=tuple(_line(one, by) for one in chart.lines),
        annotations=tuple(replace(one, x=one.x + by) for one in chart.annotations),
    )


def _line(line: PlotLine, by: float) -> PlotLine:
    best = line.best
    return replace(
        line,
        at=tuple(x + by for x in line.at),
        boundaries=tuple((x + by, number) for x, number in line.boundaries),
        end=line.end + by,
        best=None if best is None else (best[0], best[1], best[2] + by),
    )
