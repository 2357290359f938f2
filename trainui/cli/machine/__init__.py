"""Commands about this machine: doctor, worker, serve, backup, uninstall.

Read `doctor` first, then `checks` for the single checks.
"""
