"""Growing files, and how each is decoded; begin with `tail`."""
