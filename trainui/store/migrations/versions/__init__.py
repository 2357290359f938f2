"""One module a revision, numbered in order: read `rev_0001_first_schema` first."""
