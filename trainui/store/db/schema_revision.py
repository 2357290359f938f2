"""The revision of the schema that this version of trainui reads and writes."""

HEAD = "0011"
"""The newest one in `store.migrations.versions`."""
