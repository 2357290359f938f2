"""The domain model: states and their transitions, and the frozen records shared by all layers."""
