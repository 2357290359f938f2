"""Tests of trainui as its users meet it."""
