"""Keeps the worker, the broker and the metrics reader alive: heartbeats, health, readiness.

Read `lifecycle` first (start, stop, status, as front ends call them), then `guard` (the guard).
"""
