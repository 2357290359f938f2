"""Searches: trials are asked for with a searcher's plugin, and their ends are reported to it.

Read `searcher` first: the protocol between the plugin's study and the store. A
plugin's code is imported only by a worker with an open search.
"""
