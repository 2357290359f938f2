"""The migrations of the store, by Alembic."""

HEAD = "0006"
"""The newest revision in `versions`."""
