"""Sends one message by Apprise, in a process of its own: started by its path, told by stdin."""

from __future__ import annotations

import json
import sys

KINDS = {"completed": "success", "failed": "failure", "interrupted": "failure", "cancelled": "info"}
"""What Apprise calls an end; all else is a warning."""

MISSING = "the setting notify_urls needs Apprise, which trainui's extra `notify` brings"


def main() -> str | None:
    """Send what stdin holds; return what went wrong."""
    message = json.load(sys.stdin)
    try:
        import apprise
    except ImportError:
        return MISSING
    sender = apprise.Apprise()
    wrong = [url for url in message["urls"] if not sender.add(url)]
    kind = KINDS.get(message["kind"], "warning")
    sent = not len(sender) or sender.notify(body=message["text"], title="trainui", notify_type=kind)
    if wrong:
        return f"{len(wrong)} of notify_urls are no addresses that Apprise knows"
    return None if sent else "not everything could be sent"


if __name__ == "__main__":
    sys.exit(main())
