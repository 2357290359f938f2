"""All key bindings in one table, from which bindings, footer, help and palette are made.

A binding has an id, by which `[keys]` in config.toml remaps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from textual.binding import Binding
from textual.keys import format_key


class Key(NamedTuple):
    """A key binding: its keys, its action, its scope and its texts."""

    id: str
    """`SCOPE.ACTION`; stable, since config.toml refers to it."""
    keys: str
    """Textual's names for the keys, separated by commas."""
    label: str
    """A short label for the footer."""
    tooltip: str
    """A description for the help and the command palette."""
    action: str
    """The Textual action that it runs, on the widget, the screen or the app."""
    footer: bool = False
    """True if the footer shows it."""
    command: bool = True
    """True if the command palette lists it."""
    priority: bool = False
    """True if it is handled before the focused widget sees the key."""

    @property
    def scope(self) -> str:
        """The scope in which it works."""
        return self.id.partition(".")[0]

    @property
    def shown(self) -> str:
        """The keys as shown to the user."""
        return " ".join(_shown(key) for key in self.keys.split(","))

    @property
    def short(self) -> str:
        """The first key as shown to the user."""
        return _shown(self.keys.split(",")[0])


SCOPES: Mapping[str, str] = {
    "app": "Everywhere",
    "move": "Navigation",
    "search": "Search",
    "acting": "Actions on a run",
    "runs": "Run list",
    "run": "Run page",
    "stages": "Stages",
    "metrics": "Curves pane",
    "curves": "Curves",
    "plot": "Metric page",
    "compare": "Choosing curves to compare",
    "log": "Log",
    "machine": "Machine page",
    "digest": "Digest",
    "history": "History of a pipeline",
    "plan": "Resume plan",
    "edit": "Editing a run",
    "ask": "Confirmation",
    "note": "Writing a note",
}
"""The scopes and their headings in the help."""

