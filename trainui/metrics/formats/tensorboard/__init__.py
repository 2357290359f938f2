"""TensorBoard's event files: read `event_file` first."""
