"""The execution model."""