KEY_TABLE = """
runs.open           enter         open           open            F   Open the run
machine.open        enter         open           open            F   Open the run that uses the GPU
machine.back        escape        back           back            FH  Go back
digest.open         enter         do it          open            F   Do what the line says
digest.back         escape        back           back            FH  Go back
history.open        enter         open           open            F   Open the run
history.back        escape        back           back            FH  Go back
history.left        left,h        earlier run    run(-1)         -   Go to the run before
history.right       right,l       later run      run(1)          -   Go to the next run
stages.open         enter         open           open            F   Go to the stage's details
stages.upstream     left,h        upstream       upstream        -   Go to a dependency
stages.downstream   right,l       downstream     downstream      -   Go to a dependent stage
metrics.open        enter         open           open            F   Open the metric on its own page
metrics.left        left,h        left           beside(-1)      -   Go to the plot at the left
metrics.right       right,l       right          beside(1)       -   Go to the plot at the right
plot.left           left,h        cursor left    point(-1)  -  Move the cursor to the previous point
plot.right          right,l       cursor right   point(1)  F  Move the cursor to the next point
curves.left  left_parenthesis  cursor left  point(-1)  -  Move the cursor to the previous point
curves.right  right_parenthesis  cursor right  point(1)  F  Move the cursor to the next point
curves.compare  c  compare  compare  F  Choose what to compare with: attempts, members, runs
curves.band         B             band  band  -  Show the sweep as one band, or this stage alone
curves.fold         f             average        fold  -  Cycle what curves are averaged over
curves.smooth       m             smooth         smooth  F  Cycle the smoothing: none to strongest
curves.axis         a             axis           axis  F  Cycle the x axis: steps, epochs, time
curves.log          y             log  log_scale  F  Switch the y axis between linear and log scale
curves.zoom_in      plus,equals_sign  zoom       magnify(1)      F   Zoom in
curves.zoom_out     minus         zoom out       magnify(-1)     -   Zoom out
curves.whole        0             all            whole  -  Show the whole x axis and hide the cursor
curves.log_x        X             log x  log_x  -  Switch the x axis between linear and log scale
curves.reset        D             defaults  defaults  -  Reset all plot options and the comparison
plot.next_metric  right_curly_bracket  next metric  metric(1)  F  Show the next metric
plot.previous_metric  left_curly_bracket  last metric  metric(-1)  -  Show the previous metric
plot.next_line      tab           highlight      highlight(1)    -   Highlight the next line
plot.previous_line  shift+tab     previous line  highlight(-1)   -   Highlight the previous line
plot.seeds  S  more seeds  seeds  -  Start the seeds that would tell two configurations apart
compare.choose      space         choose         choose          F   Choose or remove a curve
compare.all         a             all            all             F  Choose all curves shown, or none
compare.best        b             best five      best            F  Draw the five best curves alone
compare.only        o             only this      only            F  Draw only this curve
compare.none        0             none           none            F  Remove all other curves
compare.fold        f             fold           fold  F  Cycle the parameter to average over
compare.leave       enter         plot           back            F   Show the curves
compare.back        escape        back           end_filter  H  Clear the filter, or show the curves
curves.pan_left     less_than_sign,shift+left  pan left  pan(-1)  -  Pan to earlier values
curves.pan_right    greater_than_sign,shift+right  pan right  pan(1)  -  Pan to later values
curves.best         b             best           best  -  Move the cursor to the best value
curves.pin          space         pin            pin             F   Pin or unpin this metric
stages.fold         F             fold           fold  -  Fold or unfold the members of a sweep
log.follow          f             follow         follow  F  Follow the log's end, or stop following
log.wrap            w             wrap           wrap            -   Wrap or truncate long lines
log.error           E             error  error  F  Go to the last error, then to earlier ones
log.filter          ampersand     only matches   filter  -  Show only matching lines, or all lines
log.times           t             times          times           F   Show or hide timestamps
runs.mark           space         mark  mark  F  Mark or unmark the run; actions apply to all marked
runs.mark_all       A             mark all       mark_all        -   Mark all matching runs, or none
runs.compare        c             compare        compare  F  Compare the curves of the marked runs
runs.diff  D  diff  diff  -  Compare two marked runs, or a run with its files
acting.resume       r             resume         resume  F  Resume the run (shows the plan first)
acting.edit         e             edit           edit  F  Edit parameters and resume with them
acting.prepared      P  prepared edit  prepared  -  Edit as a failure's cause suggests, and resume
acting.cancel       x  cancel  cancel  F  Cancel (shows what would be lost and asks first)
search.start        slash         search         search  FP  Filter or search the focused pane
app.run_file        u             run a file     app.run_file  F  Choose a pipeline file and run it
runs.digest  W  digest  digest  F  Show what happened since a screen was last open
runs.sort           s             sort           sort            F   Sort by the next column
acting.rerun        R             rerun  rerun  F  Rerun the stage, alone or with its dependants
acting.raise        right_square_bracket  sooner  priority(1)    -   Raise the run's priority
acting.lower        left_square_bracket  later   priority(-1)    -   Lower the run's priority
acting.remove       delete        delete  remove  -  Delete the run and its files (asks first)
run.details         d             details        details  -  Show or hide times, ids and paths
run.copy_command    C             command        copy_command    -   Copy the command for a shell
acting.note         i             note           note  -  Write a note on the run
acting.verdict      V             verdict        verdict  -  Keep or discard the run: its verdict
acting.history      O  outcomes  history  -  Show the outcomes of the pipeline's last runs
acting.copy         Y             copy           copy  -  Copy the run's report as Markdown (OSC 52)
runs.reverse        S             reverse        reverse         -   Reverse the sort order
run.sort            s  sort sweep  sort_sweep  -  Sort the sweep by best or last smoothed values
run.logs            L             log            logs            -   Show only the log, or all panes
run.stacks  H  stacks  stacks  -  Show what the stage's processes are doing: their Python stacks
run.stream          o             stdout/stderr  stream          -   Show stdout, stderr or both
run.maximise        z   maximise   maximise   F   Maximise the pane, or show all panes
run.pane_1          1             stages         pane(1)         -   Go to the stages
run.pane_2          2             overview       pane(2)         -   Go to the overview
run.pane_3          3             curves         pane(3)         -   Go to the curves
run.pane_4          4             log            pane(4)         -   Go to the log
run.pane_5          5             parameters     pane(5)         -   Go to the stage's parameters
run.pane_6          6             outputs        pane(6)         -   Go to the stage's output files
run.pane_7          7             events         pane(7)         -   Go to the stage's events
run.attempt_before  comma  earlier  attempt(-1)  -  Show the attempt before, with its curves and log
run.attempt_after   full_stop     later attempt  attempt(1)      -   Show the next attempt
run.next_pane       tab           next pane      app.focus_next  H   Go to the next pane
run.previous_pane   shift+tab     previous pane  app.focus_previous  H  Go to the previous pane
search.next         n             next match     match(1)        -   Go to the next match
search.previous     N             previous match  match(-1)      -   Go to the previous match
app.pause           p             pause          app.pause       -   Pause or resume the queue
app.theme  T  theme  app.next_theme  -  Next theme: dark, light, colour-blind, 16 or no colours
app.hide_warning  exclamation_mark  hide warning  app.hide_warning  -  Hide the warning shown
app.rate            ctrl+r        rate           app.rate        -   Show terminal bandwidth
app.machine         M  machine  app.machine  -  Show the machine: GPUs, CPUs, memory, disks
app.palette         colon,ctrl+p  palette        app.command_palette  H  Open the command palette
app.help            question_mark  help          app.help        F   Show the keys
app.leave           q             quit           app.leave       F   Close the screen; runs continue
app.interrupt       ctrl+c        quit           app.leave       HP  Close the screen; runs continue
run.back            escape        back           back            H   Go back
runs.back           escape        back           back            H   Clear the filter and the marks
move.up             up,k          up             line(-1)        H   Move one line up
move.down           down,j        down           line(1)         H   Move one line down
move.half_up        ctrl+u        half a page up  half_page(-1)  H   Move half a page up
move.half_down      ctrl+d        half a page down  half_page(1)  H  Move half a page down
move.page_up        pageup        a page up      half_page(-2)   H   Move a page up
move.page_down      pagedown      a page down    half_page(2)    H   Move a page down
move.top            g,home        first          end(-1)         H   Go to the first line
move.bottom         G,end         last           end(1)          H   Go to the last line
edit.plan           enter,f2      preview        plan  H  Preview the plan with these values
edit.next           tab,down      next value     app.focus_next  H   Go to the next value
edit.previous       shift+tab,up  previous value  app.focus_previous  H  Go to the previous value
edit.text           ctrl+e        open in $EDITOR  text  HP  Edit the whole pipeline file in $EDITOR
edit.leave          escape        cancel         dismiss(False)  H   Close without changes
plan.choose         y,enter       resume         choose          H   Resume with this plan
plan.file           f  file edits  other_file  H  Plan with the edited file, or as submitted
plan.keep  K  keep result  toggle_option('keep')  H  Keep the stage's result even if it has changed
plan.fresh          F  restart  toggle_option('fresh')  H  Restart the stage without a checkpoint
plan.until  U  run up to here  toggle_option('until')  H  Run only this stage and its dependencies
plan.leave          escape,n      cancel         dismiss(False)  H   Close without resuming
note.write          enter         write          write          H   Write the note
note.leave          escape        cancel         dismiss(False)  H   Close without a note
ask.up              up,k          up             line(-1)        H   Select the previous answer
ask.down            down,j        down           line(1)         H   Select the next answer
ask.choose          enter         confirm        choose          H   Confirm the selected answer
ask.leave           escape,n      close          dismiss(False)  H   Close without doing anything
"""
"""A line a key, in the order of the footer: id, keys, label, action, flags and description.

At least two spaces separate the fields. Flags: F if the footer shows it, H if the command palette
hides it, P if it has priority, - for none.
"""


