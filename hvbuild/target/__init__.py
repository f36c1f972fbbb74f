"""What a running target says: predicted, captured, held against the stack, and measured into a board."""
