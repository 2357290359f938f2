"""Metric file formats: the open ones, one small decoder module each, and those of plugins.

Read `decoder` first (the interface), then `jsonl` (a small decoder) and `detect`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.decoder import Decoder as Decoder
from trainui.metrics.formats.json_file import JsonFile
from trainui.metrics.formats.jsonl import JsonLines
from trainui.metrics.formats.text import presets
from trainui.metrics.formats.text.preset_lines import AnyLines, PresetLines
from trainui.plugin import Format, Tracker, registry


class UnknownFormatError(TrainuiError):
    """The format of a file was not recognised; the message says what to write instead."""

    code = "unknown_format"


CORE: dict[str, Callable[[str | None, dict[str, Any], Path], Decoder]] = {
    "jsonl": JsonLines,
    "csv": CsvTable,
    "tsv": CsvTable,
    "json": JsonFile,
    "text": AnyLines,
}
"""Makers of decoders of the open formats by the name in a source's `format`; they take the
arguments of `Decoder`. `text` means lines that a preset reads. All others are plugins."""


def decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return a decoder of a format, or of a preset's lines, by its name.

    Raises:
        UnknownFormatError: there is no such format or preset.
        PluginError: the plugin with the format cannot be used.
    """
    if name == JsonFile.name:
        return JsonFile(step, state, path, is_summary=_is_summary(path))
    if (make := CORE.get(name)) is not None:
        return make(step, state, path)
    if (plugin := registry.find(Format, name)) is not None:
        made: Decoder = registry.run(plugin, plugin.decoder, step, state, path)
        made.plugin = plugin
        return made
    if presets.find(name) is not None:
        return PresetLines(name, step, state)
    if (tracker := registry.find(Tracker, name)) is not None:
        raise UnknownFormatError(
            f"{path} is not a database of {tracker.label}; leave its format out"
        )
    known = sorted({*CORE, *registry.names(Format)})
    raise UnknownFormatError(
        f"unknown format {name!r}; known: {', '.join(known)}, and the presets "
        f"({', '.join(presets.names())}); or leave it out to have it detected from the content"
    )


def _is_summary(path: Path) -> bool:
    """Return True if a plugin says that a file only has the last values of other files."""
    asked = (registry.ask(one, one.find, path, None) for one in registry.records(Format))
    return any(found is not None and found.is_final for found in asked)


def is_document(name: str | None) -> bool:
    """Return True if files of a format are read from the first byte at each change."""
    return name == JsonFile.name or any(
        one.is_document for one in registry.records(Format) if one.name == name
    )


def is_preset_too(name: str) -> bool:
    """Return True if a name is both a format's and a preset's: the first bytes decide."""
    return any(one.is_preset_too for one in registry.records(Format) if one.name == name)
