"""The GPUs of this machine: what NVML reports, which may be used, machine-wide locks.

Read `gpus` first.
"""
