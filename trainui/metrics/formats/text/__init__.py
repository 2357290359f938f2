"""Lines that people read: logs, read by a pattern, by the grammar of printed lines, or by a plugin.

Read `grammar` first (what one line says), then `state` (what lines say together), then
`text_lines` (the decoder).
"""
