"""Styled text: segments, numbers, borders and the colours of logs.

Read `styled_text` first, then `numbers`.
"""
