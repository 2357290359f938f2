"""The command `plugins`, and the finding of `doctor` about them."""

from __future__ import annotations

from typing import Any

from trainui import formatting, text
from trainui.cli import options
from trainui.cli.machine.checks import GOOD, NOTE, Result
from trainui.cli.output import printing
from trainui.plugin import registry


@options.command("trainui plugins")
def plugins(as_json: options.Json = False) -> None:
    """List the installed plugins, with what is wrong with one that cannot be used.

    All of them are loaded. A broken one changes nothing else, so the exit code is 0.
    """
    found = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "package": entry.package,
            "version": entry.version,
            "loaded": is_loaded,
            "problem": entry.problem or None,
        }
        for entry, is_loaded in registry.listed()
    ]
    found.sort(key=lambda one: (str(one["kind"]), str(one["name"])))
    if not found and not as_json:
        printing.note("no plugins are installed")
    printing.answer(as_json, {"plugins": found}, _table(found))


def _table(found: list[dict[str, Any]]) -> list[str]:
    shown = [
        (one["name"], one["kind"], f"{one['package']} {one['version']}", one["problem"] or "")
        for one in found
    ]
    return text.table([("NAME", "KIND", "PACKAGE", "PROBLEM"), *shown]) if shown else []


def check() -> Result:
    """Check that every plugin can be loaded, and has worked so far."""
    found = [entry for entry, _is_loaded in registry.listed()]
    if broken := [f"{one}: {one.problem}" for one in found if one.problem]:
        advice = "update, repair or uninstall its package; its files are left alone until then"
        return NOTE, "; ".join(broken), advice
    return GOOD, formatting.quantity(len(found), "plugin")
