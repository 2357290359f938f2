"""One module a revision, numbered in order: read `rev_0100_first` first."""
