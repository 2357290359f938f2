"""All key bindings in one table, from which bindings, footer, help and palette are made.

A binding has an id, by which `[keys]` in config.toml remaps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
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
    "plan": "Resume plan",
    "edit": "Editing a run",
    "ask": "Confirmation",
}
"""The scopes and their headings in the help."""

KEYS: tuple[Key, ...] = (
    Key("runs.open", "enter", "open", "Open the run", "open", footer=True),
    Key("machine.open", "enter", "open", "Open the run that uses the GPU", "open", footer=True),
    Key("machine.back", "escape", "back", "Go back", "back", footer=True, command=False),
    Key("stages.open", "enter", "panel", "Go to the stage's details", "open", footer=True),
    Key("stages.upstream", "left,h", "upstream", "Go to a dependency", "upstream"),
    Key(
        "stages.downstream",
        "right,l",
        "downstream",
        "Go to a dependent stage",
        "downstream",
    ),
    Key("metrics.open", "enter", "open", "Open the metric on its own page", "open", footer=True),
    Key(
        "curves.left", "left,h", "cursor left", "Move the cursor to the previous point", "point(-1)"
    ),
    Key("curves.right", "right,l", "cursor right", "Move the cursor to the next point", "point(1)"),
    Key(
        "curves.compare",
        "c",
        "compare",
        "Choose what to compare with: attempts, sweep members, runs",
        "compare",
        footer=True,
    ),
    Key("curves.band", "B", "band", "Show the sweep as one band, or this stage alone", "band"),
    Key(
        "curves.smooth",
        "m",
        "smooth",
        "Cycle the smoothing: none to strongest",
        "smooth",
        footer=True,
    ),
    Key(
        "curves.axis",
        "a",
        "axis",
        "Cycle the x axis: steps, epochs, time",
        "axis",
        footer=True,
    ),
    Key(
        "curves.log",
        "y",
        "log",
        "Switch the y axis between linear and log scale",
        "log_scale",
        footer=True,
    ),
    Key("curves.zoom_in", "plus,equals_sign", "zoom", "Zoom in", "magnify(1)", footer=True),
    Key("curves.zoom_out", "minus", "zoom out", "Zoom out", "magnify(-1)"),
    Key("curves.whole", "0", "all", "Show the whole x axis and hide the cursor", "whole"),
    Key("curves.log_x", "X", "log x", "Switch the x axis between linear and log scale", "log_x"),
    Key("curves.reset", "D", "defaults", "Reset all plot options and the comparison", "defaults"),
    Key("plot.next_line", "tab", "highlight", "Highlight the next line", "highlight(1)"),
    Key(
        "plot.previous_line",
        "shift+tab",
        "previous line",
        "Highlight the previous line",
        "highlight(-1)",
    ),
    Key("compare.choose", "space", "choose", "Choose or remove a curve", "choose", footer=True),
    Key("compare.all", "a", "all", "Choose all curves shown, or none", "all", footer=True),
    Key("compare.fold", "f", "fold", "Cycle the parameter to average over", "fold", footer=True),
    Key("compare.leave", "enter,escape", "plot", "Show the curves", "back", footer=True),
    Key(
        "curves.pan_left",
        "less_than_sign,shift+left",
        "pan left",
        "Pan to earlier values",
        "pan(-1)",
    ),
    Key(
        "curves.pan_right",
        "greater_than_sign,shift+right",
        "pan right",
        "Pan to later values",
        "pan(1)",
    ),
    Key("curves.best", "b", "best", "Move the cursor to the best value", "best"),
    Key("curves.pin", "space", "pin", "Pin or unpin this metric", "pin", footer=True),
    Key(
        "stages.fold",
        "F",
        "fold",
        "Fold or unfold the members of a sweep",
        "fold",
    ),
    Key(
        "log.follow",
        "f",
        "follow",
        "Follow the log's end, or stop following",
        "follow",
        footer=True,
    ),
    Key("log.wrap", "w", "wrap", "Wrap or truncate long lines", "wrap"),
    Key(
        "log.error",
        "E",
        "error",
        "Go to the last error, then to earlier ones",
        "error",
        footer=True,
    ),
    Key(
        "log.filter",
        "ampersand",
        "only matches",
        "Show only matching lines, or all lines",
        "filter",
    ),
    Key("log.times", "t", "times", "Show or hide timestamps", "times", footer=True),
    Key(
        "acting.resume",
        "r",
        "resume",
        "Resume the run (shows the plan first)",
        "resume",
        footer=True,
    ),
    Key(
        "acting.rerun",
        "R",
        "rerun",
        "Rerun the stage, alone or with its dependants",
        "rerun",
        footer=True,
    ),
    Key("acting.edit", "e", "edit", "Edit parameters and resume with them", "edit"),
    Key(
        "acting.cancel",
        "x",
        "cancel",
        "Cancel (shows what would be lost and asks first)",
        "cancel",
        footer=True,
    ),
    Key(
        "acting.raise",
        "right_square_bracket",
        "sooner",
        "Raise the run's priority",
        "raise",
    ),
    Key(
        "acting.lower",
        "left_square_bracket",
        "later",
        "Lower the run's priority",
        "lower",
    ),
    Key(
        "acting.remove",
        "delete",
        "delete",
        "Delete the run and its files (asks first)",
        "remove",
    ),
    Key(
        "run.copy_command",
        "C",
        "copy command",
        "Copy the stage's whole command for a shell (OSC 52)",
        "copy_command",
    ),
    Key("acting.copy", "Y", "copy", "Copy the run's report as Markdown (OSC 52)", "copy"),
    Key(
        "runs.mark",
        "space",
        "mark",
        "Mark or unmark the run; actions apply to all marked",
        "mark",
    ),
    Key("runs.compare", "c", "compare", "Compare the curves of the marked runs", "compare"),
    Key("runs.sort", "s", "sort", "Sort by the next column", "sort", footer=True),
    Key("runs.reverse", "S", "reverse", "Reverse the sort order", "reverse"),
    Key("run.logs", "L", "log", "Show only the log, or all panes", "logs"),
    Key("run.stream", "o", "stdout/stderr", "Show stdout, stderr or both", "stream"),
    Key(
        "run.maximise",
        "z",
        "maximise",
        "Maximise the pane, or show all panes",
        "zoom",
        footer=True,
    ),
    Key("run.pane_1", "1", "stages", "Go to the stages", "pane(1)"),
    Key("run.pane_2", "2", "overview", "Go to the overview", "pane(2)"),
    Key("run.pane_3", "3", "curves", "Go to the curves", "pane(3)"),
    Key("run.pane_4", "4", "log", "Go to the log", "pane(4)"),
    Key("run.pane_5", "5", "parameters", "Go to the stage's parameters", "pane(5)"),
    Key("run.pane_6", "6", "outputs", "Go to the stage's output files", "pane(6)"),
    Key("run.pane_7", "7", "events", "Go to the stage's events", "pane(7)"),
    Key(
        "run.attempt_before",
        "comma",
        "earlier attempt",
        "Show the previous attempt, with its curves and log",
        "attempt(-1)",
    ),
    Key("run.attempt_after", "full_stop", "later attempt", "Show the next attempt", "attempt(1)"),
    Key(
        "run.next_pane", "tab", "next pane", "Go to the next pane", "app.focus_next", command=False
    ),
    Key(
        "run.previous_pane",
        "shift+tab",
        "previous pane",
        "Go to the previous pane",
        "app.focus_previous",
        command=False,
    ),
    Key(
        "search.start",
        "slash",
        "search",
        "Filter or search the focused pane",
        "search",
        footer=True,
        priority=True,  # so that text typed right after it goes to the search bar
    ),
    Key("search.next", "n", "next match", "Go to the next match", "next_match"),
    Key("search.previous", "N", "previous match", "Go to the previous match", "previous_match"),
    Key(
        "app.run_file",
        "u",
        "run a file",
        "Choose a pipeline file and run it",
        "app.run_file",
        footer=True,
    ),
    Key(
        "app.pause",
        "p",
        "pause",
        "Pause or resume the queue",
        "app.pause",
    ),
    Key(
        "app.theme",
        "T",
        "theme",
        "Next theme: dark, light, colour-blind safe, 16 colours",
        "app.next_theme",
    ),
    Key("app.rate", "ctrl+r", "rate", "Show terminal bandwidth", "app.rate"),
    Key(
        "app.machine",
        "M",
        "machine",
        "Show the machine: GPUs, CPUs, memory, disks",
        "app.machine",
    ),
    Key(
        "app.palette",
        "colon,ctrl+p",
        "palette",
        "Open the command palette",
        "app.command_palette",
        command=False,
    ),
    Key("app.help", "question_mark", "help", "Show the keys", "app.help", footer=True),
    Key("app.leave", "q", "quit", "Close the screen; runs continue", "app.leave", footer=True),
    Key(
        "app.interrupt",
        "ctrl+c",
        "quit",
        "Close the screen; runs continue",
        "app.leave",
        command=False,
        priority=True,
    ),
    Key("run.back", "escape", "back", "Go back", "back", command=False),
    Key("runs.back", "escape", "back", "Clear the filter and the marks", "back", command=False),
    Key("move.up", "up,k", "up", "Move one line up", "line(-1)", command=False),
    Key("move.down", "down,j", "down", "Move one line down", "line(1)", command=False),
    Key(
        "move.half_up",
        "ctrl+u",
        "half a page up",
        "Move half a page up",
        "half_page(-1)",
        command=False,
    ),
    Key(
        "move.half_down",
        "ctrl+d",
        "half a page down",
        "Move half a page down",
        "half_page(1)",
        command=False,
    ),
    Key("move.page_up", "pageup", "a page up", "Move a page up", "half_page(-2)", command=False),
    Key(
        "move.page_down",
        "pagedown",
        "a page down",
        "Move a page down",
        "half_page(2)",
        command=False,
    ),
    Key("move.top", "g,home", "first", "Go to the first line", "end(-1)", command=False),
    Key("move.bottom", "G,end", "last", "Go to the last line", "end(1)", command=False),
    Key(
        "edit.plan",
        "enter,f2",
        "preview",
        "Preview the plan with these values",
        "plan",
        command=False,
    ),
    Key(
        "edit.next",
        "tab,down",
        "next value",
        "Go to the next value",
        "app.focus_next",
        command=False,
    ),
    Key(
        "edit.previous",
        "shift+tab,up",
        "previous value",
        "Go to the previous value",
        "app.focus_previous",
        command=False,
    ),
    Key(
        "edit.text",
        "ctrl+e",
        "open in $EDITOR",
        "Edit the whole pipeline file in $EDITOR",
        "text",
        command=False,
        priority=True,
    ),
    Key("edit.leave", "escape", "cancel", "Close without changes", "leave_it", command=False),
    Key("plan.choose", "y,r,enter", "resume", "Resume with this plan", "choose", command=False),
    Key(
        "plan.file",
        "f",
        "file edits",
        "Plan with the edited file, or as submitted",
        "other_file",
        command=False,
    ),
    Key(
        "plan.keep",
        "K",
        "keep result",
        "Keep the stage's result even if it has changed",
        "toggle_option('keep')",
        command=False,
    ),
    Key(
        "plan.fresh",
        "F",
        "restart",
        "Restart the stage without a checkpoint",
        "toggle_option('fresh')",
        command=False,
    ),
    Key(
        "plan.until",
        "U",
        "run up to here",
        "Run only this stage and its dependencies",
        "toggle_option('until')",
        command=False,
    ),
    Key("plan.leave", "escape,n", "cancel", "Close without resuming", "leave_it", command=False),
    Key("ask.up", "up,k", "up", "Select the previous answer", "line(-1)", command=False),
    Key("ask.down", "down,j", "down", "Select the next answer", "line(1)", command=False),
    Key("ask.choose", "enter", "confirm", "Confirm the selected answer", "choose", command=False),
    Key(
        "ask.leave", "escape,n", "close", "Close without doing anything", "leave_it", command=False
    ),
)
"""In the order of the footer."""

_NAMES = {
    "slash": "/",
    "colon": ":",
    "ampersand": "&",
    "comma": ",",
    "full_stop": ".",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "shift+tab": "⇧tab",
}


def _shown(key: str) -> str:
    return _NAMES.get(key.strip(), key.strip())


class KeyTable:
    """The key bindings in effect, with the user's remappings applied."""

    def __init__(self, remapped: Mapping[str, str] | None = None) -> None:
        """Apply the remappings.

        Args:
            remapped: new keys by binding id; unknown ids are ignored (see `unknown`).
        """
        remapped = remapped or {}
        self.keys = tuple(
            replace(key, keys=remapped[key.id]) if key.id in remapped else key for key in KEYS
        )
        self.unknown = sorted(set(remapped) - {key.id for key in KEYS})
        """Remapped ids that no binding has."""

    def of(self, *scopes: str) -> list[Key]:
        """Return the bindings of the given scopes, scope by scope."""
        return [key for scope in scopes for key in self.keys if key.scope == scope]

    def footer(self, scopes: Iterable[str]) -> list[Key]:
        """Return the bindings that the footer shows for these scopes."""
        wanted = set(scopes)
        return [key for key in self.keys if key.footer and key.scope in wanted]

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
