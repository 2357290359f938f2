"""Pipeline files: loaded, checked, expanded and filled in; pure logic without side effects.

Read `loader` first (from text to a definition, or every problem with its place), then `spec`,
`filling` (`${...}`, in two phases) and `rules.scheduling`.
"""
