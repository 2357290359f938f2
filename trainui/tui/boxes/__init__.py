"""Other machines on the screen: their pages are read there, sent as data, and drawn here.

Read `wire` first (records as checked JSON data, and differences of them), then `agent` (the end
over there) and `feed` (the end here).
"""
