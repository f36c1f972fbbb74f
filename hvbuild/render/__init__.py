"""Plans to artifacts, and back."""
