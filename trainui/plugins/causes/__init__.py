"""The causes of failed trainings that trainui knows, by theme.

Read `catalogue` first: the causes; the other modules have the rules that recognise them.
"""

from __future__ import annotations

from trainui.plugin import Cause

_HERE = "trainui.plugins.causes"

PYTHON = Cause(interface=1, name="python", rules=f"{_HERE}.python:RULES")
GPU = Cause(
    interface=1,
    name="gpu",
    rules=f"{_HERE}.gpu:RULES",
    edit=f"{_HERE}.catalogue:of_memory",
    rank=40,
)
TENSORS = Cause(
    interface=1,
    name="tensors",
    rules=f"{_HERE}.libraries:TENSOR_RULES",
    edit=f"{_HERE}.catalogue:of_nan",
    rank=41,
)
DISTRIBUTED = Cause(
    interface=1,
    name="distributed",
    rules=f"{_HERE}.gpu:DISTRIBUTED_RULES",
    edit=f"{_HERE}.catalogue:of_port",
    rank=42,
)
HOST = Cause(
    interface=1,
    name="host",
    rules=f"{_HERE}.host:RULES",
    edit=f"{_HERE}.catalogue:of_host",
    rank=43,
)
SHELL = Cause(interface=1, name="shell", rules=f"{_HERE}.host:SHELL_RULES", rank=44)
LIBRARIES = Cause(interface=1, name="libraries", rules=f"{_HERE}.libraries:RULES", rank=45)
