"""Random faults in real processes, and the invariants that must hold after them."""
