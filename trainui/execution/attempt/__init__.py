"""The lifecycle of one attempt of a stage in the worker: launch, monitor, outcome.

Read `launch` first (checks an attempt and starts its supervisor), then `monitor`,
then `outcome` (classifies an end) and `record_outcome`. Why an attempt failed: `cause` chooses,
`attempt_cause` adds what else is known, and `log_ends` quotes the line that an error shows.
"""
