"""Readers of foreign languages; they know nothing of stacks."""
