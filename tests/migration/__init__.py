"""Tests of trainui."""
