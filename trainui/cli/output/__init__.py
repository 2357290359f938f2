"""Printing: JSON or text on stdout, everything else on stderr.

Read `printing` first; `schemas` has the JSON Schema of every command's `--json`.
"""
