"""Commands about this machine: doctor, worker, backup, uninstall.

Read `doctor` first, then `checks` for the single checks.
"""
