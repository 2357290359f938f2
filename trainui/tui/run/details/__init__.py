"""The pane with what is known of the selected stage: overview, parameters, outputs and events.

Read `details_view` first (the pane and its tabs), then `overview` (what a stage is shown by).
"""
