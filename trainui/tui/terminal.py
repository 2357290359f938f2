"""The app's side towards the terminal: its driver, what is sent to it, keys, and its end.

Textual's driver uses two threads: one polls for keys ten times a second, and the other blocks the
loop when the terminal takes no more output. Here an idle screen never wakes up, a key needs no
hand-over between threads, and output that the terminal does not take is buffered.

A key's action may open a page or move the focus, which takes several messages. The next key must
reach the widget that has the focus after that; Textual would send both to the current one.

Nothing but this module and `cell_diff` uses a private part of Textual; `USES` lists what each use
is for. A use of which a part is gone, as with a later Textual, is left out, and Textual's own way
takes its place.

Signals end the app like the quit key. A closed terminal whose SIGHUP is ignored is noticed by a
separate thread, since the event loop may be blocked writing to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import re
import select
import signal
import sys
import threading
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.timer import Timer

from trainui import installation
from trainui.record import dataclass

if TYPE_CHECKING:
    from trainui.tui.cell_diff import ShownCells

PATIENCE = 0.2
"""Seconds to wait at the exit for the terminal to take the sequences that restore it."""

MOST_READ = 4096
"""Maximum bytes of input read at once."""

RATE_WINDOW = 10.0
"""Window in seconds over which bytes are averaged: a few updates of a live page."""

LONGEST_PAUSE = 10.0
"""Maximum seconds between two updates, so that the cost of opening a page does not freeze it."""

TIMEOUT = 0.5
"""Seconds after which a key's action counts as done, in case its target is gone."""

HELD_FOR = 10.0
"""Seconds that a key on a page without data waits at most, in case the data cannot be read."""

SETTLED = 0.1
"""Debounce of resizes in seconds: redraw once the terminal has stopped resizing."""

EXIT_GRACE = 0.4
"""Grace period in seconds for a clean exit before the process is ended."""

_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_PASTE_MARKS = re.compile(r"(\x1b\[20[01]~)")


class TerminalDrained(Message):
    """The terminal has taken all pending output after it was blocked."""


class TerminalDriver(LinuxDriver):
    """Reads keys from stdin and draws on stdout, without threads."""

    def __init__(self, app: Any, **options: Any) -> None:
        from textual._xterm_parser import XTermParser

        super().__init__(app, **options)
        self._bandwidth = app.bandwidth
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._paste = _PasteFilter()
        self._output: int | None = None
        self._waiting = b""
        self._is_due = False

    def start_application_mode(self) -> None:
        """Switch the terminal to application mode, and start reading keys."""
        self._output = _reopened(sys.__stdout__.fileno() if sys.__stdout__ else 1)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_reader(self.fileno, self._read)

    def _run_input_thread(self) -> None:
        """Do nothing: the event loop reads the input."""

    def disable_input(self) -> None:
        """Stop reading keys."""
        self._loop.remove_reader(self.fileno)
        super().disable_input()

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, MOST_READ)
        except OSError:
            data = b""
        if not data:  # the terminal is gone: `watch_terminal` ends the app
            self._loop.remove_reader(self.fileno)
            return
        if found := self._paste.feed(self._decode(data)):  # to the parser, no text is the end
            self._process(self._parser.feed(found))

    def _process(self, messages: Iterable[Message]) -> None:
        """Process messages, then wait until a lone ESC is a key and not the start of a sequence."""
        for message in messages:
            self.process_message(message)
        if (until := self._parser._timeout_time) is not None:
            from textual._time import get_time

            delay = max(until - get_time(), 0.001)
            self._loop.call_later(delay, lambda: self._process(self._parser.tick()))

    def send_message(self, message: Message) -> None:
        """Post a message to the app."""
        self._app.post_message(message)

    def write(self, data: str) -> None:
        """Buffer data, to be sent at the next flush or iteration of the loop."""
        found = data.encode(errors="replace")
        self._bandwidth.count(len(found))
        self._waiting += found
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send as much as the terminal takes now, and the rest when it is writable."""
        self._is_due = False
        if self._output is None:
            return
        blocked = self._send(self._output)
        self._bandwidth.waiting = len(self._waiting)
        if blocked:
            self._loop.add_writer(self._output, self.flush)
        elif self._loop.remove_writer(self._output):
            self._app.post_message(TerminalDrained())

    def _send(self, output: int) -> bool:
        """Send what the terminal takes without blocking; returns True if data is left."""
        while self._waiting:
            try:
                self._waiting = self._waiting[os.write(output, self._waiting) :]
            except BlockingIOError:
                return True
            except OSError:  # the terminal is gone
                self._waiting = b""
        return False

    def close(self) -> None:
        """Flush the rest, with a timeout, and close the terminal."""
        if self._output is not None:
            self._loop.remove_writer(self._output)
            give_up_at = time.monotonic() + PATIENCE
            while self._send(self._output) and time.monotonic() < give_up_at:
                select.select([], [self._output], [], PATIENCE)
            self._waiting = b""
            os.close(self._output)
            self._output = None
        super().close()


class _PasteFilter:
    """Removes escape characters from pasted text: the parser would take what follows for keys."""

    def __init__(self) -> None:
        self._is_open = False
        self._held = ""
        """The end of the last input, if it may be the start of the mark that ends a paste."""

    def feed(self, text: str) -> str:
        """Return the input that the parser may see."""
        *parts, rest = _PASTE_MARKS.split(self._held + text)
        kept = [self._cleaned(part) for part in parts]
        self._held = ""
        if self._is_open and (at := rest.rfind("\x1b")) >= 0 and _PASTE_END.startswith(rest[at:]):
            rest, self._held = rest[:at], rest[at:]
        return "".join((*kept, self._cleaned(rest)))

    def _cleaned(self, part: str) -> str:
        if part in (_PASTE_START, _PASTE_END):
            self._is_open = part == _PASTE_START
            return part
        return part.replace("\x1b", "") if self._is_open else part


def _reopened(descriptor: int) -> int:
    """Open the terminal again in non-blocking mode; the shell's descriptor must stay blocking."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    for name in (os.ttyname, lambda _: "/dev/tty"):
        # after `su` it belongs to another user; in a container it may have no name
        with contextlib.suppress(OSError):
            return os.open(name(descriptor), flags)
    return os.dup(descriptor)


