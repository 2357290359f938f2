"""The types of a pipeline file's fields: durations, sizes, names, commands, parameters.

Read `types` first.
"""
