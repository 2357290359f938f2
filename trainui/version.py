"""The version of trainui, read by the build."""

__version__ = "0.1.0"
