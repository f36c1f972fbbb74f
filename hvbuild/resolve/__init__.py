"""A declared stack to a plan."""
