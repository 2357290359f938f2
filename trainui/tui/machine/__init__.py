"""The machine page: GPUs, CPUs, memory and disks.

Read `screen` first.
"""
