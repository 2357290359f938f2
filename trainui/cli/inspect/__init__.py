"""Commands that only look: list, show, logs, metrics, graph, report, export, events.

Read `show` first; the others follow its shape: resolve RUN, read a view, print text or JSON.
"""
