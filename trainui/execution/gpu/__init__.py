"""The GPUs of this machine: NVML state, usable GPUs, health, machine-wide locks.

Read `gpus` first.
"""
