"""DVC's pipeline files, converted to ours.

Read `convert` first.
"""

from __future__ import annotations

from trainui.plugin import INTERFACE, Importer

IMPORTER = Importer(
    interface=INTERFACE,
    name="dvc",
    files=("dvc.yaml",),
    convert="trainui.plugins.dvc.convert:convert",
)
