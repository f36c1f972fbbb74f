"""YAML layers to a checked, typed stack."""
