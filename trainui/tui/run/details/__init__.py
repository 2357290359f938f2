"""The pane with what is known of the selected stage. Read `details_view` first, then `overview`."""
