"""Semantic checks, each with a code."""