UPGRADED = (
    "Another version of trainui was installed while the screen was open, and what both have loaded "
    "does not fit together: open the screen again. Runs are not affected."
)

LEAVING = ("escape", "q", "ctrl+c")
"""Keys that need no data, and with them the keys before: what cannot be read can be left."""


HANGUP_CODE = 128 + signal.SIGHUP


@dataclass(frozen=True, slots=True, eq=False)
class PrivateUse:
    """A use of private parts."""

    reason: str
    names: Mapping[str, tuple[str, ...]]
    """By `module:class` or module, the private names that it needs there."""


CELL_DIFF = PrivateUse(
    "Sends only the cells that changed: 3.6 instead of 17.7 kB/s live, 1.1 instead of 7.4 kB a key",
    {
        "textual.app:App": ("_display", "_running", "_closed", "_batch_count", "_driver"),
        "textual._compositor": ("ChopsUpdate", "Compositor", "CompositorUpdate", "LayoutUpdate"),
        "rich.console:Console": ("_color_system",),
        "rich.style:Style": ("_make_ansi_codes",),
    },
)
COMPOSITOR = PrivateUse(
    "Renders only the regions that changed: 5.2 instead of 7.6 ms a key",
    {
        "textual.screen:Screen": ("_compositor",),
        "textual._compositor": ("Compositor",),
        "textual._compositor:Compositor": ("_dirty_regions",),
    },
)
KEY_QUEUE = PrivateUse(
    "Runs a pane's binding directly and draws its changes at once: 5.2 instead of 23.7 ms a key",
    {"textual.app:App": ("_check_bindings",), "textual.screen:Screen": ("_on_timer_update",)},
)
DRIVER = PrivateUse(
    "Reads keys in the event loop: an idle screen does not wake up 10 times a second",
    {
        "textual.drivers.linux_driver:LinuxDriver": ("_app", "_loop", "_run_input_thread"),
        "textual._time": ("get_time",),
        "textual._xterm_parser": ("XTermParser",),
        "textual._xterm_parser:XTermParser": ("_timeout_time",),
    },
)

UPGRADE = PrivateUse(
    "Says in a sentence why an error after an upgrade of trainui ended the screen",
    {"textual.app:App": ("_fatal_error",)},
)

USES = (CELL_DIFF, COMPOSITOR, KEY_QUEUE, DRIVER, UPGRADE)


@cache
def has_parts(*uses: PrivateUse) -> bool:
    """Return True if Textual has all parts that these uses need."""
    return not any(map(missing_parts, uses))


def missing_parts(use: PrivateUse) -> list[str]:
    """Return the parts of a use that Textual does not have."""
    return [
        f"{place}.{name}"
        for place, names in use.names.items()
        for name in names
        if not _has_part(place, name)
    ]


