"""The screen as the process behind a page in a browser.

python -m trainui.tui.web [--write]
"""

from __future__ import annotations

import sys

from textual import events

from trainui.tui.app import TrainuiApp


class ServedApp(TrainuiApp):
    """The app in a browser: keys reach it from the start."""

    def on_app_blur(self, event: events.AppBlur) -> None:
        """Keep the focus: the driver begins by taking it, and the page gives it back too late."""
        event.prevent_default()


def main() -> None:
    """Open the screen, to look at only unless told otherwise."""
    ServedApp(read_only="--write" not in sys.argv[1:]).run()


if __name__ == "__main__":
    main()
