"""The machine's page: GPUs, processors, memory and disks.

Read `screen` first.
"""
