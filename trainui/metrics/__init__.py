"""Metrics: files that trainings write, read as they grow and stored as points.

Read `reader.attempt` first (the sources of one attempt), then `reader.source` (one file),
`reader.tail` (offset reads) and `formats`.
"""
