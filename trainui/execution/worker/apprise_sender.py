"""Sends one message by Apprise; runs as a separate process and reads the message from stdin."""

from __future__ import annotations

import json
import sys

KINDS = {
    "completed": "success",
    "failed": "failure",
    "interrupted": "failure",
    "cancelled": "info",
    "digest": "info",
}
"""Apprise's notification type for each event; `warning` for all others."""

MISSING = "the setting notify_urls needs Apprise: install the extra `trainui[notify]`"


def main() -> str | None:
    """Send the message from stdin; return an error message, or None on success."""
    message = json.load(sys.stdin)
    try:
        import apprise
    except ImportError:
        return MISSING
    sender = apprise.Apprise()
    wrong = [url for url in message["urls"] if not sender.add(url)]
    kind = KINDS.get(message["kind"], "warning")
    body, title, form = message["text"], "trainui", None
    if message["body"]:
        body, title, form = message["body"], f"trainui: {body}", "markdown"
    sent = not len(sender) or sender.notify(
        body=body, title=title, notify_type=kind, body_format=form
    )
    if wrong:
        return f"Apprise does not support {len(wrong)} of the URLs in notify_urls"
    return None if sent else "not every notification could be sent"


if __name__ == "__main__":
    sys.exit(main())
