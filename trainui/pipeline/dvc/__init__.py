"""Convert DVC pipeline files to trainui pipeline files: read `convert` first."""