def _parsed(table: str) -> Iterator[Key]:
    for line in table.strip().splitlines():
        key_id, keys, label, action, flags, tooltip = re.split(r" {2,}", line)
        yield Key(
            key_id, keys, label, tooltip, action, "F" in flags, "H" not in flags, "P" in flags
        )


KEYS: tuple[Key, ...] = tuple(_parsed(KEY_TABLE))
"""In the order of the footer."""

_NAMES = {
    **{"shift+left": "⇧←", "shift+right": "⇧→", "shift+tab": "⇧tab"},
    **{name: name for name in ("enter", "delete", "backspace")},
}
"""The keys that are shown otherwise than by Textual."""


def _shown(key: str) -> str:
    return _NAMES.get(key.strip()) or format_key(key.strip())


class KeyTable:
    """The key bindings in effect, with the user's remappings applied."""

    def __init__(self, remapped: Mapping[str, str] | None = None) -> None:
        """Apply new keys by binding id; unknown ids are ignored (see `unknown`)."""
        remapped = remapped or {}
        self.keys = tuple(
            key._replace(keys=remapped[key.id]) if key.id in remapped else key for key in KEYS
        )
        self.unknown = sorted(set(remapped) - {key.id for key in KEYS})
        """Remapped ids that no binding has."""

    def of(self, *scopes: str) -> list[Key]:
        """Return the bindings of the given scopes, scope by scope."""
        return [key for scope in scopes for key in self.keys if key.scope == scope]

    def footer(self, scopes: Iterable[str]) -> list[Key]:
        """Return the bindings that the footer shows for these scopes, the first of each action."""
        wanted = set(scopes)
        found = [key for key in self.keys if key.footer and key.scope in wanted]
        by_action = {key.action: key for key in reversed(found)}
        return [key for key in found if by_action[key.action] is key]

    def find(self, key_id: str) -> Key:
        """Return the binding with this id."""
        return next(key for key in self.keys if key.id == key_id)


def bindings(*scopes: str) -> Sequence[Binding]:
    """Return the Textual bindings for the given scopes or binding ids."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            id=key.id,
            tooltip=key.tooltip,
            show=key.footer,
            priority=key.priority,
        )
        for key in KEYS
        if key.scope in scopes or key.id in scopes
    ]
