"""trainui: one terminal screen over your training pipelines."""
