"""Tests of the operations on runs."""
