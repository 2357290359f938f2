"""The migrations of the store, by Alembic."""

HEAD = "0007"
"""The newest revision in `versions`."""
