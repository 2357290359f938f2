"""Pipeline files: loaded, checked, expanded and filled in; pure logic without side effects.

Read `loader` first (from text to a definition, or every problem with its place), then `spec`,
`graph` and `rules.scheduling`.
"""
