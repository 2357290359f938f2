"""Shell commands: how they are quoted, parsed, and given further arguments.

Read `quoting` first.
"""
