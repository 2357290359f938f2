"""Read, check and expand pipeline files and substitute variables, without side effects."""
