"""Lines that people read: logs, read by a pattern or by a preset for a well-known trainer.

Read `preset_lines` first, then `presets.base`.
"""
