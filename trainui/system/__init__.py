"""The machine: disks, mounts, file descriptors and files that are not what they seem.

Read `plain_files` first.
"""
