"""The migrations of the store, by Alembic; `tables.sql` is the newest schema as SQL."""
