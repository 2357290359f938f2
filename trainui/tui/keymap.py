"""Every key of the screen: one table, from which bindings, footer, help and palette are made.

A key has an id, by which `keys` in config.toml gives it others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does, and where."""

    id: str
    """`SCOPE.ACTION`, stable: what config.toml names."""
    keys: str
    """As Textual calls them, several with commas."""
    label: str
    """A word for the footer."""
    tooltip: str
    """A sentence for the help and the palette."""
    action: str
    """The action that a widget, a screen or the app has under this name."""
    footer: bool = False
    """Whether the footer shows it."""
    command: bool = True
    """Whether the palette offers it."""
    priority: bool = False
    """Whether it works whatever has the focus."""

    @property
    def scope(self) -> str:
        """Where it works."""
        return self.id.partition(".")[0]

    @property
    def shown(self) -> str:
        """The keys as people read them."""
        return " ".join(_shown(key) for key in self.keys.split(","))

    @property
    def short(self) -> str:
        """The first of the keys as people read it."""
        return _shown(self.keys.split(",")[0])


SCOPES: Mapping[str, str] = {
    "app": "Everywhere",
    "move": "Moving",
    "search": "Searching",
    "acting": "Acting on a run",
    "runs": "The list of runs",
    "run": "A run's page",
    "stages": "Stages",
    "metrics": "The pane of curves",
    "curves": "Curves",
    "log": "Log",
    "machine": "The machine",
    "plan": "The plan of a resume",
    "edit": "Editing a run",
    "ask": "A question",
}
"""The scopes and what the help calls them."""

