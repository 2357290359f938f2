"""Benchmarks of trainui, mostly reported as ratios, which depend less on the machine."""
