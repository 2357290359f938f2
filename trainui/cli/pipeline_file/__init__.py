"""Commands about a pipeline file: init, validate, schema.

Read `validate` first.
"""
