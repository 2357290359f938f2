"""Looks at a directory that may be a home, and prints what is there as JSON.

It is run by its path, as `python -IS home_look.py PATH`, since the look may block for ever: the
process that waits for it then leaves it behind. Standard library only.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from typing import Any
from urllib.parse import quote


def look(path: str) -> dict[str, Any]:
    """Return `{"place", "ids"}`, the ids those of a home there; empty: there is nothing.

    `{"error"}` says why it cannot be looked at.
    """
    try:
        place = place_of(path)
        ids = [*_id_in_file(f"{path}/home.json"), *_ids_in_database(f"{path}/trainui.db")]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, sqlite3.Error) as error:
        return {"error": str(error)}
    return {"place": place, "ids": ids}


def place_of(path: str) -> str:
    """Return the device and the inode of a directory."""
    found = os.stat(path)  # noqa: PTH116
    return f"{found.st_dev}:{found.st_ino}"


def _id_in_file(file: str) -> list[str]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return []
    with open(descriptor, "rb") as opened:
        return [str(json.load(opened)["id"])]


def _ids_in_database(file: str) -> list[str]:
    if not os.path.isfile(file) or not os.path.getsize(file):  # noqa: PTH113, PTH202
        return []
    connection = sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=1.0)
    try:
        return [str(row[0]) for row in connection.execute("SELECT id FROM homes")]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        connection.close()


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1])))  # noqa: T201
