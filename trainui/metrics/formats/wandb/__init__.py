"""W&B's logs: read `log_file` first (frames and decoder), then `rows` (from rows to columns)."""
