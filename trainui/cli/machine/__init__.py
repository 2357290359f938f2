"""Commands about this machine: doctor, plugins, worker, backup, rm, prune, uninstall.

Read `doctor` first.
"""
