"""The guarantees, by family."""
