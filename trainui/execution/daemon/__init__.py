"""Keeps the worker and the broker alive: desired state, locks, heartbeats, respawn.

Read `lifecycle` first (start, stop, status, as front ends call them), then `watchdog` (the guard).
"""
