"""The words of trainui: states, their transitions, and the frozen records that cross layers.

Read `states` first (the one table of transitions), then `records` and `definition`.
"""
