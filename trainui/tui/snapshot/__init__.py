"""The records that the poller's thread hands to pages, and the queries of pages to it.

Read `snapshot` first, then `run_page` and `curves`.
"""
