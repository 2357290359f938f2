"""What runs beside each stage, and the verbs by which trainui starts, finds and stops it."""