def _has_part(place: str, name: str) -> bool:
    """Return True if a module has a name, or if a class or one of its methods uses it."""
    module_name, _, class_name = place.partition(":")
    try:
        found = importlib.import_module(module_name)
        owner = getattr(found, class_name) if class_name else found
    except (ImportError, AttributeError):
        return False
    members = (one for base in getattr(owner, "__mro__", ()) for one in vars(base).values())
    methods = (one for one in members if isinstance(one, FunctionType))
    return hasattr(owner, name) or any(name in one.__code__.co_names for one in methods)


class Bandwidth:
    """Counts sent bytes, and throttles updates to a limit."""

    def __init__(
        self, budget: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Start counting; `budget` is the limit in bytes per second, if any."""
        self.budget = budget
        self.total = 0
        """Bytes sent so far."""
        self.waiting = 0
        """Bytes that the terminal has not taken yet; new content is held back until it is 0."""
        self._now = now
        self._sent: deque[tuple[float, int]] = deque()

    def count(self, size: int) -> None:
        """Note that bytes were sent."""
        self.total += size
        self._sent.append((self._now(), size))

    @property
    def rate(self) -> float:
        """Bytes per second over the last `WINDOW` seconds."""
        since = self._now() - RATE_WINDOW
        while self._sent and self._sent[0][0] < since:
            self._sent.popleft()
        return sum(size for _, size in self._sent) / RATE_WINDOW

    @property
    def is_spent(self) -> bool:
        """True if the rate exceeds the limit."""
        return self.budget is not None and self.rate > self.budget

    def pause(self, before: int) -> float:
        """Return the seconds to wait after the last update before the next unrequested one.

        `before` was `total` at the last update; the bytes since then determine the wait.
        """
        if self.budget is None:
            return 0.0
        return min((self.total - before) / self.budget, LONGEST_PAUSE)


def counting(driver: type[Driver], bandwidth: Bandwidth) -> type[Driver]:
    """Return a subclass of a driver that counts what it sends."""

    class Counted(driver):  # type: ignore[misc, valid-type]
        """The same driver, counting."""

        def write(self, data: str) -> None:
            bandwidth.count(len(data.encode(errors="replace")))
            super().write(data)

    found: Any = Counted
    found.__name__ = driver.__name__
    return found  # type: ignore[no-any-return]


class PromptDrawing:
    """Draws what a key has changed on a page at once, and only that."""

    def __init__(self, page: Screen[Any]) -> None:
        """Prepare a page, before it is opened."""
        self._page = page
        self.is_prompt = has_parts(KEY_QUEUE)
        self.has_data = False
        """False while keys wait for the data that they act on."""
        if has_parts(COMPOSITOR, CELL_DIFF):
            from trainui.tui.cell_diff import PageCompositor

            page._compositor = PageCompositor()

    @property
    def waits(self) -> bool:
        """True while a key's action runs: all its changes are drawn together after it."""
        return self.is_prompt and cast("TerminalApp", self._page.app).is_acting

    def draw_now(self) -> None:
        """Draw changes now, without waiting for the next frame (60 a second)."""
        if self.is_prompt:
            self._page._on_timer_update()


class TerminalApp(App[int]):
    """An app that queues keys, sends only the cells that changed, and counts what it sends."""

    def __init__(self, max_rate: int | None) -> None:
        """Create the app; `max_rate` limits the bytes per second."""
        self.bandwidth = Bandwidth(max_rate)
        super().__init__()
        self._typed: deque[events.Key] = deque()
        self._timeout: asyncio.TimerHandle | None = None
        self._holding: Timer | None = None
        """Set while the first key waits for the page's data."""
        self._shown: ShownCells | None = None
        """What the terminal shows; None: Textual draws by itself."""
        if has_parts(CELL_DIFF):
            from trainui.tui.cell_diff import ShownCells

            self._shown = ShownCells()
        self._cursor_shown = self.cursor_position
        self._settling: Timer | None = None

    def get_driver_class(self) -> type[Driver]:
        """Return the driver for the terminal, which counts the bytes it sends."""
        found = super().get_driver_class()
        if found is LinuxDriver and has_parts(DRIVER):
            return TerminalDriver
        return counting(found, self.bandwidth)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send only the changed cells to the terminal."""
        # Textual would send an update now; otherwise it drops it
        lets = self._running and not self._closed and not self._batch_count
        is_sent = lets and self._driver is not None and not self.is_headless
        if self._shown is not None and is_sent:
            moved = self.cursor_position != self._cursor_shown
            self._cursor_shown = self.cursor_position
            renderable = self._shown.reduced(renderable, self.console, always=moved)
        super()._display(screen, renderable)

    def _fatal_error(self) -> None:
        """Leave after an unhandled exception: with a sentence after an upgrade, else a traceback.

        Pages are imported when they are opened, and those of the new version may need what the
        modules loaded before the upgrade do not have.
        """
        if installation.is_unchanged():
            super()._fatal_error()
        else:
            self.panic(UPGRADED)

    def send(self, sequences: str) -> None:
        """Send escape sequences to the terminal, e.g. its bell."""
        if self._driver is not None:
            self._driver.write(sequences)

    def on_resize(self) -> None:
        """Redraw everything now and after the last resize: the terminal reflows its content."""
        self.redraw()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self.redraw)

    def redraw(self) -> None:
        """Redraw everything, without assumptions on what the terminal shows."""
        if self._shown is not None:
            self._shown.forget()
        for screen in self.screen_stack[-1:]:
            screen.refresh()

    async def on_event(self, event: events.Event) -> None:
        """Dispatch an event; a key waits until the previous key's action is done."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._dispatch()
        elif event.key in LEAVING:
            self.release_keys()

    def release_keys(self) -> None:
        """Dispatch the keys typed before the page had data: they would have had no target."""
        if self._holding is not None:
            self._holding.stop()
            self._holding = None
            self.call_later(self._dispatch)

    def _give_up(self, drawing: PromptDrawing) -> None:
        drawing.has_data = True
        self.release_keys()

    @property
    def _drawing(self) -> PromptDrawing | None:
        """The drawing of the page; None: a dialog is open."""
        return getattr(self.screen, "drawing", None)

    @property
    def is_acting(self) -> bool:
        """True while a key's action runs and no other key is queued."""
        return len(self._typed) == 1 and self._holding is None

    async def _dispatch(self) -> None:
        event, drawing = self._typed[0], self._drawing
        is_leaving = self._typed[-1].key in LEAVING
        if drawing is not None and not (drawing.has_data or is_leaving):
            self._holding = self.set_timer(HELD_FOR, partial(self._give_up, drawing))
            return
        target = self.focused or self.screen
        if not await self._acts_in_pane(event):
            await super().on_event(event)
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(TIMEOUT, self.call_later, self._acted, event)
        # the key bubbles from the widget up to the app, and each handles the messages it caused
        await self._pass_on(event, iter(target.ancestors_with_self))

    async def _pass_on(self, event: events.Key, pumps: Iterator[MessagePump]) -> None:
        """Go through message queues in turn, so that each has processed its messages."""
        pump = next(pumps, None)
        if pump is None:
            await self._acted(event)
        else:
            pump.post_message(events.Callback(callback=partial(self._pass_on, event, pumps)))

    async def _acts_in_pane(self, event: events.Key) -> bool:
        """Run a pane's binding directly, without bubbling through each ancestor's message queue.

        A page's pane handles keys by bindings only. Returns True if the key was bound.
        """
        is_pane, drawing = getattr(self.focused, "has_bindings_only", False), self._drawing
        if not (is_pane and drawing is not None and drawing.is_prompt):
            return False
        key = event.key
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    async def _acted(self, event: events.Key) -> None:
        if self._typed and self._typed[0] is event:
            self._typed.popleft()
            if self._timeout is not None:
                self._timeout.cancel()
            if not self.screen_stack:  # the key has closed the app
                return
            if self._typed:
                await self._dispatch()
            elif (drawing := self._drawing) is not None:
                drawing.draw_now()


def leave_on_signals(app: App[Any]) -> None:
    """Make SIGTERM and SIGHUP exit the app cleanly; call it on the event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, _exit, app, 128 + number)


def _exit(app: App[Any], code: int) -> None:
    app.exit(return_code=code)


def watch_terminal(app: App[Any]) -> None:
    """Start a thread that ends the app when its terminal is closed."""
    if sys.stdin is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        threading.Thread(
            target=_wait_for_hangup, args=(app, descriptor), name="terminal", daemon=True
        ).start()


def _wait_for_hangup(app: App[Any], descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # POLLHUP is always reported
    while True:
        events = poll.poll()
        if any(mask & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, mask in events):
            break
    with contextlib.suppress(Exception):
        app.call_later(_exit, app, HANGUP_CODE)
    time.sleep(EXIT_GRACE)
    os._exit(HANGUP_CODE)
