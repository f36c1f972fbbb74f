"""The version of hvbuild, as a literal: reading package metadata would cost every start 16 ms."""

__version__ = "0.1.0"
