"""W&B's logs: read `log_file` first (the decoder), then `records` and `rows` (rows as columns)."""
