"""A run's page. Read `screen` first, then `reader` and `stage_panel`."""
