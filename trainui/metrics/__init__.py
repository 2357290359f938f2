"""Metrics: tails the files that trainings write, and stores their values as points.

Read `reader.attempt` first (the sources of one attempt), then `reader.source` (one file),
`tail` (offset reads) and `formats`.
"""
