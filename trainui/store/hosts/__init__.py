"""Hosts that share a database: their heartbeats, and requests for parts of each other's logs.

Read `heartbeats` first.
"""
