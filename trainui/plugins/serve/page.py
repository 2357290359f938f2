"""The screen as a process served to a browser page.

python -m trainui.plugins.serve.page [--write]
"""

from __future__ import annotations

import sys

from textual import events

from trainui.tui.app import TrainuiApp


class ServedApp(TrainuiApp):
    """The app for a browser; it accepts keys from the start."""

    def on_app_blur(self, event: events.AppBlur) -> None:
        """Ignore blur: the driver starts blurred, and the page restores the focus too late."""
        event.prevent_default()


def main() -> None:
    """Run the screen; read-only without `--write`."""
    read_only = "this page is read-only; `trainui serve --write` allows actions"
    ServedApp(read_only="" if "--write" in sys.argv[1:] else read_only).run()


if __name__ == "__main__":
    main()
