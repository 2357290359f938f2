"""The choice of the curves that are drawn together. Read `screen` first."""
