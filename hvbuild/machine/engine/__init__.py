"""The scheduler engine: one source, run as plain Python or compiled by numba."""
