"""Nobody gets in, and nothing gets out: tried from outside, on real processes."""
