"""The database connection: SQLite or PostgreSQL, the schema and its upgrade, backups.

Read `engine` first (SQLite), then `postgres`, then `schema`.
"""
