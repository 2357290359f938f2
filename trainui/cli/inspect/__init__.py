"""Commands that show runs: ls, show, path, metrics, logs, events, export, report, and experiments.

Read `show` first; the others have the same steps: resolve RUN, query, print text or JSON.
"""
