"""Read-only commands: ls, show, path, logs, events, metrics, graph, report, export.

Read `show` first; the others have the same steps: resolve RUN, query, print text or JSON.
"""
