"""Parts of printed lines that several presets read: names with numbers, steps in epochs, and labels.

Read `pairs` first.
"""
