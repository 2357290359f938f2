"""Faults caused in real processes, and what must hold all the same. A file is a family of faults.

test_worker: the worker is killed or terminated at any moment of a stage.
test_supervisor: the process beside a stage is killed.
test_guard: what brings the others back is killed, and what it guards.
test_broker: our broker alone: its store, its socket, its path, other users, hanging.
test_broker_loss: runs go on though the broker is killed, forgets everything, or hangs.
test_delivery: messages that come too often, too late, or again; claims that race.
test_starts: many processes start the same thing at once.
test_cancel: stages that resist being ended.
test_terminal: the terminal is gone, or the screen is killed, also in the middle of an action.
test_reboot: everything is killed at once, and pids mean something else afterwards.
test_leftovers: a submission or a deletion is killed in the middle.
test_nested: a stage that is itself a user of trainui.
test_disk, test_memory, test_memory_version_2: the disk is full, read-only or slow; the memory ends.
"""
