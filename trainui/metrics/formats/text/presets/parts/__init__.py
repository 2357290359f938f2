"""Parts of printed lines that several presets read: named numbers, steps within epochs, labels.

Read `pairs` first.
"""
