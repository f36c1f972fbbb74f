"""Findings and tables for people and programs."""
