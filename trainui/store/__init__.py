"""The store: the one truth about runs, in SQLite; rows stay in here, records come out."""