KEYS: tuple[Key, ...] = (
    Key("runs.open", "enter", "open", "Open the run", "open", footer=True),
    Key("machine.open", "enter", "open", "Open the run that has the GPU", "open", footer=True),
    Key("machine.back", "escape", "back", "Go back", "back", footer=True, command=False),
    Key("stages.open", "enter", "panel", "Go to the stage's panel", "open", footer=True),
    Key("stages.upstream", "left,h", "upstream", "Go to a stage it depends on", "upstream"),
    Key(
        "stages.downstream",
        "right,l",
        "downstream",
        "Go to a stage that depends on it",
        "downstream",
    ),
    Key(
        "metrics.open", "enter", "open", "Open the metric on a page of its own", "open", footer=True
    ),
    Key("curves.left", "left,h", "cursor left", "Cursor to the point before", "point(-1)"),
    Key("curves.right", "right,l", "cursor right", "Cursor to the next point", "point(1)"),
    Key(
        "curves.compare",
        "c",
        "compare",
        "Compare with attempts, siblings, or other runs",
        "compare",
        footer=True,
    ),
    Key("curves.smooth", "m", "smooth", "Smooth more, or not at all", "smooth", footer=True),
    Key(
        "curves.axis",
        "a",
        "axis",
        "Draw over steps, epochs, or time",
        "axis",
        footer=True,
    ),
    Key("curves.log", "y", "log", "Logarithmic scale, or linear", "log_scale", footer=True),
    Key("curves.zoom_in", "plus,equals_sign", "zoom", "Zoom in", "magnify(1)", footer=True),
    Key("curves.zoom_out", "minus", "zoom out", "Zoom out", "magnify(-1)"),
    Key("curves.whole", "0", "all", "Show all of the axis, with no cursor", "whole"),
    Key(
        "curves.pan_left",
        "less_than_sign,shift+left",
        "pan left",
        "Show what came before",
        "pan(-1)",
    ),
    Key(
        "curves.pan_right",
        "greater_than_sign,shift+right",
        "pan right",
        "Show what came after",
        "pan(1)",
    ),
    Key("curves.best", "b", "best", "Cursor to the best value", "best"),
    Key("curves.pin", "space", "pin", "Let the metric stand first, or no more", "pin", footer=True),
    Key(
        "stages.fold",
        "F",
        "fold",
        "Fold the members of a matrix into one line, or unfold them",
        "fold",
    ),
    Key("log.follow", "f", "follow", "Follow the log's end", "follow", footer=True),
    Key("log.wrap", "w", "wrap", "Wrap long lines, or cut them", "wrap"),
    Key(
        "log.error",
        "E",
        "error",
        "Go to the last error, then to those before it",
        "error",
        footer=True,
    ),
    Key(
        "log.filter",
        "ampersand",
        "only matches",
        "Show only the lines that hold what was searched for, or all again",
        "filter",
    ),
    Key("log.times", "t", "times", "Show when lines were written, or not", "times", footer=True),
    Key(
        "acting.resume",
        "r",
        "resume",
        "Resume the run: the plan is shown first",
        "resume",
        footer=True,
    ),
    Key(
        "acting.rerun",
        "R",
        "rerun",
        "Run the stage again, alone or with what depends on it",
        "rerun",
        footer=True,
    ),
    Key("acting.edit", "e", "edit", "Edit parameters, and go on with them", "edit"),
    Key(
        "acting.cancel",
        "x",
        "cancel",
        "Cancel, after a question that says what would be lost",
        "cancel",
        footer=True,
    ),
    Key(
        "acting.raise",
        "right_square_bracket",
        "sooner",
        "Raise the priority: the run goes before others",
        "raise",
    ),
    Key(
        "acting.lower",
        "left_square_bracket",
        "later",
        "Lower the priority: the run goes after others",
        "lower",
    ),
    Key(
        "acting.remove",
        "delete",
        "delete",
        "Delete the run and its files, after a question",
        "remove",
    ),
    Key("acting.copy", "Y", "copy", "Copy the report of the run as Markdown (OSC 52)", "copy"),
    Key("runs.mark", "space", "mark", "Mark the run; the keys then act on all marked", "mark"),
    Key("runs.compare", "c", "compare", "Compare the curves of the marked runs", "compare"),
    Key("runs.sort", "s", "sort", "Sort by the next column", "sort", footer=True),
    Key("runs.reverse", "S", "reverse", "Sort the other way round", "reverse"),
    Key("run.logs", "L", "log", "Show the log alone, or all panes again", "logs"),
    Key("run.stream", "o", "stdout/stderr", "Show the log's stdout, its stderr, or both", "stream"),
    Key(
        "run.maximise",
        "z",
        "maximise",
        "Show the pane alone, or all panes again",
        "zoom",
        footer=True,
    ),
    Key("run.pane_1", "1", "stages", "Go to the stages", "pane(1)"),
    Key("run.pane_2", "2", "overview", "Go to the overview", "pane(2)"),
    Key("run.pane_3", "3", "curves", "Go to the curves", "pane(3)"),
    Key("run.pane_4", "4", "log", "Go to the log", "pane(4)"),
    Key("run.pane_5", "5", "parameters", "Go to the stage's parameters", "pane(5)"),
    Key("run.pane_6", "6", "outputs", "Go to the stage's files", "pane(6)"),
    Key("run.pane_7", "7", "events", "Go to what happened to the stage", "pane(7)"),
    Key(
        "run.attempt_before",
        "comma",
        "earlier attempt",
        "Look at the attempt before: its record, curves, files, events and log",
        "attempt(-1)",
    ),
    Key(
        "run.attempt_after", "full_stop", "later attempt", "Look at the attempt after", "attempt(1)"
    ),
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
        priority=True,  # so that what is typed at once after it is typed there
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
        "Hold the queue: nothing new starts; or let it go on",
        "app.pause",
    ),
    Key(
        "app.theme",
        "T",
        "theme",
        "Show the next theme: dark, light, two that the colour-blind tell apart, 16 colours",
        "app.next_theme",
    ),
    Key("app.rate", "ctrl+r", "rate", "Say how much is sent to the terminal", "app.rate"),
    Key(
        "app.machine",
        "M",
        "machine",
        "Show the machine: GPUs and whose they are, processors, memory, disks",
        "app.machine",
    ),
    Key(
        "app.palette",
        "colon,ctrl+p",
        "palette",
        "Find any action by its name",
        "app.command_palette",
        command=False,
    ),
    Key("app.help", "question_mark", "help", "Show the keys", "app.help", footer=True),
    Key("app.leave", "q", "quit", "Leave the screen; work goes on", "app.leave", footer=True),
    Key(
        "app.interrupt",
        "ctrl+c",
        "quit",
        "Leave the screen; work goes on",
        "app.leave",
        command=False,
        priority=True,
    ),
    Key("run.back", "escape", "back", "Go back one level", "back", command=False),
    Key("runs.back", "escape", "back", "Show all runs again", "back", command=False),
    Key("move.up", "up,k", "up", "One line up", "line(-1)", command=False),
    Key("move.down", "down,j", "down", "One line down", "line(1)", command=False),
    Key(
        "move.half_up", "ctrl+u", "half a page up", "Half a page up", "half_page(-1)", command=False
    ),
    Key(
        "move.half_down",
        "ctrl+d",
        "half a page down",
        "Half a page down",
        "half_page(1)",
        command=False,
    ),
    Key("move.page_up", "pageup", "a page up", "A page up", "half_page(-2)", command=False),
    Key("move.page_down", "pagedown", "a page down", "A page down", "half_page(2)", command=False),
    Key("move.top", "g,home", "first", "To the first line", "end(-1)", command=False),
    Key("move.bottom", "G,end", "last", "To the last line", "end(1)", command=False),
    Key("edit.plan", "enter,f2", "see what it does", "Plan with this", "plan", command=False),
    Key("edit.next", "tab,down", "next value", "Go to the next", "app.focus_next", command=False),
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
        "all in $EDITOR",
        "Edit the pipeline's text",
        "text",
        command=False,
        priority=True,
    ),
    Key("edit.leave", "escape", "leave it", "Change nothing", "leave_it", command=False),
    Key("plan.choose", "y,r,enter", "resume", "Resume by this plan", "choose", command=False),
    Key(
        "plan.file",
        "f",
        "edited file or not",
        "Plan with the edited file, or as submitted",
        "other_file",
        command=False,
    ),
    Key(
        "plan.keep",
        "K",
        "keep",
        "Keep the stage's result, whatever has changed",
        "wish('keep')",
        command=False,
    ),
    Key(
        "plan.fresh",
        "F",
        "afresh",
        "Begin the stage anew, with no checkpoint",
        "wish('fresh')",
        command=False,
    ),
    Key(
        "plan.until",
        "U",
        "until here",
        "Run only this stage and what it depends on",
        "wish('until')",
        command=False,
    ),
    Key("plan.leave", "escape,n", "leave it", "Do nothing", "leave_it", command=False),
    Key("ask.up", "up,k", "up", "One line up", "line(-1)", command=False),
    Key("ask.down", "down,j", "down", "One line down", "line(1)", command=False),
    Key("ask.choose", "enter", "do it", "Do what is marked", "choose", command=False),
    Key("ask.leave", "escape,n", "leave it", "Do nothing", "leave_it", command=False),
)
"""In the order in which the footer shows them."""

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
    """The keys as they are in force."""

    def __init__(self, remapped: Mapping[str, str] | None = None) -> None:
        """Make a table.

        Args:
            remapped: ids of keys and what they are to be; a key of an unknown id is left out.
        """
        remapped = remapped or {}
        self.keys = tuple(
            replace(key, keys=remapped[key.id]) if key.id in remapped else key for key in KEYS
        )
        self.unknown = sorted(set(remapped) - {key.id for key in KEYS})
        """Ids that no key has."""

    def of(self, *scopes: str) -> list[Key]:
        """Return the keys of some scopes, scope by scope."""
        return [key for scope in scopes for key in self.keys if key.scope == scope]

    def footer(self, scopes: Iterable[str]) -> list[Key]:
        """Return the keys that the footer shows where these scopes are in force."""
        wanted = set(scopes)
        return [key for key in self.keys if key.footer and key.scope in wanted]

    def find(self, key_id: str) -> Key:
        """Return the key of this id."""
        return next(key for key in self.keys if key.id == key_id)


def bindings(*scopes: str) -> Sequence[Binding]:
    """Return Textual's bindings for some scopes, or for single keys by their ids."""
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
