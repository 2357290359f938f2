"""Tests of `trainui mcp`."""
