"""What hardware is, what a user declares, what a VM means, what was decided."""
