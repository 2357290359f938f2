"""What screens are made of; no widget knows a screen, a store or another widget."""
