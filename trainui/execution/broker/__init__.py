"""The broker: a configured Redis or Valkey, or a private server for this home.

Read `broker` first; `server_process` starts and probes the private server.
"""
