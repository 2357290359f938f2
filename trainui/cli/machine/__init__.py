"""Commands about this machine: doctor, worker, serve, backup, uninstall.

Read `doctor` first, with `checks` for each thing that it checks.
"""
