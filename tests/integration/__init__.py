"""Tests of several processes at once, in homes of their own."""
