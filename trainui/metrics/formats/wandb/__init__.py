"""W&B's logs: `log_file` has the frames and the decoder, `rows` turns rows into columns."""
