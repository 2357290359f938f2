"""The Textual screen: pages, widgets and keys, on top of the store and `trainui.control`.

Read `app` first (the table of contents), then `readers.poller` (the reading thread), `keymap`, and
the page of interest: `run_list.screen`, `run_page.screen`, `curves.screen`, `past_screens` or
`machine_screen`.
"""
