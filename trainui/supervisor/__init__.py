"""The per-stage supervisor process, and functions to launch, probe and stop it."""
